"""Photographs of signs and pages: real ones, and rendered ones laid into photographs.

A rendered page or sign is put into a scene in perspective, lit from one side, blurred, and given a
sensor's noise.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from benchmarks.common import open_rgb
from benchmarks.docs.kinds import screens, web
from benchmarks.docs.kinds.browser import Renderer, View
from benchmarks.docs.kinds.degrade import Corners, camera, laid_on, light
from benchmarks.docs.kinds.photographs import Photographs
from benchmarks.docs.kinds.svg import circle, path, rect, svg, text


class Scene(NamedTuple):
    """What is laid where into which photograph (its place among the backgrounds)."""

    flat: str
    background: int
    corners: Corners
    blur: float
    noise: float


def street_name() -> str:
    """A blue plate."""
    parts = [rect(4, 4, 592, 172, rx=16, fill="#0b3d91", stroke="#fff", stroke_width=7)]
    parts += [text(300, 92, "Harbour Street", fill="#fff", text_anchor="middle", font_size=72)]
    parts += [text(300, 148, "No. 21 to 47", fill="#fff", text_anchor="middle", font_size=38)]
    return svg(600, 180, "".join(parts), font="bold 40px 'Liberation Sans Narrow'", back="#0b3d91")


def warning() -> str:
    """A yellow board of a building site."""
    parts = [rect(8, 8, 484, 484, fill="#ffcf00", stroke="#111", stroke_width=10)]
    parts += [path("M250 50L370 250H130z", fill="#ffcf00", stroke="#111", stroke_width=18)]
    parts += [rect(240, 118, 20, 70, fill="#111"), circle(250, 216, 12, fill="#111")]
    for i, row in enumerate(("DANGER", "OPEN PIT", "KEEP OUT")):
        parts += [text(250, 320 + 58 * i, row, text_anchor="middle", font_size=58)]
    parts += [
        text(250, 475, "Works end 30 September. Call 0551 4421", font_size=19, text_anchor="middle")
    ]
    return svg(500, 500, "".join(parts), font="bold 20px 'Liberation Sans'")


def menu() -> str:
    """A board with dishes and prices, white on black."""
    parts = [rect(0, 0, 460, 620, fill="#1c1c1c", stroke="#6b4a2b", stroke_width=26)]
    parts += [text(230, 80, "Today", fill="#fff", text_anchor="middle", font_size=52)]
    dishes = ("Tomato soup", "Potato salad", "Trout, butter", "Lentil stew", "Goulash", "Risotto",
              "Plum cake", "Coffee, large", "Cider, 0.3 l")  # fmt: skip
    for i, dish in enumerate(dishes):
        y, ink = 140 + 50 * i, ("#fff", "#ffe9a8", "#bfe8ff")[i % 3]
        parts += [
            text(46, y, dish, fill=ink),
            text(414, y, f"{3 + i * 1.6:.2f}", fill=ink, text_anchor="end"),
        ]
    return svg(
        460, 620, "".join(parts), font="italic 30px 'DejaVu Serif Condensed'", back="#1c1c1c"
    )


SIGNS: dict[str, tuple[Callable[[], str], View]] = {
    "street": (street_name, View(600, 180, 2)),
    "warning": (warning, View(500, 500, 2)),
    "menu": (menu, View(460, 620, 2)),
}
# The corners of what lies, hangs or stands in a scene, as shares of its sides.
LYING: Corners = ((0.12, 0.1), (0.85, 0.04), (0.96, 0.93), (0.05, 0.88))
CLOSE: Corners = ((-0.1, -0.15), (1.1, 0.02), (1.02, 1.2), (-0.05, 1.05))
UPRIGHT: Corners = ((0.2, 0.02), (0.86, 0.08), (0.78, 0.97), (0.1, 0.9))
WALL: Corners = ((0.16, 0.3), (0.8, 0.16), (0.82, 0.45), (0.17, 0.57))
POST: Corners = ((0.3, 0.12), (0.72, 0.16), (0.7, 0.86), (0.28, 0.8))
BOARD: Corners = ((0.3, 0.04), (0.71, 0.07), (0.73, 0.95), (0.28, 0.98))
SCENES = {
    "page-on-stones": Scene("paper-200dpi", 11, LYING, 0.6, 3),
    "page-close": Scene("book-serif", 8, CLOSE, 0.8, 4),
    "page-dim": Scene("paper-100dpi", 6, UPRIGHT, 1.1, 7),
    "screen": Scene("terminal-editor", 18, LYING, 0.9, 4),
    "street-name": Scene("street", 16, WALL, 0.6, 3),
    "warning": Scene("warning", 7, POST, 0.7, 3),
    "menu-board": Scene("menu", 10, BOARD, 0.7, 5),
}


def flat(renderer: Renderer, name: str, out: Path) -> Image.Image:
    """The page or sign before it is laid into its scene."""
    if name in SIGNS:
        draw, view = SIGNS[name]
        renderer.html(draw(), out, view)
    elif name in web.PAGES:
        web.render(renderer, name, out)
    else:
        renderer.html(screens.pages()[name][0], out, View(880, 680, 1.5))
    return open_rgb(out)


def make(renderer: Renderer, folder: Path, photographs: Photographs) -> dict[str, str]:
    """Make all; the source of each."""
    sources = photographs.plain("signs", folder)
    backgrounds = photographs.names("backgrounds")
    for seed, (name, scene) in enumerate(SCENES.items()):
        out, rng = folder / f"{name}.png", np.random.default_rng(seed)
        page = flat(renderer, scene.flat, out)
        base = photographs.open(backgrounds[scene.background])
        if name.startswith("page"):
            page = light(page, rng, 0.2)
        shot = camera(light(laid_on(page, base, scene.corners), rng), rng, scene.blur, scene.noise)
        shot.save(out)
        sources[name] = (
            f"{scene.flat}, rendered, in {photographs.source(backgrounds[scene.background])}"
        )
    return sources
