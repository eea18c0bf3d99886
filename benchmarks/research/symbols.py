"""The symbols of a picture's latents, by group and pass."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Array8, open_rgb
from tccodec.coding.neural import NeuralCodec
from tccodec.coding.tiles import TILE_LATENTS
from tccodec.container import Setting
from tccodec.entropy.groups import in_one_pass
from tccodec.entropy.integer import CodedPasses, IntegerEntropy
from tccodec.entropy.order import pass_sites
from tccodec.entropy.order import passes as order_of

SIDE = 512
Pass = tuple[NDArray[np.int32], NDArray[np.uint8]]  # symbols, table indices


def picture_arguments(doc: str | None) -> argparse.ArgumentParser:
    """A parser of `PICTURE... [--model NAME]`; a script's docstring begins with what it does."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--model", default="tcae-s")
    return parser


def middle(path: Path) -> Array8:
    """The middle 512 x 512 pixels of a picture file, or what there is of them."""
    image = open_rgb(path)
    x, y = ((n - min(n, SIDE)) // 2 for n in image.size)
    return np.asarray(image.crop((x, y, x + SIDE, y + SIDE)))


def labelled(
    entropy: IntegerEntropy, payload: bytes, passes: CodedPasses, *, h: int, w: int
) -> Iterator[tuple[int, int, Pass]]:
    """Group (-1: hyper-latents), number within it and content of each pass of a tile group.

    The tile group has `h x w` sites of 32 pixels. A pass without sites is not there.
    """
    present, _ = entropy.present(payload)
    names = [(-1, 0)] if present else []
    for g in range(len(entropy.cfg.groups)):
        if not present >> g & 1:
            continue
        if g < entropy.cfg.coarse:
            sites = pass_sites(order_of(g), h, w)
            names += [(g, number) for number, at in enumerate(sites) if len(at)]
        else:
            names += [(g, number) for number in range(1 if in_one_pass(entropy.cfg, g) else 2)]
    for (g, number), content in zip(names, passes, strict=True):
        yield g, number, content


def coded_passes(
    codec: NeuralCodec, rgb: Array8, setting: Setting
) -> Iterator[tuple[int, int, Pass]]:
    """`labelled` passes of all tile groups of a picture, as an encoder chooses the symbols."""
    v = codec.latents(rgb, setting)
    payloads, passes = codec.encode_latents(v, setting)
    n = TILE_LATENTS
    sizes = [
        (min(n, v.shape[0] - y), min(n, v.shape[1] - x))
        for y in range(0, v.shape[0], n)
        for x in range(0, v.shape[1], n)
    ]
    for payload, content, (h, w) in zip(payloads, passes, sizes, strict=True):
        yield from labelled(codec.entropy, payload, content, h=h, w=w)
