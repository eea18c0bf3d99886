"""Flat drawings, comics and maps, as SVG through Chromium."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.docs.kinds import maps
from benchmarks.docs.kinds.browser import Renderer, View
from benchmarks.docs.kinds.svg import circle, element, path, rect, svg, text

Random = np.random.Generator
INK = {"stroke": "#1a1a1a", "stroke_width": 3, "stroke_linejoin": "round"}
SKINS = ("#f2c9a1", "#d99f6c", "#8d5a34", "#f7dcc0")
SHIRTS = ("#c0392b", "#2e86c1", "#f1c40f", "#27ae60", "#8e44ad", "#e67e22")
LETTERING = "bold 15px 'DejaVu Sans Condensed'"
DOTS = (
    '<defs><pattern id="dots" width="7" height="7" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><circle cx="3.5" cy="3.5" r="{r}" fill="{ink}"/>'
    "</pattern></defs>"
)
SPEECH = (
    "WHERE DID I/PUT MY KEYS?;YOU HAD THEM/A MINUTE AGO!;LOOK, UNDER/THE TABLE...;"
    "THAT IS NOT/A KEY. IT IS/A SPOON.;HM.;LET US ASK/THE CAT."
)
WORDS = [row.split("/") for row in SPEECH.split(";")]


def person(x: float, y: float, size: float, rng: Random, *, colour: bool = True) -> str:
    """A figure in thick outlines, from the chest up; `y` is the lower edge."""
    skin = str(rng.choice(SKINS)) if colour else "#fff"
    shirt = str(rng.choice(SHIRTS)) if colour else "url(#dots)"
    hair = str(rng.choice(["#2b1b12", "#7b4a1e", "#d8b04a", "#444"])) if colour else "#111"
    s = size / 100
    body = f"M{x - 55 * s} {y}q5 {-70 * s} {55 * s} {-72 * s}q{50 * s} {2 * s} {55 * s} {72 * s}z"
    top = f"M{x - 37 * s} {y - 110 * s}q{-4 * s} {-46 * s} {38 * s} {-45 * s}"
    top += f"q{42 * s} 0 {36 * s} {45 * s}q{-34 * s} {-26 * s} {-74 * s} 0z"
    look = float(rng.uniform(-4, 4)) * s
    parts = [path(body, fill=shirt, **INK), circle(x, y - 105 * s, 37 * s, fill=skin, **INK)]
    parts += [path(top, fill=hair, **INK)]
    for side in (-1, 1):
        eye = x + 13 * side * s
        parts += [
            element("ellipse", cx=eye, cy=y - 106 * s, rx=7 * s, ry=9 * s, fill="#fff", **INK)
        ]
        parts += [circle(eye + look, y - 104 * s, 3 * s, fill="#111")]
    mouth = f"M{x - 12 * s} {y - 86 * s}q{12 * s} {float(rng.uniform(-8, 12)) * s} {24 * s} 0"
    return "".join([*parts, path(mouth, fill="none", **INK)])


def balloon(x: float, y: float, rows: list[str], tail: float) -> str:
    """A speech balloon with lines of text; `tail` is where it points to, sideways."""
    height, width = 18 * len(rows) + 22, 11 * max(map(len, rows)) + 34
    shape = element("ellipse", cx=x, cy=y, rx=width / 2, ry=height / 2 + 6, fill="#fff", **INK)
    pointer = path(f"M{x - 10} {y + height / 2 - 2}l{tail} 34l{18 - tail} -34", fill="#fff", **INK)
    lines = [
        text(x, y + 6 + 18 * (i - (len(rows) - 1) / 2), row, text_anchor="middle")
        for i, row in enumerate(rows)
    ]
    return shape + pointer + "".join(lines)


def comic(rng: Random) -> str:
    """Six coloured panels with balloons."""
    parts = [DOTS.format(r=1.6, ink="#e2a13a")]
    for i, rows in enumerate(WORDS):
        x, y = 12 + i % 3 * 300, 12 + i // 3 * 320
        sky = ("#fde9b8", "#bfe3f2", "#f7c6c5", "#cfe8c6", "#e3d3f0", "#fbd9a5")[i]
        clip = element("clipPath", rect(x, y, 288, 308), id=f"panel{i}")
        inner = [
            rect(x, y, 288, 308, fill=sky),
            rect(x, y, 288, 308, fill="url(#dots)", opacity=0.5),
        ]
        inner += [rect(x, y + 230, 288, 78, fill="#a9744f", **INK)]
        inner += [rect(x + 190, y + 120, 70, 112, fill="#d6eef8", **INK)]
        inner += [person(x + 80, y + 308, 105, rng), person(x + 205, y + 308, 120, rng)]
        inner += [balloon(x + 125, y + 50, rows, float(rng.uniform(-30, 40)))]
        group = element("g", "".join(inner), clip_path=f"url(#panel{i})")
        parts += [clip, group, rect(x, y, 288, 308, fill="none", **INK)]
    return svg(912, 652, "".join(parts), font=LETTERING)


def manga(rng: Random) -> str:
    """Black and white panels with screen tones, hatching and lines of speed."""
    parts = [DOTS.format(r=1.8, ink="#222")]
    for x, y, w, h in (
        (10, 10, 380, 270),
        (400, 10, 270, 270),
        (10, 290, 250, 330),
        (270, 290, 400, 330),
    ):
        clip = element("clipPath", rect(x, y, w, h), id=f"m{x}{y}")
        inner = [rect(x, y, w, h, fill="#fff"), rect(x, y, w, h * 0.6, fill="url(#dots)")]
        for angle in rng.uniform(0, 2 * math.pi, 90):
            far, near = 500, float(rng.uniform(110, 170))
            ends = [
                (x + w / 2 + r * math.cos(angle), y + h / 2 + r * math.sin(angle))
                for r in (near, far)
            ]
            inner += [path("M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in ends), stroke="#000")]
        inner += [person(x + w / 2, y + h, h * 0.62, rng, colour=False)]
        inner += [balloon(x + 95, y + 48, WORDS[int(rng.integers(0, 6))], 30)]
        group = element("g", "".join(inner), clip_path=f"url(#m{x}{y})")
        parts += [clip, group, rect(x, y, w, h, fill="none", **INK)]
    return svg(680, 630, "".join(parts), font="bold 14px 'Liberation Sans'")


def hills(rng: Random) -> str:
    """A flat landscape: layers of hills, trees, a sun with a soft glow."""
    sky = '<defs><linearGradient id="s" x2="0" y2="1"><stop stop-color="#f9a26c"/>'
    sky += '<stop offset="1" stop-color="#fde7c8"/></linearGradient></defs>'
    parts = [sky, rect(0, 0, 1000, 620, fill="url(#s)"), circle(690, 190, 70, fill="#fff1cf")]
    for i, colour in enumerate(("#d9825f", "#b8604f", "#8a4a52", "#5c3b52", "#332a45")):
        heights = 250 + 70 * i + 40 * np.sin(np.arange(0, 11) * 1.3 + i * 2 + rng.uniform(0, 3))
        steps = f"M0 620L0 {heights[0]:.0f}" + "".join(
            f"Q{100 * k - 50} {heights[k] - 45:.0f} {100 * k} {heights[k]:.0f}"
            for k in range(1, 11)
        )
        parts += [path(f"{steps}L1000 620z", fill=colour)]
        if i >= 2:
            for x in rng.uniform(10, 990, 16):
                y = float(np.interp(x, np.arange(0, 1001, 100), heights)) + 10
                s = float(rng.uniform(14, 34))
                tree = f"M{x:.1f} {y - 3 * s:.1f}l{s * 0.8:.1f} {3 * s:.1f}h{-1.6 * s:.1f}z"
                parts += [path(tree, fill=("#44304d", "#2b2340", "#1a1730")[i - 2])]
    return svg(1000, 620, "".join(parts))


def city(rng: Random) -> str:
    """Houses with rows of windows, in flat colours."""
    parts = [rect(0, 0, 900, 640, fill="#cbe7f3")]
    for x, y in zip(rng.uniform(0, 900, 9), rng.uniform(40, 200, 9), strict=True):
        parts += [element("ellipse", cx=x, cy=y, rx=70, ry=18, fill="#fff")]
    x = 0.0
    while x < 900:
        w, h = float(rng.uniform(60, 130)), float(rng.uniform(160, 480))
        colour = str(rng.choice(["#e07a5f", "#81b29a", "#f2cc8f", "#3d405b", "#6d9dc5", "#b56576"]))
        parts += [rect(x, 600 - h, w, h, fill=colour)]
        for row in range(int(h // 30) - 1):
            for column in range(int(w // 22)):
                lit = "#fff6c2" if rng.random() < 0.4 else "#22333b"
                parts += [rect(x + 7 + 22 * column, 612 - h + 30 * row, 12, 17, fill=lit)]
        x += w + 4
    parts += [rect(0, 600, 900, 40, fill="#555b6e")]
    parts += [rect(20 + 60 * i, 617, 30, 5, fill="#f4f1de") for i in range(15)]
    return svg(900, 640, "".join(parts))


def poster(rng: Random) -> str:
    """An infographic: large figures, icons made of shapes, text in several sizes."""
    parts = [rect(0, 0, 760, 900, fill="#10375c"), rect(0, 0, 760, 150, fill="#f4f6ff")]
    parts += [text(40, 70, "WATER IN NUMBERS", fill="#10375c", font_size=46, font_weight="bold")]
    parts += [
        text(42, 115, "What a household of four uses in one day", font_size=22, fill="#eb8317")
    ]
    names = ("shower", "washing", "garden", "kitchen", "toilet", "cleaning")
    for i, name in enumerate(names):
        x, y, share = 40 + i % 2 * 360, 190 + i // 2 * 230, int(rng.integers(8, 40))
        drop = f"M{x + 60} {y}q60 80 60 110a60 60 0 0 1 -120 0q0 -30 60 -110z"
        parts += [path(drop, fill=("#f3c623", "#eb8317", "#6ec1e4")[i % 3])]
        parts += [
            text(
                x + 60, y + 122, f"{share}%", text_anchor="middle", font_size=34, font_weight="bold"
            )
        ]
        parts += [text(x + 140, y + 70, name.upper(), fill="#fff", font_size=24)]
        for k in range(3):
            line = f"about {share * (k + 3)} litres in {('winter', 'spring', 'summer')[k]}"
            parts += [text(x + 140, y + 100 + 22 * k, line, fill="#cfe2f3", font_size=15)]
    return svg(760, 900, "".join(parts), font="16px 'Liberation Sans'")


def colouring(rng: Random) -> str:
    """Black outlines on white: flowers and leaves for children to colour."""
    parts = []
    for _ in range(26):
        x, y, r = (
            float(rng.uniform(40, 760)),
            float(rng.uniform(40, 600)),
            float(rng.uniform(18, 52)),
        )
        petals = int(rng.integers(5, 10))
        pen = {"fill": "#fff", "stroke": "#000", "stroke_width": 2.2}
        parts += [
            path(
                f"M{x:.1f} {y:.1f}q{r:.1f} {2 * r:.1f} {float(rng.uniform(-40, 40)):.1f} 260",
                **pen | {"fill": "none"},
            )
        ]
        for k in range(petals):
            turn = f"rotate({360 / petals * k:.1f} {x:.1f} {y:.1f})"
            parts += [
                element(
                    "ellipse",
                    cx=f"{x:.1f}",
                    cy=f"{y - r:.1f}",
                    rx=r * 0.38,
                    ry=r * 0.72,
                    transform=turn,
                    **pen,
                )
            ]
        parts += [circle(x, y, r * 0.42, **pen), circle(x, y, r * 0.22, **pen)]
    return svg(800, 640, "".join(parts))


def pixels(out: Path, rng: Random) -> None:
    """Pixel art at four times its size."""
    colours = "5b6ee1 639bff 5fcde4 6abe30 37946e 4b692f 8f563b 663931 fbf236 d95763 222034 cbdbfc"
    palette = np.array([list(bytes.fromhex(c)) for c in colours.split()], np.uint8)
    field = np.zeros((144, 208), np.int64)
    field[:50] = 1
    ground = (70 + 12 * np.sin(np.arange(208) / 17) + rng.integers(0, 3, 208)).astype(int)
    rows = np.arange(144)[:, None]
    field[rows >= ground] = 3
    field[rows >= ground + 4] = 6
    field[(rows >= ground + 6) & (rng.random(field.shape) < 0.08)] = 7
    field[(rows == ground) & (rng.random(field.shape) < 0.4)] = 4
    for x in rng.integers(6, 200, 11):
        y = int(ground[x])
        field[y - 22 : y, x : x + 3] = 7
        for dy in range(18):
            half = 9 - abs(dy - 9) // 2
            leaves = np.where(rng.random(2 * half) < 0.25, 4, 5)
            left = max(0, x + 1 - half)
            field[y - 36 + dy, left : x + 1 + half] = leaves[: field[0, left : x + 1 + half].size]
    for x, y in zip(rng.integers(4, 190, 7), rng.integers(4, 30, 7), strict=True):
        field[y : y + 4, x : x + 14] = 11
        field[y - 2 : y, x + 3 : x + 10] = 11
    Image.fromarray(palette[field]).resize((832, 576), Image.Resampling.NEAREST).save(out)


PAGES: dict[str, tuple[Callable[[Random], str], View]] = {
    "comic": (comic, View(912, 652)),
    "manga-1.5x": (manga, View(680, 630, 1.5)),
    "hills": (hills, View(1000, 620)),
    "city": (city, View(900, 640)),
    "poster": (poster, View(760, 900)),
    "colouring": (colouring, View(800, 640)),
    "map-streets": (maps.streets, View(960, 680)),
    "map-streets-dark-2x": (maps.streets_dark, View(560, 420, 2)),
    "map-heights": (maps.heights, View(900, 680)),
    "map-underground": (maps.underground, View(900, 640)),
    "map-regions": (maps.regions, View(860, 640)),
}


def make(renderer: Renderer, folder: Path) -> dict[str, str]:
    """Draw all; the source of each."""
    for seed, (name, (draw, view)) in enumerate(PAGES.items()):
        renderer.html(draw(np.random.default_rng(seed)), folder / f"{name}.png", view)
    pixels(folder / "pixel-art.png", np.random.default_rng(7))
    return dict.fromkeys([*PAGES, "pixel-art"], "drawn here")
