"""Where the bits are: share of each latent group, and bits per site of its passes.

    python benchmarks/passes.py PICTURE... [--model tcae-s] [--quality 15 30 45 60]

Sites of the first passes see fewer neighbours that are known: what they cost more is what the
order of coding could still save. Bits are ideal code lengths under the model's tables, of the
pictures' middle 512 x 512 pixels.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from PIL import Image

import tccodec
from tccodec.core import NeuralCodec

SIDE = 512


def middle(path: Path) -> np.ndarray:
    """The middle of a picture, RGB."""
    with Image.open(path) as image:
        x, y = ((n - min(n, SIDE)) // 2 for n in image.size)
        return np.asarray(image.convert("RGB").crop((x, y, x + SIDE, y + SIDE)))


def count(codec: NeuralCodec, rgb: np.ndarray, quality: int) -> dict[tuple[str, int], np.ndarray]:
    """`{(group, pass): (bits, sites)}` of one picture."""
    cfg, tables = codec.cfg, codec.entropy.coder.tables
    payloads, tiles = codec.encode_latents(codec.latents(rgb, quality), quality)
    out: dict[tuple[str, int], np.ndarray] = defaultdict(lambda: np.zeros(2))
    for payload, passes in zip(payloads, tiles, strict=True):
        names = [("hyper", 0, cfg.hyper)] if payload else []
        for g, size in enumerate(cfg.sizes):
            if payload and payload[0] >> g & 1:
                names += [(str(g), number, size) for number in range(2 if g else 5)]
        for (name, number, size), (symbols, index) in zip(names, passes, strict=True):
            out[name, number] += tables.bits(symbols, index), len(symbols) / size
    return out


def main() -> None:
    """A table for each quality, to stdout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--model", default="tcae-s")
    parser.add_argument("--quality", nargs="+", type=int, default=[15, 30, 45, 60])
    args = parser.parse_args()
    codec = tccodec.Codec.from_pretrained(args.model)._core
    pictures = [middle(p) for p in args.pictures]
    print("| quality | group | share of the bits | bits per site, pass by pass |")
    print("| --- | --- | --- | --- |")
    for quality in args.quality:
        sums: dict[tuple[str, int], np.ndarray] = defaultdict(lambda: np.zeros(2))
        for rgb in pictures:
            for key, value in count(codec, rgb, 10 * quality).items():
                sums[key] += value
        total = sum(bits for bits, _ in sums.values())
        for name in dict.fromkeys(name for name, _ in sums):
            rows = [value for (n, _), value in sorted(sums.items()) if n == name]
            share = 100 * sum(bits for bits, _ in rows) / total
            cells = ", ".join(f"{bits / max(sites, 1):.1f}" for bits, sites in rows)
            print(f"| {quality} | {name} | {share:.1f} % | {cells} |")


if __name__ == "__main__":
    main()
