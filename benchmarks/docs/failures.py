"""Where tccodec fails: drawn pictures of the hard kinds, numbers and crops beside AVIF.

    python -m benchmarks.docs.failures -o docs/images/failures.jpg

Every picture is drawn here from fixed seeds (text, a screenshot, line art, noise, gradients,
saturated colour) or is the bundled photograph, so that anyone can repeat the table, which goes to
stdout. It tells of the network (`--lossy`), and in the last column of what is stored otherwise.
AVIF is Pillow's at speed 4, at the quality whose file is nearest in bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import tccodec
from benchmarks.common import (
    PHOTO,
    avif_near,
    decoded,
    open_rgb,
    scores_of,
    table_head,
    table_row,
)
from tccodec.container import Tag, read
from tccodec.metrics import picture_metric

SIDE = 512
QUALITIES = (25, 50, 75)
CROP = 200
TEXT = (
    "It was on a dreary night of November that I beheld the accomplishment of my toils. With an "
    "anxiety that almost amounted to agony, I collected the instruments of life around me, that "
    "I might infuse a spark of being into the lifeless thing that lay at my feet. "
) * 6


def text() -> Image.Image:
    """A page in small black type."""
    image = Image.new("RGB", (SIDE, SIDE), "white")
    draw, y = ImageDraw.Draw(image), 12
    font = ImageFont.load_default(13)
    words, line = TEXT.split(), ""
    for word in words:
        if draw.textlength(f"{line} {word}", font) > SIDE - 24:
            draw.text((12, y), line, "black", font)
            line, y = word, y + 17
        else:
            line = f"{line} {word}".strip()
    return image


def screenshot() -> Image.Image:
    """Windows, a menu bar, icons, a table."""
    image = Image.new("RGB", (SIDE, SIDE), (58, 110, 165))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(12)
    draw.rectangle((20, 30, 420, 400), (240, 240, 240), (90, 90, 90))
    draw.rectangle((20, 30, 420, 52), (32, 64, 160))
    draw.text((28, 34), "Accounts - 2026.ods", "white", font)
    for row in range(14):
        y = 60 + row * 24
        draw.line((20, y, 420, y), (200, 200, 200))
        for column in range(5):
            value = f"{(row * 7919 + column * 104729) % 99991:,}"
            draw.text((30 + column * 78, y + 5), value, (20, 20, 20), font)
    draw.rounded_rectangle((300, 330, 490, 480), 8, (255, 255, 225), (120, 120, 60), 2)
    draw.text((315, 345), "Save changes?", (0, 0, 0), font)
    for i, label in enumerate(("Yes", "No", "Cancel")):
        draw.rounded_rectangle((312 + i * 58, 440, 364 + i * 58, 466), 4, (225, 225, 225), "gray")
        draw.text((322 + i * 58, 446), label, (0, 0, 0), font)
    return image


def line_art() -> Image.Image:
    """Thin curves, one pixel wide, on white."""
    image = Image.new("RGB", (SIDE, SIDE), "white")
    draw, rng = ImageDraw.Draw(image), np.random.default_rng(1)
    for _ in range(60):
        x, y = rng.uniform(0, SIDE, 2).tolist()
        r = float(rng.uniform(10, 160))
        draw.ellipse((x - r, y - r, x + r, y + r), outline=tuple(rng.integers(0, 160, 3).tolist()))
    for _ in range(60):
        draw.line(rng.uniform(0, SIDE, 4).tolist(), tuple(rng.integers(0, 160, 3).tolist()))
    return image


def noise() -> Image.Image:
    """Grey with the grain of a fast film."""
    grain = np.random.default_rng(2).normal(128, 18, (SIDE, SIDE, 1)).repeat(3, 2)
    return Image.fromarray(np.clip(grain, 0, 255).astype(np.uint8))


def gradient() -> Image.Image:
    """A dusk sky: slow ramps that show bands."""
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE
    planes = [40 + 70 * y + 20 * x, 50 + 60 * y**2, 110 - 50 * y + 15 * x]
    return Image.fromarray(np.round(np.stack(planes, -1)).astype(np.uint8))


def colours() -> Image.Image:
    """Saturated patches with sharp borders."""
    rng = np.random.default_rng(3)
    patches = rng.choice([0, 255, 128], (16, 16, 3)).astype(np.uint8)
    return Image.fromarray(patches).resize((SIDE, SIDE), Image.Resampling.NEAREST)


def photo() -> Image.Image:
    """The bundled photograph's middle."""
    return open_rgb(PHOTO).crop((400, 120, 400 + SIDE, 120 + SIDE))


def stored_as(codec: tccodec.Codec, original: Image.Image, quality: int) -> str:
    """Whether a file without `--lossy` is lossless, and its bits per pixel then."""
    data = codec.compress(original, quality=quality)
    if read(data).section(Tag.EXACT) is None:
        return "as it is"
    return f"lossless, {8 * len(data) / original.width / original.height:.3f} bpp"


KINDS: dict[str, Callable[[], Image.Image]] = {
    "photo": photo,
    "text": text,
    "screenshot": screenshot,
    "line art": line_art,
    "noise": noise,
    "gradient": gradient,
    "colours": colours,
}


def main() -> None:
    """Table to stdout, sheet to a file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--model", default="tcae-s")
    args = parser.parse_args()
    codec = tccodec.Codec.from_pretrained(args.model)
    psnr, visual = picture_metric("psnr"), picture_metric("ssimulacra2")
    shown: list[tuple[str, list[Image.Image]]] = []
    titles = ("picture", "quality", "bpp", "PSNR", "AVIF", "SSIMULACRA2", "AVIF", "stored")
    print(table_head(*titles))
    for name, draw in KINDS.items():
        original = draw()
        for quality in QUALITIES:
            data = codec.compress(original, quality=quality, lossy=True)
            stored = stored_as(codec, original, quality)
            avif = avif_near(original, len(data))
            pair = [codec.decompress(data), decoded(avif)]
            (p, pa), (v, va) = (scores_of(m, original, pair) for m in (psnr, visual))
            bpp = 8 * len(data) / original.width / original.height
            decibels, points = [f"{p:.2f}", f"{pa:.2f}"], [f"{v:.1f}", f"{va:.1f}"]
            print(table_row([name, quality, f"{bpp:.3f}", *decibels, *points, stored]))
            if quality == 50:
                shown.append((f"{name}, {len(data):,} bytes", [original, *pair]))
    if args.output:
        sheet(shown).save(args.output, quality=92, subsampling=0)


def sheet(rows: list[tuple[str, list[Image.Image]]]) -> Image.Image:
    """Crops: original, tccodec, AVIF; one kind per row, two kinds side by side."""
    font, gap, label = ImageFont.load_default(13), 4, 20
    width, height = 3 * (CROP + gap) + 16, CROP + label + gap
    out = Image.new("RGB", (2 * width, -(-len(rows) // 2) * height), "white")
    draw = ImageDraw.Draw(out)
    for i, (caption, images) in enumerate(rows):
        x, y = i % 2 * width, i // 2 * height
        draw.text((x + 4, y + 2), f"{caption}: original, tccodec, AVIF", "black", font)
        for j, image in enumerate(images):
            a = (SIDE - CROP) // 2
            out.paste(image.crop((a, a, a + CROP, a + CROP)), (x + j * (CROP + gap), y + label))
    return out


if __name__ == "__main__":
    main()
