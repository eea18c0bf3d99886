"""Rate-quality charts: one panel per metric, for the page and for curves.svg and .png."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import ImageFont

from tccodec.files.text import counted
from tccodec.metrics import MetricInfo
from tccodec.metrics.bd import PiecewiseCubic
from tccodec.report.curves import axis_points
from tccodec.report.page.drawing import (
    Dot,
    Ink,
    Line,
    Point,
    Rectangle,
    Shape,
    Text,
    to_png,
    to_svg,
)

if TYPE_CHECKING:
    from tccodec.report.result import Report

# Colours that differ in lightness as well as in hue. The first is for the report's subject, the
# second for its anchor. The page has a second set for dark mode (page/page.css, --k0 ...).
PALETTE = (
    "#d4351c",
    "#1d70b8",
    "#00836c",
    "#b8860b",
    "#7b4fa3",
    "#5c6b73",
    "#c2477f",
    "#4f7a28",
    "#8b5a2b",
    "#2f8fa3",
)
INK = Ink("#1f1d1a", "var(--ink)")
MUTED = Ink("#6f6a62", "var(--muted)")
GRID = Ink("#e6e2da", "var(--grid)")
SHADE = Ink("#f4f1eb", "var(--soft)")
PAPER = Ink("#ffffff", "var(--card)")

_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 14.0, 14.0, 40.0
_RATE_TICKS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)


@dataclass(frozen=True)
class CurveLine:
    """A codec's line in a panel."""

    label: str
    ink: Ink
    rates: list[float]
    values: list[float]
    dashed: bool
    strong: bool
    # the axis is -score: ticks show the score
    upside_down: bool


def colour_order(report: Report) -> dict[str, int]:
    """Codec -> index into the palette: subject first, anchor second, then the others."""
    focus, anchor = report.summary.focus, report.summary.anchor
    names = [c.name for c in report.codecs]
    first = [n for n in (focus or "", anchor) if n in names]
    ordered = first + [n for n in names if n not in first]
    shift = 0 if focus else 1
    return {name: (i + shift) % len(PALETTE) for i, name in enumerate(ordered)}


def curves_of(report: Report, info: MetricInfo) -> list[CurveLine]:
    """The mean curves of a metric; the subject is last, so that it is drawn on top."""
    order = colour_order(report)
    curves = []
    for name, index in sorted(order.items(), key=lambda item: -item[1]):
        rates, values = axis_points(report.summary.curves.get(name, []), info.name)
        if rates:
            ink = Ink(PALETTE[index], f"var(--k{index})")
            strong = name == report.summary.focus
            dashed = name.endswith("-half")
            flip = info.axis == "negative"
            curves.append(
                CurveLine(
                    label=report.label(name),
                    ink=ink,
                    rates=rates,
                    values=values,
                    dashed=dashed,
                    strong=strong,
                    upside_down=flip,
                )
            )
    return curves


def panel(
    curves: Sequence[CurveLine], title: str, *, corner: Point, size: Point, window: Point | None
) -> list[Shape]:
    """Axes, grid and curves of one metric in the rectangle at `corner`; a `window` is shaded."""
    rates = [r for c in curves for r in c.rates]
    values = [v for c in curves for v in c.values]
    if not rates:
        return []
    x0, x1 = math.log(min(rates) / 1.08), math.log(max(rates) * 1.08)
    low, high = min(values), max(values)
    margin = (high - low) * 0.05 or max(abs(high) * 0.05, 0.5)
    y0, y1 = low - margin, high + margin
    left, top = corner[0] + _LEFT, corner[1] + _TOP
    width, height = size[0] - _LEFT - _RIGHT, size[1] - _TOP - _BOTTOM

    def place(rate: float, value: float) -> Point:
        x = left + (math.log(rate) - x0) / (x1 - x0) * width
        return x, top + (y1 - value) / (y1 - y0) * height

    shapes: list[Shape] = []
    if window:
        a, b = (min(max(math.log(max(v, 1e-9)), x0), x1) for v in window)
        x = left + (a - x0) / (x1 - x0) * width
        shapes.append(Rectangle((x, top), ((b - a) / (x1 - x0) * width, height), SHADE))
    for tick in nice_ticks(y0, y1):
        y = place(1, tick)[1]
        shapes.append(Line([(left, y), (left + width, y)], GRID))
        shown = abs(tick) if curves[0].upside_down else tick
        label = f"{shown:g}".replace("-", "\N{MINUS SIGN}")
        shapes.append(Text((left - 7, y + 4), label, MUTED, size=11, anchor="end"))
    for tick in _RATE_TICKS:
        if x0 <= math.log(tick) <= x1:
            x = place(tick, y0)[0]
            shapes.append(Line([(x, top), (x, top + height)], GRID))
            shapes.append(
                Text((x, top + height + 16), f"{tick:g}", MUTED, size=11, anchor="middle")
            )
    shapes.append(Text((left + 8, top + 16), title, INK, size=13, bold=True))
    shapes.append(
        Text(
            (left + width, top + height + 33),
            "bits per pixel, whole files",
            MUTED,
            size=11,
            anchor="end",
        )
    )
    for curve in curves:
        line_width = 2.6 if curve.strong else 1.7
        dash = (5.0, 4.0) if curve.dashed else None
        samples = smooth(curve.rates, curve.values)
        if len(samples) > 1:
            shapes.append(
                Line([place(r, v) for r, v in samples], curve.ink, width=line_width, dash=dash)
            )
        for r, v in zip(curve.rates, curve.values, strict=True):
            shapes.append(Dot(place(r, v), 3.0 if curve.strong else 2.3, curve.ink))
    return shapes


def smooth(rates: Sequence[float], values: Sequence[float], steps: int = 8) -> list[Point]:
    """Samples of a shape-preserving curve (PCHIP over log rate) through the points.

    From each point to the next there are `steps` equal steps of log rate, so that every
    `steps`-th sample is a point.
    """
    pairs = sorted(dict(zip(rates, values, strict=True)).items())
    if len(pairs) < 2:
        return pairs
    x, y = np.log([r for r, _ in pairs]), np.array([v for _, v in pairs])
    curve = PiecewiseCubic(x, y, "pchip")
    pieces = [np.linspace(a, b, steps + 1) for a, b in itertools.pairwise(x)]
    at = np.unique(np.concatenate(pieces))
    return list(zip(np.exp(at).tolist(), curve(at).tolist(), strict=True))


def nice_ticks(low: float, high: float, wanted: int = 6) -> list[float]:
    """Round numbers between `low` and `high`."""
    raw = (high - low) / wanted
    step = 10 ** math.floor(math.log10(raw))
    step = next(step * m for m in (1, 2, 2.5, 5, 10) if step * m >= raw)
    first = math.ceil(low / step)
    return [round(i * step, 10) for i in range(first, math.floor(high / step) + 1)]


def legend(curves: Sequence[CurveLine], at: Point, width: float) -> tuple[list[Shape], float]:
    """Names of the curves in rows: the shapes and their height."""
    shapes: list[Shape] = []
    font = ImageFont.load_default(12)
    x, y = at
    for curve in reversed(curves):
        needed = 46 + font.getlength(curve.label)
        if x + needed > at[0] + width and x > at[0]:
            x, y = at[0], y + 20
        dash = (5.0, 4.0) if curve.dashed else None
        shapes.append(Line([(x, y - 4), (x + 20, y - 4)], curve.ink, width=2.6, dash=dash))
        shapes.append(Text((x + 26, y), curve.label, INK, size=12, bold=curve.strong))
        x += needed
    return shapes, y - at[1] + 20


def _title(info: MetricInfo) -> str:
    return info.axis_label() + (", lower is better" if info.axis == "negative" else "")


def metric_svg(report: Report, info: MetricInfo) -> str:
    """One metric for the page: drawn without scripts, coloured by the page's style."""
    size = (720.0, 400.0)
    curves = curves_of(report, info)
    names, height = legend(curves, (_LEFT, 14.0), size[0] - _LEFT)
    shapes = names + panel(
        curves, _title(info), corner=(0, height), size=size, window=report.window
    )
    title = f"{info.label} against bits per pixel"
    return to_svg(shapes, (size[0], size[1] + height), css=True, title=title)


def sheet(report: Report) -> tuple[list[Shape], Point]:
    """All metrics on one sheet, for curves.svg and curves.png."""
    infos = [i for i in report.metrics if curves_of(report, i)]
    columns = 1 if len(infos) < 2 else 2 if len(infos) in (2, 4) else 3
    cell = (430.0, 300.0)
    width = columns * cell[0] + 20
    heading = f"{report.folder}: {counted(report.summary.pictures, 'picture')}, means per setting"
    shapes: list[Shape] = [Text((22, 34), heading, INK, size=17, bold=True)]
    longest = max((curves_of(report, i) for i in infos), key=len, default=[])
    names, taken = legend(longest, (22.0, 62.0), width - 40)
    shapes += names
    top = 62 + taken - 6
    for i, info in enumerate(infos):
        corner = (10 + (i % columns) * cell[0], top + (i // columns) * cell[1])
        curves = curves_of(report, info)
        shapes += panel(curves, _title(info), corner=corner, size=cell, window=report.window)
    rows = -(-len(infos) // columns)
    size = (width, top + rows * cell[1] + 6)
    return [Rectangle((0, 0), size, PAPER), *shapes], size


def curves_svg(report: Report) -> str:
    """curves.svg."""
    shapes, size = sheet(report)
    return to_svg(shapes, size, css=False, title=f"Rate-quality curves of {report.folder}")


def curves_png(report: Report) -> bytes:
    """curves.png, two pixels per unit."""
    shapes, size = sheet(report)
    # Pillow's own font has no minus sign
    plain = [
        replace(s, text=s.text.replace("\N{MINUS SIGN}", "-")) if isinstance(s, Text) else s
        for s in shapes
    ]
    return to_png(plain, size)
