"""A few drawing primitives with two renderers: SVG text and PNG pixels.

They suffice for line charts, and save a plotting library of 35 MB.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from PIL import Image, ImageDraw, ImageFont

Point = tuple[float, float]
# The PNG is drawn this much larger and then shrunk, which makes its lines smooth.
_SUPERSAMPLE = 2


@dataclass(frozen=True)
class Ink:
    """A colour: `hex` for files, `css` for the page, which has a dark mode."""

    hex: str
    css: str


@dataclass(frozen=True)
class Line:
    """A polyline; `dash` gives lengths on and off, in pixels."""

    points: Sequence[Point]
    ink: Ink
    width: float = field(default=1.0, kw_only=True)
    dash: tuple[float, float] | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class Dot:
    """A filled circle."""

    at: Point
    radius: float
    ink: Ink


@dataclass(frozen=True)
class Rectangle:
    """A filled rectangle."""

    corner: Point
    size: Point
    ink: Ink
    radius: float = 0.0


@dataclass(frozen=True)
class Text:
    """A line of text; `anchor` is start, middle or end; `at` is on the baseline."""

    at: Point
    text: str
    ink: Ink
    size: float = field(default=12.0, kw_only=True)
    anchor: str = field(default="start", kw_only=True)
    bold: bool = field(default=False, kw_only=True)


Shape = Line | Dot | Rectangle | Text


def to_svg(shapes: Sequence[Shape], size: Point, *, css: bool, title: str) -> str:
    """An `<svg>` element; if `css` is true, its colours are the page's variables."""
    width, height = size
    head = "" if css else ' font-family="system-ui, -apple-system, Segoe UI, sans-serif"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" height="{height:g}" role="img"{head}>',
        f"<title>{escape(title)}</title>",
        *(_svg(shape, css) for shape in shapes),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _svg(shape: Shape, css: bool) -> str:
    colour = shape.ink.css if css else shape.ink.hex
    if isinstance(shape, Line):
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in shape.points)
        dash = f' stroke-dasharray="{shape.dash[0]:g} {shape.dash[1]:g}"' if shape.dash else ""
        return (
            f'<path d="{path}" fill="none" style="stroke:{colour}" stroke-width="{shape.width:g}" '
            f'stroke-linejoin="round" stroke-linecap="round"{dash}/>'
        )
    if isinstance(shape, Dot):
        x, y = shape.at
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{shape.radius:g}" style="fill:{colour}"/>'
    if isinstance(shape, Rectangle):
        (x, y), (w, h) = shape.corner, shape.size
        return (
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" '
            f'rx="{shape.radius:g}" style="fill:{colour}"/>'
        )
    x, y = shape.at
    weight = ' font-weight="600"' if shape.bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{shape.size:g}" text-anchor="{shape.anchor}" '
        f'style="fill:{colour}"{weight}>{escape(shape.text)}</text>'
    )


def to_png(shapes: Sequence[Shape], size: Point, *, scale: int = 2) -> bytes:
    """The same picture as PNG, `scale` pixels per unit."""
    factor = scale * _SUPERSAMPLE
    image = Image.new("RGB", (round(size[0] * factor), round(size[1] * factor)), "white")
    draw = ImageDraw.Draw(image)
    for shape in shapes:
        if not isinstance(shape, Text):
            _raster(draw, shape, factor)
    image = image.resize(
        (image.width // _SUPERSAMPLE, image.height // _SUPERSAMPLE), Image.Resampling.BOX
    )
    # text is smooth without this, and sharper
    draw = ImageDraw.Draw(image)
    for shape in shapes:
        if isinstance(shape, Text):
            font = ImageFont.load_default(shape.size * scale)
            place = {"start": "ls", "middle": "ms", "end": "rs"}[shape.anchor]
            at = (shape.at[0] * scale, shape.at[1] * scale)
            stroke = 0.4 * scale if shape.bold else 0
            draw.text(at, shape.text, shape.ink.hex, font, anchor=place, stroke_width=stroke)
    file = io.BytesIO()
    image.save(file, format="PNG", optimize=True)
    return file.getvalue()


def _raster(draw: ImageDraw.ImageDraw, shape: Line | Dot | Rectangle, factor: int) -> None:
    if isinstance(shape, Line):
        points = [(x * factor, y * factor) for x, y in shape.points]
        width = max(1, round(shape.width * factor))
        runs = _dashes(points, shape.dash, factor) if shape.dash else [points]
        for run in runs:
            draw.line(run, fill=shape.ink.hex, width=width, joint="curve")
    elif isinstance(shape, Dot):
        (x, y), r = shape.at, shape.radius
        draw.ellipse(
            [(x - r) * factor, (y - r) * factor, (x + r) * factor, (y + r) * factor],
            fill=shape.ink.hex,
        )
    else:
        (x, y), (w, h) = shape.corner, shape.size
        draw.rounded_rectangle(
            [x * factor, y * factor, (x + w) * factor, (y + h) * factor],
            radius=shape.radius * factor,
            fill=shape.ink.hex,
        )


def _dashes(points: list[Point], dash: tuple[float, float], factor: int) -> list[list[Point]]:
    """Cut a polyline into dashes: walk along it, switching the pen at each length."""
    lengths = [dash[0] * factor, dash[1] * factor]
    runs: list[list[Point]] = []
    down, left, run = True, lengths[0], [points[0]]
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        length = ((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5
        done = 0.0
        while length - done > left:
            done += left
            at = (x0 + (x1 - x0) * done / length, y0 + (y1 - y0) * done / length)
            if down:
                runs.append([*run, at])
            down = not down
            left, run = lengths[0 if down else 1], [at]
        left -= length - done
        run.append((x1, y1))
    if down and len(run) > 1:
        runs.append(run)
    return runs
