"""Drawn pictures for training: pages of text, screenshots, diagrams, flat colours.

A codec that has seen nothing but photographs codes all these as if they were some. Every picture is
made anew from a random generator; a part of it may be a photograph, as on screens.
"""

from __future__ import annotations

import multiprocessing
import string
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, ...]
Rng = np.random.Generator
LETTERS = np.array([*(string.ascii_lowercase * 4 + string.ascii_uppercase + string.digits)])
MARKS = np.array(["", "", "", ".", ",", ":", ";", "!", "?", ")", "%", "/", "-", "=", "+"])


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
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
    """A picture on which random things are drawn."""

    def __init__(self, image: Image.Image, rng: Rng) -> None:
        self.image, self.rng = image, rng
        self.draw = ImageDraw.Draw(image)

    def text(self, box: tuple[int, int, int, int], ink: Colour) -> None:
        """Lines of words inside `(left, top, right, bottom)`."""
        rng = self.rng
        left, top, right, bottom = box
        size = int(np.exp(rng.uniform(np.log(8), np.log(40))))
        leading = max(1, int(size * rng.uniform(1.1, 1.7)))
        bold = int(rng.random() < 0.2)
        for y in range(top, bottom - size, leading):
            line = _line(rng, 1 + (right - left) // (3 * size))
            self.draw.text((left, y), line, ink, _font(size), stroke_width=bold)

    def lines(self, ink: Colour) -> None:
        """Lines, ellipses and rectangles, half of them in `ink`."""
        rng, draw, side = self.rng, self.draw, self.image.width
        for _ in range(int(rng.integers(5, 50))):
            width = int(rng.choice([1, 1, 1, 2, 3, 5]))
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

    def boxes(self, photo: NDArray[np.uint8] | None) -> None:
        """Windows and buttons with text, or with parts of `photo`."""
        rng, side = self.rng, self.image.width
        for _ in range(int(rng.integers(2, 12))):
            x, y = rng.integers(-side // 8, side, 2).tolist()
            w, h = np.exp(rng.uniform(np.log(12), np.log(side), 2)).astype(int).tolist()
            paper, ink = _colours(rng)
            if photo is not None and rng.random() < 0.2:
                self.image.paste(Image.fromarray(photo).crop((0, 0, w, h)), (x, y))
                continue
            edge = _any(rng) if rng.random() < 0.6 else None
            round_by = int(rng.choice([0, 0, 3, 8]))
            self.draw.rounded_rectangle(
                (x, y, x + w, y + h), min(round_by, w // 2, h // 2), paper, edge
            )
            if h > 16 and w > 24:
                inside = Image.new("RGB", (w - 8, h - 6), paper)
                _Canvas(inside, rng).text((3, 1, w - 8, h), ink)
                self.image.paste(inside, (x + 4, y + 3))


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


def drawn(rng: Rng, side: int, photo: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """One picture `(side, side, 3)`; `photo`, of the same shape, may show in parts of it."""
    paper, ink = _colours(rng)
    image = Image.new("RGB", (side, side), paper)
    kind = rng.random()
    if kind < 0.06:
        image = _patches(rng, side)
    elif kind < 0.25:
        image = _ramp(rng, side)
    canvas = _Canvas(image, rng)
    if 0.06 <= kind < 0.35:
        canvas.lines(ink)
    elif 0.35 <= kind < 0.6:
        first = int(rng.integers(-8, 8))
        canvas.text((first, first, side, side + 40), ink)
    elif kind >= 0.6:
        canvas.boxes(photo)
        if rng.random() < 0.3:
            canvas.lines(ink)
    out = np.array(image)
    if rng.random() < 0.5:
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
