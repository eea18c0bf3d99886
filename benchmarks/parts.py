"""Decoding parts of a picture and smaller pictures: time beside a whole decode, and decibels.

    python benchmarks/parts.py [PICTURES...] [--model tcae-s] [--megapixels 12]

Times are of one tiled photograph. Decibels are means over PICTURES (files of some folder such as
Kodak; the bundled photograph if none is named), against the original reduced by averaging: of
the whole decode reduced likewise, and of the decode at that scale.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tccodec.coding.neural import NeuralCodec  # noqa: E402
from tccodec.coding.quality import to_setting  # noqa: E402
from tccodec.model.registry import find_model  # noqa: E402

PHOTO = ROOT / "examples" / "photo.jpg"


def best_of(count: int, function: Callable[[], Any]) -> float:
    """Seconds, the least of `count` runs."""
    best = 1e9
    for _ in range(count):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Decibels between two pictures."""
    return float(10 * np.log10(255**2 / np.square(a.astype(float) - b).mean()))


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="*", type=Path)
    parser.add_argument("--model", default="tcae-s")
    parser.add_argument("--megapixels", type=float, default=12)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    codec = NeuralCodec.load(find_model(args.model).folder, device="cpu")
    tile = np.asarray(Image.open(PHOTO).convert("RGB"))
    width = round((args.megapixels * 1e6 * 4 / 3) ** 0.5)
    height = round(args.megapixels * 1e6 / width)
    repeat = (-(-height // tile.shape[0]), -(-width // tile.shape[1]), 1)
    rgb = np.tile(tile, repeat)[:height, :width]
    middle = to_setting(50)
    payloads = codec.encode(rgb, middle)

    def decode(**part: Any) -> float:
        return best_of(args.repeats, lambda: codec.decode(payloads, width, height, middle, **part))

    whole = decode()
    print(f"| part of {width} x {height} | s | of a whole decode | its share of the pixels |")
    print("| --- | --- | --- | --- |")
    print(f"| all | {whole:.2f} | | |")
    for side in (64, 256, 512, 1024, 2048):
        took = decode(region=((width - side) // 2, (height - side) // 2, side, side))
        share = 100 * side * side / (width * height)
        print(f"| {side} x {side} | {took:.2f} | {100 * took / whole:.0f} % | {share:.1f} % |")
    for scale in (2, 4, 8):
        took = decode(scale=scale)
        print(f"| scale 1/{scale} | {took:.2f} | {100 * took / whole:.0f} % | |")

    print("\n| quality | scale | whole decode reduced, dB | decoded at that scale, dB | groups |")
    print("| --- | --- | --- | --- | --- |")
    pictures = [np.asarray(Image.open(p).convert("RGB")) for p in args.pictures or [PHOTO]]
    for quality in (10, 30, 50, 70, 90):
        setting = to_setting(quality)
        files = [codec.encode(p, setting) for p in pictures]
        for scale in (2, 4, 8):
            full, small = [], []
            for rgb, file in zip(pictures, files, strict=True):
                h, w = (n // scale * scale for n in rgb.shape[:2])
                truth = np.asarray(Image.fromarray(rgb[:h, :w]).reduce(scale))
                size = rgb.shape[1], rgb.shape[0], setting
                out = codec.decode(file, *size)
                full.append(psnr(np.asarray(Image.fromarray(out[:h, :w]).reduce(scale)), truth))
                part = codec.decode(file, *size, scale=scale)
                small.append(psnr(part[: h // scale, : w // scale], truth))
            groups = codec.groups_for(setting, scale)
            print(
                f"| {quality} | 1/{scale} | {np.mean(full):.2f} | {np.mean(small):.2f}"
                f" | {groups} of {len(codec.cfg.groups)} |"
            )


if __name__ == "__main__":
    main()
