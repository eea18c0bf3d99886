"""The report in the terminal: progress bars, then a table."""

from __future__ import annotations

import contextlib
import math
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from tccodec.files.text import counted, escaped, rounded
from tccodec.metrics.bd import Delta
from tccodec.report.page.charts import colour_order
from tccodec.report.result import Report
from tccodec.report.sentences import footnotes, mark, sentences, signed

# Columns of a table in a pipe, which has no width.
_PIPE_WIDTH = 140
# A narrower terminal has no space beside the bar for the name of the point.
_NOTE_WIDTH = 110


def console(*, stderr: bool = False) -> Console:
    """A console that does not break tables in a pipe; it respects NO_COLOR.

    Text is printed as it is: in names, `[b]` and `:cat:` are no markup.
    """
    plain: dict[str, Any] = {"highlight": False, "markup": False, "emoji": False}
    result = Console(stderr=stderr, **plain)
    if result.is_terminal:
        return result
    return Console(stderr=stderr, **plain, width=_PIPE_WIDTH)


class TerminalProgress:
    """Bars with the remaining time on stderr, or only remarks if that is not a terminal.

    Work is counted in megapixels, so that large pictures do not disturb the estimate.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._console = console(stderr=True)
        self._quiet = quiet
        columns: list[ProgressColumn] = [
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=True),
        ]
        # the bar and the times get their space first
        if self._console.width >= _NOTE_WIDTH:
            columns.append(TextColumn("{task.fields[note]}", style="dim", markup=False))
        self._bars = Progress(
            *columns,
            console=self._console,
            transient=True,
            disable=quiet or not self._console.is_terminal,
            # a point can take a minute, so the estimate needs a long memory
            speed_estimate_period=600,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def phase(self, title: str, *, total: float, done: float) -> None:
        """Show a new bar in place of the last one."""
        if self._task is not None:
            self._bars.remove_task(self._task)
        self._task = self._bars.add_task(title, total=total, note="")
        self._bars.update(self._task, completed=done)

    def advance(self, amount: float, note: str) -> None:
        """Move the bar."""
        if self._task is not None:
            short = note if len(note) <= 40 else "…" + note[-39:]
            self._bars.update(self._task, advance=amount, note=short)

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        if self._quiet:
            return
        with contextlib.suppress(OSError):  # a full disk must not end the run
            self._bars.console.print(Text(f"tccodec: {escaped(text)}", style="yellow"))


def show(report: Report, out: Console | None = None) -> None:
    """Print the table, the sentences and the path of the files."""
    out = out or console()
    anchor = report.label(report.summary.anchor) if report.codecs else report.summary.anchor
    title = (
        f"{report.folder}: {counted(report.summary.pictures, 'picture')}, bits against {anchor} at "
        "equal quality (BD-rate)"
    )
    if report.codecs:
        out.print(_table(report, title))
    for line in footnotes(report):
        out.print(Text(line, style="dim"))
    for line in sentences(report):
        out.print(line)
    for line in report.summary.notes:
        out.print(line, style="yellow")
    if report.left_out:
        left_out = counted(len(report.left_out), "picture")
        out.print(f"{left_out} left out as decoded by tccodec.", style="yellow")
    if report.unreadable:
        out.print(f"{counted(len(report.unreadable), 'file')} could not be read.", style="yellow")
    if report.failures:
        failed = counted(len(report.failures), "point")
        out.print(f"{failed} failed; results.json names them.", style="yellow")
    if report.out:
        files = "report.html, curves.svg, curves.png, results.csv/json, summary.csv"
        out.print(Text(f"Written to {escaped(str(report.out))}: {files}"))


def _table(report: Report, title: str) -> Table:
    infos = [i for i in report.metrics if report.summary.bd.get(i.name)]
    table = Table(title=Text(title, style="bold"), title_justify="left", header_style="bold")
    table.add_column("codec")
    for info in infos:
        table.add_column(info.label, justify="right")
    table.add_column("encode CPU s/MP", justify="right")
    table.add_column("decode CPU s/MP", justify="right")
    colours = colour_order(report)
    for name in sorted((c.name for c in report.codecs), key=lambda n: colours[n]):
        row = [Text(report.label(name), style="bold" if name == report.summary.focus else "")]
        for info in infos:
            delta = report.summary.bd[info.name].get(name, {}).get("rate")
            row.append(Text("anchor", "dim") if name == report.summary.anchor else _cell(delta))
        encode, decode = report.summary.speed.get(name, (math.nan, math.nan))
        row += [Text(rounded(v, 2) if math.isfinite(v) else "-") for v in (encode, decode)]
        table.add_row(*row)
    return table


def _cell(delta: Delta | None) -> Text:
    if delta is None:
        return Text("-", "dim")
    if not math.isfinite(delta.value):
        return Text("-", "dim")
    low, high = delta.interval or (delta.value, delta.value)
    style = "green" if high < -0.05 else "red" if low > 0.05 else ""
    shown = Text(f"{signed(delta.value, 1)} %{''.join(map(mark, delta.warnings))}", style)
    if delta.interval:
        shown.append(f"\n{signed(low, 1)} to {signed(high, 1)}", "dim")
    return shown
