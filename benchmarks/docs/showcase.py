"""The README's picture: original, tccodec and AVIF at the same bytes, one crop at 1:1.

    python -m benchmarks.docs.showcase -o docs/images/showcase.jpg

AVIF is Pillow's at speed 4, 4:2:0, at the quality whose file comes nearest to tccodec's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import tccodec
from benchmarks.common import PHOTO, avif_near, decoded, open_rgb, save_sheet, side_by_side


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
    original = open_rgb(args.photo)
    codec = tccodec.Codec.from_pretrained(args.model)
    data = codec.compress(original, bpp=args.bpp, preview=False)
    avif = avif_near(original, len(data))
    pictures = [
        (f"original ({args.photo.stat().st_size:,} bytes)", original),
        (f"tccodec ({len(data):,} bytes)", codec.decompress(data)),
        (f"AVIF ({len(avif):,} bytes)", decoded(avif)),
    ]
    crops = [(caption, im.crop((x, y, x + w, y + h))) for caption, im in pictures]
    save_sheet(side_by_side(crops), args.output)


if __name__ == "__main__":
    main()
