"""Drawn pictures for training: text, screens, plots, flat drawings, captions on photographs.

A codec that has seen nothing but photographs codes all these as if they were some. Every picture is
made anew from a random generator; a part of it may be a photograph, as on screens. Text is set in
the fonts of this machine, so another machine draws other pictures.
"""

from __future__ import annotations

import io
import multiprocessing
import string
from concurrent.futures import ProcessPoolExecutor
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, ...]
Rng = np.random.Generator
LETTERS = np.array([*(string.ascii_lowercase * 4 + string.ascii_uppercase + string.digits)])
MARKS = np.array(["", "", "", ".", ",", ":", ";", "!", "?", ")", "%", "/", "-", "=", "+"])
FONT_FOLDERS = (
    "/usr/share/fonts",
    "/usr/local/share/fonts",
    "/System/Library/Fonts",
    "/Library/Fonts",
    "C:/Windows/Fonts",
)


@cache
def _font_files() -> list[str]:
    """The TrueType fonts of this machine. The empty name is the font that Pillow has."""
    files = [path for folder in FONT_FOLDERS for path in Path(folder).rglob("*.[tT][tT][fF]")]
    return ["", *sorted(map(str, files))]


@lru_cache(maxsize=256)
def _font(file: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    try:
        return ImageFont.truetype(file, size) if file else ImageFont.load_default(size)
    except OSError:  # damaged, or a font of bitmaps
        return ImageFont.load_default(size)


def _colours(rng: Rng) -> tuple[Colour, Colour]:
    """Paper and ink: black on white as often as not, else two colours that can be told apart."""
    if rng.random() < 0.6:
        dark, light = int(rng.integers(0, 60)), int(rng.integers(225, 256))
        pair = ((light,) * 3, (dark,) * 3)
        return pair if rng.random() < 0.7 else pair[::-1]
    paper = rng.integers(0, 256, 3)
    ink = np.where(paper.mean() > 127, rng.integers(0, 90, 3), rng.integers(165, 256, 3))
    return tuple(paper.tolist()), tuple(ink.tolist())


def _any(rng: Rng) -> Colour:
    if rng.random() < 0.3:  # pure ones are common on screens
        return tuple(rng.choice([0, 128, 255], 3).tolist())
    return tuple(rng.integers(0, 256, 3).tolist())


def _line(rng: Rng, count: int) -> str:
    words = []
    for _ in range(count):
        word = "".join(rng.choice(LETTERS, int(rng.integers(1, 11))).tolist())
        words.append(word + str(rng.choice(MARKS)))
    return " ".join(words)


class _Canvas:
    """A picture on which random things are drawn; `unit` of its pixels become one in the end."""

    def __init__(self, image: Image.Image, rng: Rng, unit: int) -> None:
        self.image, self.rng, self.unit = image, rng, unit
        self.draw = ImageDraw.Draw(image)

    def _length(self, low: float, high: float) -> int:
        """Pixels of the canvas; `low` to `high` in the end."""
        return int(self.unit * np.exp(self.rng.uniform(np.log(low), np.log(high))))

    def _width(self) -> int:
        return self.unit * int(self.rng.choice([1, 1, 1, 2, 3, 5]))

    def text(
        self, box: tuple[int, int, int, int], ink: Colour, outline: Colour | None = None
    ) -> None:
        """Lines of words inside `(left, top, right, bottom)`, some in colours as program code."""
        rng = self.rng
        left, top, right, bottom = box
        size = self._length(8, 40)
        font = _font(str(rng.choice(_font_files())), size)
        leading = max(1, int(size * rng.uniform(1.1, 1.7)))
        bold = self.unit * int(rng.random() < 0.2 or outline is not None)
        inks = [ink]
        if rng.random() < 0.3:
            inks += (np.add(ink, [_any(rng) for _ in range(3)]) // 2).tolist()
        count = 1 + (right - left) // (3 * size * len(inks))
        for y in range(top, bottom - size, leading):
            x: float = left + (len(inks) > 1) * size * int(rng.integers(0, 6))
            for colour in rng.permutation(inks).tolist():
                line = _line(rng, count) + " "
                self.draw.text(
                    (x, y), line, tuple(colour), font, stroke_width=bold, stroke_fill=outline
                )
                x += font.getlength(line)

    def lines(self, ink: Colour) -> None:
        """Lines, ellipses and rectangles, half of them in `ink`."""
        rng, draw, side = self.rng, self.draw, self.image.width
        for _ in range(int(rng.integers(5, 50))):
            width = self._width()
            colour = ink if rng.random() < 0.5 else _any(rng)
            x, y, u, v = rng.integers(-side // 4, side + side // 4, 4).tolist()
            kind = rng.integers(0, 4)
            if kind == 0:
                draw.line((x, y, u, v), colour, width)
            elif kind == 1:
                draw.line((x, y, x, v) if rng.random() < 0.5 else (x, y, u, y), colour, width)
            else:
                box = (min(x, u), min(y, v), max(x, u), max(y, v))
                (draw.ellipse if kind == 2 else draw.rectangle)(box, outline=colour, width=width)

    def areas(self) -> None:
        """Flat areas with round or sharp outlines, one upon the other, as in maps and comics."""
        rng, side = self.rng, self.image.width
        edge = _any(rng) if rng.random() < 0.5 else None
        width, near = self._width(), rng.integers(0, 256, 3)
        for _ in range(int(rng.integers(4, 30))):
            waves = rng.normal(0, 0.3, 6) * (rng.random() < 0.7)
            angles = np.linspace(0, 2 * np.pi, int(rng.choice([3, 4, 5, 60, 60])), endpoint=False)
            turns = np.outer(angles, np.arange(1, 4))
            radius = self._length(4, 200) * np.exp(
                np.sin(turns) @ waves[:3] + np.cos(turns) @ waves[3:]
            )
            x, y = rng.uniform(0, side, 2)
            points = np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], 1)
            shade = np.clip(near + rng.normal(0, 30, 3), 0, 255).astype(int)
            fill = tuple(shade.tolist()) if rng.random() < 0.5 else _any(rng)
            self.draw.polygon(points.flatten().tolist(), fill, edge, width)

    def plot(self, ink: Colour) -> None:
        """Axes with ticks, numbers and a grid; curves, bars or points."""
        rng, draw, side, unit = self.rng, self.draw, self.image.width, self.unit
        left, bottom = int(side * rng.uniform(-0.1, 0.3)), int(side * rng.uniform(0.6, 1.1))
        step, width = self._length(16, 64), self._width()
        font = _font(str(rng.choice(_font_files())), self._length(8, 16))
        grid = _any(rng) if rng.random() < 0.5 else None
        for i in range(1, side // step + 2):
            x, y = left + i * step, bottom - i * step
            for line in ((left, y, side, y), (x, 0, x, bottom)) if grid else ():
                draw.line(line, grid, unit)
            draw.line((left - 4 * unit, y, left, y), ink, unit)
            draw.line((x, bottom, x, bottom + 4 * unit), ink, unit)
            number = f"{rng.integers(1, 10) * i}{rng.choice(['', '0', '.5', '%'])}"
            draw.text((left - 6 * unit, y), number, ink, font, "rm")
            draw.text((x, bottom + 6 * unit), number, ink, font, "ma")
        kind = rng.integers(0, 3)
        for _ in range(int(rng.integers(1, 6))):
            colour, count = _any(rng), int(rng.integers(4, 60))
            at = np.linspace(left, side, count)
            values = np.cumsum(rng.normal(0, side / 8, count)) / np.sqrt(np.arange(1, count + 1))
            heights = bottom - side / 3 + values
            if kind == 0:
                draw.line(np.stack([at, heights], 1).flatten().tolist(), colour, width)
            for x, y in zip(at.tolist(), heights.tolist(), strict=True):
                if kind == 1:
                    draw.rectangle((x, min(y, bottom), x + step // 3, bottom), colour)
                elif kind == 2:
                    draw.circle((x, y), 2 * width, colour)
        draw.line((left, 0, left, bottom, side, bottom), ink, width)

    def boxes(self, photo: Image.Image | None) -> None:
        """Windows and buttons with text, or with parts of `photo`."""
        rng, side, unit = self.rng, self.image.width, self.unit
        for _ in range(int(rng.integers(2, 12))):
            x, y = rng.integers(-side // 8, side, 2).tolist()
            w, h = self._length(12, side / unit), self._length(12, side / unit)
            paper, ink = _colours(rng)
            if photo is not None and rng.random() < 0.2:
                self.image.paste(photo.crop((0, 0, w, h)), (x, y))
                continue
            edge = _any(rng) if rng.random() < 0.6 else None
            round_by = unit * int(rng.choice([0, 0, 3, 8]))
            self.draw.rounded_rectangle(
                (x, y, x + w, y + h), min(round_by, w // 2, h // 2), paper, edge, unit
            )
            if h > 16 * unit and w > 24 * unit:
                inside = Image.new("RGB", (w - 8 * unit, h - 6 * unit), paper)
                _Canvas(inside, rng, unit).text((3 * unit, unit, w - 8 * unit, h), ink)
                self.image.paste(inside, (x + 4 * unit, y + 3 * unit))

    def caption(self) -> None:
        """Large words with an outline, or on a bar."""
        rng, side = self.rng, self.image.width
        paper, ink = _colours(rng)
        x, y = rng.integers(0, side // 2, 2).tolist()
        right, bottom = x + self._length(40, 400), y + self._length(48, 160)
        on_bar = rng.random() < 0.4
        if on_bar:
            self.draw.rectangle((x, y, right, bottom), paper)
        self.text((x, y, right, bottom), ink, None if on_bar else paper)


def _patches(rng: Rng, side: int) -> Image.Image:
    n = int(rng.integers(3, 40))
    patches = np.array([_any(rng) for _ in range(n * n)], np.uint8).reshape(n, n, 3)
    return Image.fromarray(patches).resize((side, side), Image.Resampling.NEAREST)


def _ramp(rng: Rng, side: int) -> Image.Image:
    corners = rng.integers(0, 256, (2, 2, 3)).astype(np.float64)
    if rng.random() < 0.5:  # a slow one
        corners = corners.mean((0, 1)) + 0.2 * (corners - corners.mean((0, 1)))
    t = np.linspace(0, 1, side)
    rows = corners[0] + t[:, None, None] * (corners[1] - corners[0])
    ramp = rows[:, :1] + t[None, :, None] * (rows[:, 1:] - rows[:, :1])
    return Image.fromarray(np.round(ramp).astype(np.uint8))


def _reduced(rng: Rng, image: Image.Image, unit: int) -> NDArray[np.uint8]:
    """The picture with `unit` x `unit` pixels made one: edges become smooth."""
    fine = np.asarray(image.reduce((1, unit)))
    if unit == 3 and rng.random() < 0.3:  # as screens show text: a colour for each third of a pixel
        return np.stack([fine[:, c::3, c] for c in range(3)], 2)
    return np.array(image.reduce(unit))


def _from_jpeg(rng: Rng, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=int(rng.integers(40, 96)))
    return np.array(Image.open(out))


def drawn(rng: Rng, side: int, photo: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """One picture `(side, side, 3)`; `photo`, of the same shape, may show in parts of it."""
    paper, ink = _colours(rng)
    unit = int(rng.choice([1, 1, 2, 3]))
    image = Image.new("RGB", (unit * side, unit * side), paper)
    large = None if photo is None else Image.fromarray(photo.repeat(unit, 0).repeat(unit, 1))
    kind = rng.random()
    if kind < 0.05:
        image = _patches(rng, unit * side)
    elif kind < 0.18:
        image = _ramp(rng, unit * side)
    elif kind >= 0.9 and large is not None:
        image = large
    canvas = _Canvas(image, rng, unit)
    if 0.05 <= kind < 0.22:
        canvas.lines(ink)
    elif 0.22 <= kind < 0.34:
        canvas.areas()
    elif 0.34 <= kind < 0.48:
        canvas.plot(ink)
    elif 0.48 <= kind < 0.7:
        first = int(rng.integers(-8, 8))
        canvas.text((first, first, unit * side, unit * side + 40), ink)
    elif 0.7 <= kind < 0.9:
        canvas.boxes(large)
    elif kind >= 0.9:
        canvas.caption()
    if rng.random() < 0.1:
        canvas.lines(ink)
    out = _reduced(rng, image, unit)
    if rng.random() < 0.1:
        out = _from_jpeg(rng, out)
    if rng.random() < 0.3:
        out = np.rot90(out, int(rng.integers(1, 4)))
    return np.ascontiguousarray(out)


def _drawn_from(seed: list[int], side: int, photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return drawn(np.random.default_rng(seed), side, photo)


def drawn_pictures(
    count: int, *, side: int, photos: list[NDArray[np.uint8]], seed: int
) -> list[NDArray[np.uint8]]:
    """`count` drawn pictures `(side, side, 3)` with parts of `photos`, made on all cores."""
    rng = np.random.default_rng([seed, 2])
    photos = [p for p in photos if min(p.shape[:2]) >= side]
    parts = []
    for _ in range(count):
        photo = np.zeros((side, side, 3), np.uint8)
        if photos:
            whole = photos[int(rng.integers(len(photos)))]
            y, x = (int(rng.integers(n - side + 1)) for n in whole.shape[:2])
            photo = np.ascontiguousarray(whole[y : y + side, x : x + side])
        parts.append(photo)
    seeds = [[seed, 2, i] for i in range(count)]
    # Not by fork: the threads of torch do not survive it.
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(_drawn_from, seeds, [side] * count, parts, chunksize=16))
