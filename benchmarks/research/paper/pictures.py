"""The pictures of docs/paper.md: distances of samples by steps as curves, and samples."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.common import save_sheet, side_by_side
from benchmarks.research.paper.tables import Results
from tccodec.report.page.charts import PALETTE, nice_ticks
from tccodec.report.page.drawing import Dot, Ink, Line, Shape, Text, to_svg

COMPARED = ("p8-one", "p8-two", "p8-one-ssl", "p8-two-ssl", "p4-one", "p4-two")
IN_A_LINE = 2  # sheets of samples
WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 560, 300, 50, 40, 16, 120
LINE = 15  # between labels, pixels
GREY = Ink("#5c6b73", "currentColor")
Curves = dict[str, list[tuple[float, float]]]  # row -> steps, Frechet distance


def curves_of(results: Results) -> Curves:
    """The compared rows' means over seeds."""
    curves: Curves = {}
    for name in COMPARED:
        runs = [r["generation"]["points"] for r in results[name] if "generation" in r]
        if runs:
            steps = [float(p["step"]) for p in runs[0]]
            means = np.mean([[p["frechet"] for p in points] for points in runs], 0)
            curves[name] = list(zip(steps, map(float, means), strict=True))
    return curves


def apart(heights: Sequence[float], lowest: float) -> list[float]:
    """Heights of labels from top to bottom, moved so that none overlaps or is below `lowest`."""
    moved: list[float] = []
    for height in heights:
        moved.append(max(height, moved[-1] + LINE) if moved else height)
    room = (lowest - LINE * i for i in reversed(range(len(moved))))
    return [min(pair) for pair in zip(moved, room, strict=True)]


def plot(curves: Curves) -> str:
    """An SVG: the Frechet distance of samples by the generators' steps."""
    last = max(step for points in curves.values() for step, _ in points)
    values = [value for points in curves.values() for _, value in points]
    margin = 0.1 * (max(values) - min(values)) or 1.0
    low, high = min(values) - margin, max(values) + margin

    def at(step: float, value: float) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - RIGHT) * step / last
        return x, HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (value - low) / (high - low)

    shapes: list[Shape] = [Line([at(0, high), at(0, low), at(last, low)], GREY)]
    for step in nice_ticks(0, last, 4)[1:]:
        x, y = at(step, low)
        shapes.append(Text((x, y + 16), f"{step:.0f}", GREY, anchor="middle"))
    for value in nice_ticks(low, high, 5):
        x, y = at(0, value)
        shapes.append(Text((x - 6, y + 4), f"{value:g}", GREY, anchor="end"))
    shapes.append(Text(((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6), "steps", GREY, anchor="middle"))
    ends = sorted(curves, key=lambda name: -curves[name][-1][1])
    lines = [[at(*point) for point in curves[name]] for name in ends]
    labels = apart([points[-1][1] + 4 for points in lines], at(0, low)[1])
    for i, (name, points) in enumerate(zip(ends, lines, strict=True)):
        ink = Ink(PALETTE[i], PALETTE[i])
        shapes += [Line(points, ink, width=2), *(Dot(point, 3, ink) for point in points)]
        shapes.append(Text((points[-1][0] + 8, labels[i]), name, ink))
    title = "Frechet distance of samples by steps of the generator"
    return to_svg(shapes, (WIDTH, HEIGHT), css=False, title=title)


def stacked(lines: Sequence[Image.Image]) -> Image.Image:
    """Pictures below each other on white."""
    size = max(line.width for line in lines), sum(line.height for line in lines)
    out = Image.new("RGB", size, "white")
    top = 0
    for line in lines:
        out.paste(line, (0, top))
        top += line.height
    return out


def write(results: Results, folder: Path, images: Path) -> str:
    """Write the pictures to `images`; the Markdown that shows them from the page above it.

    `folder` has the sheets of samples. Rows that have not run are left out, and without any
    nothing is written.
    """
    curves = curves_of(results)
    if not curves:
        return ""
    images.mkdir(parents=True, exist_ok=True)
    (images / "paper-generation.svg").write_text(plot(curves), "utf-8")
    sheets = []
    for name in curves:
        with Image.open(folder / f"{name}-{results[name][0]['seed']}.jpg") as opened:
            sheets.append((name, opened.convert("RGB")))
    lines = [side_by_side(sheets[i : i + IN_A_LINE]) for i in range(0, len(sheets), IN_A_LINE)]
    save_sheet(stacked(lines), images / "paper-samples.jpg")
    return (
        f"![Frechet distance by steps]({images.name}/paper-generation.svg)\n\n"
        f"![Samples of six rows, not selected]({images.name}/paper-samples.jpg)"
    )
