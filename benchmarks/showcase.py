"""The README's picture: original, tccodec and AVIF at the same bytes, one crop at 1:1.

    python benchmarks/showcase.py -o docs/images/showcase.jpg

AVIF is Pillow's at speed 4, 4:2:0, at the quality whose file comes nearest to tccodec's.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

import tccodec

PHOTO = Path(__file__).parents[1] / "examples" / "photo.jpg"
MARGIN, LABEL = 8, 34


def avif_near(image: Image.Image, size: int) -> bytes:
    """The AVIF file with the number of bytes nearest to `size`, by bisection over quality."""
    low, high = 0, 100
    best = b""
    while low <= high:
        quality = (low + high) // 2
        out = io.BytesIO()
        image.save(out, "AVIF", quality=quality, speed=4)
        data = out.getvalue()
        if not best or abs(len(data) - size) < abs(len(best) - size):
            best = data
        low, high = (quality + 1, high) if len(data) < size else (low, quality - 1)
    return best


def sheet(crops: list[tuple[str, Image.Image]]) -> Image.Image:
    """Crops side by side with their captions below."""
    width, height = crops[0][1].size
    total = len(crops) * width + (len(crops) + 1) * MARGIN
    out = Image.new("RGB", (total, height + 2 * MARGIN + LABEL), "white")
    draw = ImageDraw.Draw(out)
    font = ImageFont.load_default(17)
    for i, (caption, crop) in enumerate(crops):
        x = MARGIN + i * (width + MARGIN)
        out.paste(crop, (x, MARGIN))
        draw.text((x + width // 2, height + MARGIN + LABEL // 2), caption, "black", font, "mm")
    return out


def main() -> None:
    """Code, crop, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo", type=Path, nargs="?", default=PHOTO)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--bpp", type=float, default=0.2)
    parser.add_argument("--model", default="tcae-s")
    parser.add_argument("--crop", default="430,120,410,410", help="X,Y,WIDTH,HEIGHT")
    args = parser.parse_args()
    x, y, w, h = map(int, args.crop.split(","))
    with Image.open(args.photo) as opened:
        original = opened.convert("RGB")
    codec = tccodec.Codec.from_pretrained(args.model)
    data = codec.compress(original, bpp=args.bpp)
    avif = avif_near(original, len(data))
    pictures = [
        (f"original ({args.photo.stat().st_size:,} bytes)", original),
        (f"tccodec ({len(data):,} bytes)", codec.decompress(data)),
        (f"AVIF ({len(avif):,} bytes)", Image.open(io.BytesIO(avif)).convert("RGB")),
    ]
    args.output.parent.mkdir(parents=True, exist_ok=True)
    crops = [(caption, im.crop((x, y, x + w, y + h))) for caption, im in pictures]
    options = {"quality": 93, "subsampling": 0} if args.output.suffix == ".jpg" else {}
    sheet(crops).save(args.output, **options)


if __name__ == "__main__":
    main()
