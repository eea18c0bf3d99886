"""Crops of some kinds at equal bytes: original, tccodec, AVIF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import tccodec
from benchmarks.common import avif_near, busiest_spot, decoded, open_rgb, save_sheet

# None of them holds a photograph from outside.
SHOWN = (
    "web/manual-serif",
    "jpegs/scan-white-q85",
    "screens/terminal-editor",
    "screens/file-manager",
    "plots/lines",
    "plots/heat",
    "drawings/map-streets",
    "drawings/comic",
)
CROP, GAP, LABEL = 190, 4, 20  # pixels


def sheet(folder: Path, out: Path, *, model: str, bpp: float) -> None:
    """Write the sheet: two pictures in a row, each of at most `bpp` bits per pixel."""
    codec = tccodec.Codec.from_pretrained(model)
    font = ImageFont.load_default(13)
    width, height = 3 * (CROP + GAP) + 16, CROP + LABEL + GAP
    page = Image.new("RGB", (2 * width, len(SHOWN) // 2 * height), "white")
    draw = ImageDraw.Draw(page)
    for i, name in enumerate(SHOWN):
        original = open_rgb(folder / f"{name}.png")
        data = codec.compress(original, bpp=bpp, preview=False)
        avif = avif_near(original, len(data))
        left, top = busiest_spot(np.asarray(original), CROP)
        x, y = i % 2 * width, i // 2 * height
        rate = 8 * len(data) / original.width / original.height
        caption = f"{name}, {rate:.2f} bpp: original, tccodec, AVIF"
        draw.text((x + 4, y + 2), caption, "black", font)
        for j, image in enumerate((original, codec.decompress(data), decoded(avif))):
            crop = image.crop((left, top, left + CROP, top + CROP))
            page.paste(crop, (x + j * (CROP + GAP), y + LABEL))
    save_sheet(page, out)
