"""What a command says while it works: progress on a terminal, errors, notes, a closing line.

Messages go to stderr, JSON to stdout. rich is imported only if stderr is a terminal; it
respects NO_COLOR by itself.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from tccodec.cli.jobs import Job
from tccodec.errors import TccodecError

if TYPE_CHECKING:
    from rich.progress import Progress

    from tccodec.picture import Loss


@dataclass(slots=True)
class Done:
    """Figures of one finished job: bytes in and out of the coded side, pixels, seconds."""

    job: Job
    before: int
    after: int
    coded: int  # bytes of the .tcz file, whichever side it is on
    pixels: int
    seconds: float
    notes: tuple[str, ...] = ()
    losses: tuple[Loss, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)  # what --json adds
    stopped: bool = False  # the user wants no more of it


class Reporter:
    """Collects the figures of a run and does all of its talking."""

    def __init__(self, *, as_json: bool, quiet: bool, verbose: bool, total: int) -> None:
        self.as_json, self.quiet, self.verbose, self.total = as_json, quiet, verbose, total
        self.done: list[Done] = []
        self.failed = 0
        self._live: Progress | None = None

    @contextmanager
    def progress(self) -> Iterator[Callable[[float], None]]:
        """A bar over the whole run while it lasts; yields the function to call in each job."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda _share: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
        with Progress(*columns, console=Console(stderr=True), transient=True) as live:
            task = live.add_task("", total=self.total)
            self._live = live

            def update(share: float) -> None:
                finished = len(self.done) + self.failed
                # The last tenth is the transform and the writing, which report nothing.
                live.update(task, completed=finished + 0.9 * share)
                live.update(task, description=f"{min(finished + 1, self.total)}/{self.total}")

            try:
                yield update
            finally:
                self._live = None

    def say(self, text: str) -> None:
        """One line on stderr, above the bar if there is one."""
        if self._live is not None:
            self._live.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(text, err=True)

    def succeeded(self, done: Done, *, line: str) -> None:
        """Count a finished job; its notes and, of several, its line are said with -v.

        Losses are always said: of several jobs at the end, each kind once.
        """
        self.done.append(done)
        if (remark := done.more.get("remark")) and not self.quiet:
            self.say(f"{done.job.name}: {remark}")
        if self.verbose and not self.quiet:
            if self.total > 1:
                self.say(line)
            for note in done.notes:
                self.say(f"{done.job.name}: {note}")
        if done.losses and not self.quiet and (self.verbose or self.total == 1):
            for loss in done.losses:
                self.say(f"{done.job.name}: {loss}")
        if self.as_json:
            self._print_json(done.job, **_figures(done))

    def problem(self, job: Job, error: Exception) -> None:
        """Count a failed job and say why."""
        self.failed += 1
        text = str(error)
        if isinstance(error, OSError):
            text = error.strerror or text
        elif isinstance(error, MemoryError):
            text = "not enough memory"
        self.say(f"tccodec: {job.name}: {text}")
        if self.as_json:
            self._print_json(job, error=text)

    def close(self, *, line: str) -> int:
        """The closing line, after the last job; returns the exit status."""
        if not self.quiet:
            if self.done:
                self.say(line if self.total == 1 else self._summary())
                for text in self._kinds_of_loss() if self.total > 1 else ():
                    self.say(text)
            if self.failed and self.total > 1:
                self.say(f"{self.failed} of {self.total} failed")
        return 1 if self.failed else 0

    def _kinds_of_loss(self) -> list[str]:
        """`12 pictures: one frame of several is kept`, the most frequent kind first."""
        kinds = Counter(k for d in self.done for k in {loss.kind for loss in d.losses})
        return [
            f"{count} picture{'s' * (count > 1)}: {kind}"
            for kind, count in sorted(kinds.items(), key=lambda found: (-found[1], found[0]))
        ]

    def _summary(self) -> str:
        """Totals of all finished jobs."""
        pixels = sum(d.pixels for d in self.done)
        seconds = sum(d.seconds for d in self.done)
        before, after = sum(d.before for d in self.done), sum(d.after for d in self.done)
        coded = sum(d.coded for d in self.done)
        return (
            f"{len(self.done)} pictures, {pixels / 1e6:.1f} MP: {size_text(before)} ->"
            f" {size_text(after)}, {rate_text(coded, pixels, seconds)}"
        )

    def _print_json(self, job: Job, **values: Any) -> None:
        target = None if job.target is None else str(job.target)
        click.echo(json.dumps({"input": job.name, "output": target, **values}))


def _figures(done: Done) -> dict[str, Any]:
    """What --json says of a finished job."""
    return {
        "input_bytes": done.before,
        "output_bytes": done.after,
        "bpp": round(done.coded * 8 / done.pixels, 6),
        "seconds": round(done.seconds, 3),
        **done.more,
        "losses": list(done.losses),
        "notes": list(done.notes),
    }


def run_jobs(
    jobs: list[Job],
    work: Callable[[Job, Callable[[float], None]], tuple[Done, str]],
    *,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Do all jobs, one failing not stopping the rest; returns the exit status.

    work: does one job, given a progress callback, and returns its figures and its line.
    """
    report = Reporter(as_json=as_json, quiet=quiet, verbose=verbose, total=len(jobs))
    line = ""
    with report.progress() as update:
        for job in jobs:
            update(0.0)
            try:
                if job.problem:
                    raise TccodecError(job.problem)
                done, line = work(job, update)
            except (TccodecError, OSError, MemoryError) as e:
                if isinstance(e, BrokenPipeError):
                    raise
                report.problem(job, e)
            else:
                report.succeeded(done, line=line)
                if done.stopped:
                    report.close(line=line)
                    raise KeyboardInterrupt
    return report.close(line=line)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """At least a microsecond, so that it can be divided by."""
        return max(time.perf_counter() - self._start, 1e-6)


def size_text(count: int) -> str:
    """`831 bytes`, `31.2 kB`, `4.07 MB`: thousands, as file managers show them."""
    if count < 1000:
        return f"{count} bytes"
    if count < 10**6:
        return f"{count / 1e3:.1f} kB"
    return f"{count / 1e6:.2f} MB"


def rate_text(coded: int, pixels: int, seconds: float) -> str:
    """`0.229 bpp, 1.8 MP/s`."""
    return f"{coded * 8 / pixels:.3f} bpp, {pixels / 1e6 / seconds:.2g} MP/s"
