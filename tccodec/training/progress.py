"""What a person sees of a training run: a bar or lines, and TensorBoard if it is installed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

LINE_MINUTES = 0.5  # between two lines where there is no terminal; a rate is measured over it


class Reporter:
    """Called with each row of metrics; a context manager.

    All goes to stderr: a bar on a terminal, otherwise (a pipe, a log) a line now and then.
    `pixels_per_step` counts those of all processes.
    """

    def __init__(self, minutes: float, pixels_per_step: int, out: Path, *, quiet: bool) -> None:
        self.minutes, self.pixels, self.quiet = minutes, pixels_per_step, quiet
        self.since: tuple[int, float] | None = None  # step and minutes that the rate counts from
        self.rate = ""
        self.next_line = 0.0
        self.board: Any = None
        if not quiet:
            try:
                from torch.utils.tensorboard import SummaryWriter

                self.board = SummaryWriter(str(out / "tensorboard"))
            except ImportError:
                pass
        self.bar = not quiet and sys.stderr.isatty()
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not self.bar,
        )
        self.task = self.progress.add_task("starting", total=minutes)

    def say(self, text: str) -> None:
        """One line, above the bar if there is one."""
        if self.bar:
            self.progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
        elif not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def __call__(self, row: dict[str, Any]) -> None:
        """Show `row` (`step`, `minutes`, `loss`, `bpp`, `psnr`, and validation figures)."""
        step, now = row["step"], row["minutes"]
        if self.since is None:  # the steps before count for nothing: they compiled the model
            self.since = (step, now)
        elif now - self.since[1] >= LINE_MINUTES:
            pixels = (step - self.since[0]) * self.pixels
            self.rate = f"  {pixels / 60e6 / (now - self.since[1]):.2f} Mpx/s"
            self.since = (step, now)
        text = f"loss {row['loss']:.3f}  {row['bpp']:.3f} bpp  {row['psnr']:.2f} dB{self.rate}"
        if self.bar:
            done = min(now, self.minutes)
            self.progress.update(self.task, completed=done, description=f"step {step}  {text}")
        elif now >= self.next_line:
            self.next_line = now + LINE_MINUTES
            self.say(f"step {step}  {now:.1f} of {self.minutes:g} min  {text}")
        if self.board is not None:
            for key, value in row.items():
                if key != "step":
                    self.board.add_scalar(key, value, step)

    def __enter__(self) -> Reporter:
        self.progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.progress.stop()
        if self.board is not None:
            self.board.close()
