"""Where the bits are: share of each latent group, and bits per site of its passes.

    python benchmarks/passes.py PICTURE... [--model tcae-s] [--setting 150 300 450 600]

Sites of the first passes see fewer neighbours that are known: what they cost more is what the
order of coding could still save. Bits are ideal code lengths under the model's tables, of the
pictures' middle 512 x 512 pixels.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

import tccodec
from tccodec.coding.neural import NeuralCodec
from tccodec.entropy.groups import in_one_pass
from tccodec.entropy.integer import IntegerEntropy, Passes

SIDE = 512
Pass = tuple[np.ndarray, np.ndarray]  # symbols, table indices


def middle(path: Path) -> np.ndarray:
    """The middle of a picture, RGB."""
    with Image.open(path) as image:
        x, y = ((n - min(n, SIDE)) // 2 for n in image.size)
        return np.asarray(image.convert("RGB").crop((x, y, x + SIDE, y + SIDE)))


def labelled(
    entropy: IntegerEntropy, payload: bytes, passes: Passes
) -> Iterator[tuple[int, int, Pass]]:
    """Group (-1: hyper-latents), number within it and content of each pass of a tile group."""
    present, _ = entropy.present(payload)
    names = [(-1, 0)] if present else []
    for g in range(len(entropy.cfg.groups)):
        if present >> g & 1:
            count = 1 if in_one_pass(entropy.cfg, g) else 2 if g else 5
            names += [(g, number) for number in range(count)]
    for (g, number), content in zip(names, passes, strict=True):
        yield g, number, content


def count(codec: NeuralCodec, rgb: np.ndarray, setting: int) -> dict[tuple[int, int], np.ndarray]:
    """`{(group, pass): (bits, sites)}` of one picture."""
    cfg, tables = codec.cfg, codec.entropy.coder.tables
    tiles = zip(*codec.encode_latents(codec.latents(rgb, setting), setting), strict=True)
    out: dict[tuple[int, int], np.ndarray] = defaultdict(lambda: np.zeros(2))
    for payload, passes in tiles:
        for g, number, (symbols, index) in labelled(codec.entropy, payload, passes):
            size = cfg.hyper if g < 0 else cfg.sizes[g]
            out[g, number] += tables.bits(symbols, index), len(symbols) / size
    return out


def main() -> None:
    """A table for each setting, to stdout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--model", default="tcae-s")
    parser.add_argument("--setting", nargs="+", type=int, default=[150, 300, 450, 600])
    args = parser.parse_args()
    codec = tccodec.Codec.from_pretrained(args.model)._core
    pictures = [middle(p) for p in args.pictures]
    print("| setting | group | share of the bits | bits per site, pass by pass |")
    print("| --- | --- | --- | --- |")
    for setting in args.setting:
        sums: dict[tuple[int, int], np.ndarray] = defaultdict(lambda: np.zeros(2))
        for rgb in pictures:
            for key, value in count(codec, rgb, setting).items():
                sums[key] += value
        total = sum(bits for bits, _ in sums.values())
        for group in dict.fromkeys(g for g, _ in sums):
            rows = [value for (g, _), value in sorted(sums.items()) if g == group]
            share = 100 * sum(bits for bits, _ in rows) / total
            cells = ", ".join(f"{bits / max(sites, 1):.1f}" for bits, sites in rows)
            name = "hyper" if group < 0 else group
            print(f"| {setting} | {name} | {share:.1f} % | {cells} |")


if __name__ == "__main__":
    main()
