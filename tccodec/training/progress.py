"""What a person sees of a training run: a line of progress, and TensorBoard if installed."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


class Reporter:
    """Called with each row of metrics; a context manager."""

    def __init__(self, minutes: float, pixels_per_step: int, out: Path, *, quiet: bool) -> None:
        self.minutes, self.pixels = minutes, pixels_per_step
        self.last = (0, 0.0)
        self.board: Any = None
        if not quiet:
            try:
                from torch.utils.tensorboard import SummaryWriter

                self.board = SummaryWriter(str(out / "tensorboard"))
            except ImportError:
                pass
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=quiet or not sys.stderr.isatty(),
        )
        self.task = self.progress.add_task("starting", total=minutes)

    def __call__(self, row: dict[str, Any]) -> None:
        """Show `row` (`step`, `minutes`, `loss`, `bpp`, `psnr`, and validation figures)."""
        step, now = row["step"], row["minutes"]
        rate = (step - self.last[0]) * self.pixels / max(1e-6, now - self.last[1]) / 60e6
        self.last = (step, now)
        text = (
            f"step {step}  {rate:.2f} Mpx/s  loss {row['loss']:.3f}  "
            f"{row['bpp']:.3f} bpp  {row['psnr']:.2f} dB"
        )
        self.progress.update(self.task, completed=min(now, self.minutes), description=text)
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
