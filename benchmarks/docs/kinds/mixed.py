"""Pages with text around photographs."""

from __future__ import annotations

from pathlib import Path

from benchmarks.docs.kinds.browser import Renderer, View
from benchmarks.docs.kinds.captions import inline
from benchmarks.docs.kinds.photographs import Photographs
from benchmarks.docs.kinds.templates import filled, prose

# Layouts of the template mixed.html, and how each is looked at.
LAYOUTS = {
    "news": View(1000, 760),
    "shop": View(1000, 720),
    "magazine": View(820, 1000),
    "blog-2x": View(520, 420, 2),
    "gallery-dark": View(960, 680),
    "slide": View(1120, 630),
    "feed-2x": View(390, 600, 2),
    "recipe": View(900, 800),
    "encyclopedia": View(1040, 760),
    "hotels": View(960, 740),
    "newsletter": View(680, 900),
    "chat-2x": View(400, 620, 2),
}


def make(renderer: Renderer, folder: Path, photographs: Photographs) -> dict[str, str]:
    """Make all; the source of each."""
    names = [
        n for use in ("backgrounds", "photographs", "interiors") for n in photographs.names(use)
    ]
    pictures = [inline(photographs.open(n, 640)) for n in names]
    sources = {}
    for i, (layout, view) in enumerate(LAYOUTS.items()):
        turn = 7 * i % len(names)
        own = pictures[turn:] + pictures[:turn]
        page = filled("mixed", layout=layout.removesuffix("-2x"), pictures=own, text=prose() * 3)
        renderer.html(page, folder / f"{layout}.png", view)
        sources[layout] = "photographs.toml, from " + names[turn]
    return sources
