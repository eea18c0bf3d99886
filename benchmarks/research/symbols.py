"""The symbols of a picture's latents, by group and pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Array8, open_rgb
from tccodec.coding.neural import NeuralCodec
from tccodec.container import Setting
from tccodec.entropy.groups import in_one_pass
from tccodec.entropy.integer import CodedPasses, IntegerEntropy

SIDE = 512
Pass = tuple[NDArray[np.int32], NDArray[np.uint8]]  # symbols, table indices


def middle(path: Path) -> Array8:
    """The middle 512 x 512 pixels of a picture file, or what there is of them."""
    image = open_rgb(path)
    x, y = ((n - min(n, SIDE)) // 2 for n in image.size)
    return np.asarray(image.crop((x, y, x + SIDE, y + SIDE)))


def labelled(
    entropy: IntegerEntropy, payload: bytes, passes: CodedPasses
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


def coded_passes(
    codec: NeuralCodec, rgb: Array8, setting: Setting
) -> Iterator[tuple[int, int, Pass]]:
    """`labelled` passes of all tile groups of a picture, as an encoder chooses the symbols."""
    payloads, passes = codec.encode_latents(codec.latents(rgb, setting), setting)
    for payload, content in zip(payloads, passes, strict=True):
        yield from labelled(codec.entropy, payload, content)
