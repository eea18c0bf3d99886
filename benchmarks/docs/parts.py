"""Decoding parts of a picture and smaller pictures: time beside a whole decode, and decibels.

    python -m benchmarks.docs.parts [PICTURES...] [--model tcae-s] [--megapixels 12]

Times are of one tiled photograph. Decibels are means over PICTURES (files of some folder such as
Kodak; the bundled photograph if none is named), against the original reduced by averaging: of
the whole decode reduced likewise, and of the decode at that scale.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.common import (
    PHOTO,
    best_of,
    four_by_three,
    open_rgb,
    scores_of,
    table_head,
    table_row,
    tiled,
)
from tccodec.coding.neural import NeuralCodec
from tccodec.coding.quality import Quality, to_setting
from tccodec.metrics import picture_metric
from tccodec.model.registry import find_model


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="*", type=Path)
    parser.add_argument("--model", default="tcae-s")
    parser.add_argument("--megapixels", type=float, default=12)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    codec = NeuralCodec.load(find_model(args.model).folder, device="cpu")
    width, height = four_by_three(args.megapixels)
    rgb = tiled(width, height)
    coded = codec.encode(rgb, to_setting(Quality(50)))

    def decode(**part: Any) -> float:
        return best_of(args.repeats, lambda: codec.decode(coded, **part))

    whole = decode()
    of_picture = f"part of {width} x {height}"
    print(table_head(of_picture, "s", "of a whole decode", "its share of the pixels"))
    print(table_row(["all", f"{whole:.2f}", "", ""]))
    for side in (64, 256, 512, 1024, 2048):
        took = decode(region=((width - side) // 2, (height - side) // 2, side, side))
        share = 100 * side * side / (width * height)
        times = [f"{took:.2f}", f"{100 * took / whole:.0f} %"]
        print(table_row([f"{side} x {side}", *times, f"{share:.1f} %"]))
    for scale in (2, 4, 8):
        took = decode(scale=scale)
        print(table_row([f"scale 1/{scale}", f"{took:.2f}", f"{100 * took / whole:.0f} %", ""]))

    decibels = ("whole decode reduced, dB", "decoded at that scale, dB")
    print("\n" + table_head("quality", "scale", *decibels, "groups"))
    psnr = picture_metric("psnr")
    pictures = [np.asarray(open_rgb(p)) for p in args.pictures or [PHOTO]]
    for quality in (10, 30, 50, 70, 90):
        setting = to_setting(Quality(quality))
        files = [codec.encode(p, setting) for p in pictures]
        for scale in (2, 4, 8):
            full, small = [], []
            for rgb, file in zip(pictures, files, strict=True):
                h, w = (n // scale * scale for n in rgb.shape[:2])
                truth = Image.fromarray(rgb[:h, :w]).reduce(scale)
                out = codec.decode(file)
                part = codec.decode(file, scale=scale)[: h // scale, : w // scale]
                pair = [Image.fromarray(out[:h, :w]).reduce(scale), Image.fromarray(part)]
                of_whole, of_part = scores_of(psnr, truth, pair)
                full.append(of_whole)
                small.append(of_part)
            groups = codec.transforms.groups_for(setting, scale)
            cells = [f"{np.mean(full):.2f}", f"{np.mean(small):.2f}"]
            cells.append(f"{groups} of {len(codec.cfg.groups)}")
            print(table_row([quality, f"1/{scale}", *cells]))


if __name__ == "__main__":
    main()
