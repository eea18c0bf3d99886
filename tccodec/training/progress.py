"""The display of a training run: a bar or lines, and TensorBoard if it is installed."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

LINE_MINUTES = (
    0.5  # between two lines without a terminal; also the time over which speed is measured
)
CHANGED = "going on with changes"  # before the settings that are not those of the resumed run


class TrainingDisplay:
    """Called with each row of metrics; a context manager.

    It writes to stderr: a bar on a terminal, otherwise a line now and then. `pixels_per_step` is
    the sum over all processes. With `steps` above 0 the run ends after so many, not by time.
    """

    def __init__(
        self, out: Path, *, minutes: float, pixels_per_step: int, quiet: bool, steps: int = 0
    ) -> None:
        self.minutes, self.pixels, self.quiet, self.steps = minutes, pixels_per_step, quiet, steps
        self.measured_from: tuple[int, float] | None = (
            None  # step and minutes from which the speed is measured
        )
        self.speed = ""
        self.collapsed = False
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
        self.task = self.progress.add_task("starting", total=steps or minutes)

    def say(self, text: str) -> None:
        """One line, above the bar if there is one."""
        if self.bar:
            self.progress.console.print(text, markup=False, highlight=False, soft_wrap=True)
        elif not self.quiet:
            with contextlib.suppress(OSError):  # a full disk must not end the run
                print(text, file=sys.stderr, flush=True)

    def __call__(self, row: dict[str, Any]) -> None:
        """Show `row`: `step`, `minutes`, `loss`, of a codec `bpp` and `psnr`, and other figures."""
        step, now = row["step"], row["minutes"]
        if self.measured_from is None:  # the first steps compile the model
            self.measured_from = (step, now)
        elif now - self.measured_from[1] >= LINE_MINUTES:
            pixels = (step - self.measured_from[0]) * self.pixels
            self.speed = f"  {pixels / 60e6 / (now - self.measured_from[1]):.2f} Mpx/s"
            self.measured_from = (step, now)
        if row.get("collapsed") and not self.collapsed:
            self.collapsed = True
            self.say(
                f"step {step}: self-supervision has collapsed: the teacher's probabilities are the"
                " same for all tokens, or flat; lower selfsup or raise teacher_momentum"
            )
        text = f"loss {row['loss']:.3f}"
        if "psnr" in row:
            text += f"  {row['bpp']:.3f} bpp  {row['psnr']:.2f} dB"
        text += self.speed
        if self.bar:
            done = step if self.steps else min(now, self.minutes)
            self.progress.update(self.task, completed=done, description=f"step {step}  {text}")
        elif now >= self.next_line:
            self.next_line = now + LINE_MINUTES
            end = f"of {self.steps}  {now:.1f}" if self.steps else f" {now:.1f} of {self.minutes:g}"
            self.say(f"step {step} {end} min  {text}")
        if self.board is not None:
            for key, value in row.items():
                if key != "step":
                    self.board.add_scalar(key, value, step)

    def __enter__(self) -> TrainingDisplay:
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
