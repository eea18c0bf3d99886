"""The messages of a command: progress on a terminal, errors, notes, closing lines.

Messages go to stderr, JSON to stdout. rich is imported only if stderr is a terminal; it respects
NO_COLOR.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from tccodec.cli.jobs import Job, Plan, SkippedFile
from tccodec.cli.streams import StdoutError, message
from tccodec.errors import BadPicture, TccodecError
from tccodec.files.text import counted, escaped, json_name, rounded, shown, size_text

if TYPE_CHECKING:
    from rich.progress import Progress

    from tccodec.picture import Loss

_NAMES = 5  # most names in a line, unless -v asks for all


@dataclass(frozen=True, slots=True)
class Messages:
    """The options --json, --quiet and --verbose."""

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False


@dataclass(slots=True)
class FinishedJob:
    """The figures of a finished job: bytes before and after, pixels, seconds."""

    job: Job
    before: int
    after: int
    coded: int  # bytes of the .tcz file, input or output
    pixels: int
    seconds: float
    notes: tuple[str, ...] = ()
    losses: tuple[Loss, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)  # further fields of --json
    stopped: bool = False  # by Ctrl-C: no further jobs are done
    rated: bool = True  # whether its seconds are those of coding; not so for a preview
    record: dict[str, Any] | None = None  # for the manifest of an archive

    @property
    def larger(self) -> bool:
        """Whether the file that was written is larger than its input."""
        return bool(self.extra.get("larger"))


@dataclass(slots=True)
class _Totals:
    """The sums over finished jobs. Memory does not grow with their number, unless for -v."""

    count: int = 0
    before: int = 0
    after: int = 0
    coded: int = 0
    pixels: int = 0
    seconds: float = 0.0
    rated: bool = True
    larger: int = 0  # files that grew
    larger_names: list[str] = field(default_factory=list)  # of the first of them
    kinds: Counter[str] = field(default_factory=Counter)  # of losses

    def add(self, done: FinishedJob, *, every_name: bool) -> None:
        """Count a finished job. every_name: keep the names of all files that grew."""
        self.count += 1
        self.before += done.before
        self.after += done.after
        self.coded += done.coded
        self.pixels += done.pixels
        self.seconds += done.seconds
        self.rated = self.rated and done.rated
        self.kinds.update({loss.kind for loss in done.losses})
        if done.larger:
            self.larger += 1
            if every_name or self.larger <= _NAMES:
                self.larger_names.append(done.job.name)

    def text(self) -> str:
        """The sums in one line."""
        text = (
            f"{counted(self.count, 'picture')}, {self.pixels / 1e6:.1f} MP:"
            f" {size_text(self.before)} -> {size_text(self.after)}"
        )
        rate = rate_text(self.coded, self.pixels, self.seconds) if self.rated else ""
        return f"{text}, {rate}" if rate else text

    def losses(self) -> list[str]:
        """`12 pictures: one frame of several is kept`, the most frequent kind first."""
        return [
            f"{counted(count, 'picture')}: {kind}"
            for kind, count in sorted(self.kinds.items(), key=lambda item: (-item[1], item[0]))
        ]


class Reporter:
    """Adds up the figures of a run and prints its messages."""

    def __init__(self, plan: Plan, messages: Messages) -> None:
        self.as_json, self.quiet = messages.as_json, messages.quiet
        self.verbose = messages.verbose
        self.total = len(plan.jobs)
        self.finished = _Totals()
        self.skipped_files = plan.skipped
        self.failed = self.skipped_jobs = 0
        self._live: Progress | None = None

    @contextmanager
    def progress(self) -> Iterator[Callable[[float], None]]:
        """Show a progress bar over all jobs; yields the function that each job calls."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda _share: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
        console = Console(stderr=True)
        # JSON must reach stdout, not the console of the bar.
        with Progress(*columns, console=console, transient=True, redirect_stdout=False) as live:
            task = live.add_task("", total=self.total)
            self._live = live

            def update(share: float) -> None:
                finished = self.finished.count + self.failed + self.skipped_jobs
                # The last tenth is the transform and the writing, which report no progress.
                live.update(task, completed=finished + 0.9 * share)
                live.update(task, description=f"{min(finished + 1, self.total)}/{self.total}")

            try:
                yield update
            finally:
                self._live = None

    def say(self, text: str) -> None:
        """Print a line on stderr, above the bar if there is one."""
        if self._live is not None:
            self._live.console.print(
                escaped(text), markup=False, emoji=False, highlight=False, soft_wrap=True
            )
        else:
            message(text)

    def succeeded(self, done: FinishedJob, *, line: str) -> None:
        """Count a finished job and print its remark; with -v also its line and its notes.

        Losses are printed with -v and for a single job. Otherwise `close` prints them, each kind
        once.
        """
        self.finished.add(done, every_name=self.verbose)
        if (remark := done.extra.get("remark")) and not self.quiet:
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
        """Count a failed job and print the error."""
        self.failed += 1
        name, text = failure(job, error)
        self.say(f"tccodec: {name}: {text}")
        if self.as_json:
            error_text = text if name == job.name else f"{name}: {text}"
            self._print_json(job, error=error_text)

    def would_code(self, jobs: Sequence[tuple[Job, int]]) -> None:
        """Say which jobs would be done; with each the bytes of its input."""
        total = sum(size for _, size in jobs)
        if not self.quiet:
            for job, _ in jobs if self.verbose or len(jobs) == 1 else ():
                self.say(f"would code {job.name} -> {job.output}")
            files = counted(len(jobs), "picture")
            self.say(f"would code {files}, {size_text(total)}; nothing is written")
        if self.as_json:
            for job, size in jobs:
                self._print_json(job, input_bytes=size, dry_run=True)

    def remark(self, text: str, values: dict[str, Any]) -> None:
        """Print a line about all jobs, and with --json the same as an object."""
        if not self.quiet:
            self.say(text)
        if self.as_json:
            self._print(json.dumps(values))

    def skip(self, job: Job, reason: str) -> None:
        """Count a job that is skipped at the user's request."""
        self.skipped_jobs += 1
        self.skipped_files.append(SkippedFile(job.source, reason))

    def close(self, *, line: str) -> int:
        """Print the closing lines after the last job; returns the exit status."""
        failed = self.failed + sum(file.failed for file in self.skipped_files)
        if not self.quiet:
            if self.finished.count:
                self.say(line if self.total == 1 else self.finished.text())
                for text in self.finished.losses() if self.total > 1 else ():
                    self.say(text)
            if (larger := self.finished.larger) and self.total > 1:
                names = _listed(self.finished.larger_names, larger)
                self.say(f"larger than before: {larger} of {self.finished.count}: {names}")
        for text in skipped_lines(self.skipped_files, whole=self.verbose, quiet=self.quiet):
            self.say(text)
        if self.as_json:
            for file in self.skipped_files:
                key = "error" if file.failed else "skipped"
                self._print_json(Job(file.path, None), **{key: file.reason})
        if failed and not self.quiet and (total := self.total + failed - self.failed) > 1:
            self.say(f"{failed} of {total} failed")
        return 1 if failed else 0

    def _print_json(self, job: Job, **values: Any) -> None:
        names = json_name("input", job.source or "stdin") | json_name("output", job.target)
        self._print(json.dumps(names | values))

    def _print(self, text: str) -> None:
        """Print a line on stdout. On a terminal the bar makes way for it."""
        live = self._live if sys.stdout.isatty() else None
        if live is not None:
            live.stop()
        click.echo(text)
        if live is not None:
            live.start()


def _figures(done: FinishedJob) -> dict[str, Any]:
    """The JSON object of a finished job."""
    return {
        "input_bytes": done.before,
        "output_bytes": done.after,
        "bpp": round(done.coded * 8 / done.pixels, 6),
        "seconds": round(done.seconds, 3),
        **done.extra,
        "losses": list(done.losses),
        "notes": list(done.notes),
    }


def refuse_losses(losses: Sequence[Loss]) -> None:
    """What --strict does: `BadPicture` if the file to be written would lose anything."""
    if losses:
        raise BadPicture(f"nothing written, because of --strict: {'; '.join(losses)}")


def failure(job: Job, error: Exception) -> tuple[str, str]:
    """`(file at fault, what is wrong)` of an exception in a job, both for printing.

    An unexpected exception does not end the jobs that follow. Its text says that it is a bug.
    """
    if isinstance(error, OSError):
        name = error.filename
        if not isinstance(name, str) or (job.source is not None and name == str(job.source)):
            return job.name, error.strerror or str(error)
        return shown(name), error.strerror or str(error)
    if isinstance(error, MemoryError):
        return job.name, "not enough memory"
    if isinstance(error, TccodecError):
        return job.name, str(error)
    text = shown(" ".join(f"{type(error).__name__}: {error}".split()))
    return job.name, f"a fault of this program, please report it: {text}"


def is_reader_gone(error: Exception) -> bool:
    """Whether nobody reads stdout any more, so that the run should end."""
    return isinstance(error, StdoutError) and error.reader_gone


def skipped_lines(
    skipped: Iterable[SkippedFile], *, whole: bool, quiet: bool = False, names_all: str = "-v"
) -> Iterator[str]:
    """Lines about the files that were skipped, by reason, failures last.

    whole: list all names. quiet: only the failures. names_all: the option that lists all names.
    """
    groups: dict[tuple[bool, str], list[str]] = {}
    for file in skipped:
        groups.setdefault((file.failed, file.reason), []).append(file.name)
    for (failed, reason), names in sorted(groups.items()):
        if failed or not quiet:
            files = counted(len(names), "file")
            start = "tccodec: not coded" if failed else "passed over"
            listed = _listed(names if whole else names[:_NAMES], len(names), names_all)
            yield f"{start}: {files}, {reason}: {listed}"


def _listed(names: list[str], count: int, option: str = "-v") -> str:
    """The first names of `count`, with commas between, and how many more there are."""
    more = count - len(names)
    return ", ".join(names) + (f" and {more} more ({option} names all)" if more else "")


class Stopwatch:
    """Measures the seconds since it was made."""

    def __init__(self) -> None:
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """The seconds, at least a microsecond, so that one can divide by them."""
        return max(time.perf_counter() - self._start, 1e-6)


def rate_text(coded: int, pixels: int, seconds: float) -> str:
    """`0.229 bpp, 1.8 MP/s`, never with an exponent."""
    return f"{coded * 8 / pixels:.3f} bpp, {rounded(pixels / 1e6 / seconds, 2)} MP/s"
