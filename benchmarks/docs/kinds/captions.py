"""Photographs with text, labels and frames laid over them by programs."""

from __future__ import annotations

import base64
import io
from pathlib import Path

from PIL import Image

from benchmarks.docs.kinds.browser import Renderer, View
from benchmarks.docs.kinds.photographs import Photographs
from benchmarks.docs.kinds.templates import filled

# Blocks of the template captions.html, each on a photograph of its own.
OVERLAYS = (
    "subtitle", "meme", "watermark", "date", "thumbnail", "quote", "news", "offer", "poster",
    "notes", "viewfinder", "boxes",
)  # fmt: skip


def inline(image: Image.Image) -> str:
    """A picture as an address that holds it, lossless."""
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def make(renderer: Renderer, folder: Path, photographs: Photographs) -> dict[str, str]:
    """Lay all over photographs; the source of each."""
    sources = {}
    for overlay, name in zip(OVERLAYS, photographs.names("backgrounds"), strict=False):
        photograph = photographs.open(name)
        page = filled("captions", overlay=overlay, photograph=inline(photograph))
        view = View(photograph.width, photograph.height)
        renderer.html(page, folder / f"{overlay}.png", view)
        sources[overlay] = photographs.source(name)
    return sources
