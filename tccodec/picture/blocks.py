"""The section blocks: a picture for the blocks of 64 x 64 pixels that are coded without latents.

The file that follows the runs (see tccodec/container/blocks.py), by method:

    1  a PNG file of the picture's size, RGB, 8 bits
    2  a lossless WebP file of the picture's size
    3  AV1 of the picture's size (see `av1.py`)

Text, screens and drawings have few colours and clean edges; latents take many times the bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tccodec.container.blocks import BLOCK, block_grid, pack_runs, unpack_runs
from tccodec.picture import av1
from tccodec.picture.embedded import RGB, extract
from tccodec.picture.types import Pixels

AV1 = 3  # beside PNG and WEBP

Mask = npt.NDArray[np.bool_]  # (rows, columns) of blocks: True where a block is in the section


@dataclass(frozen=True, slots=True)
class BlocksSection:
    """The content of the section. file: a picture of the whole size, in the form of `method`."""

    method: int
    mask: Mask
    file: bytes

    @property
    def share(self) -> float:
        """The part of the blocks that is in the section, 0 .. 1."""
        return float(self.mask.mean())


def pack_blocks(blocks: BlocksSection) -> bytes:
    """Body of the section."""
    flat = blocks.mask.ravel()
    ends = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *ends, flat.size]).tolist()
    return pack_runs(blocks.method, [0, *runs] if flat[0] else runs) + blocks.file


def unpack_blocks(body: bytes, *, width: int, height: int) -> BlocksSection:
    """Inverse of `pack_blocks`, without decoding the file; `BadFile` for an invalid body."""
    method, runs, at = unpack_runs(body, width=width, height=height)
    flat = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return BlocksSection(method, flat.reshape(block_grid(width, height)), body[at:])


def pixels_of(blocks: BlocksSection, *, width: int, height: int) -> Pixels:
    """The picture in the section, uint8 `(height, width, 3)`; `BadFile` if it is damaged."""
    if blocks.method == AV1:
        return av1.decode(blocks.file, width=width, height=height)
    body = bytes([blocks.method]) + blocks.file
    image = extract(body, width=width, height=height, section="blocks", png=((8, RGB),))
    return np.array(image)


def pixel_mask(mask: Mask, *, width: int, height: int, scale: int = 1) -> Mask:
    """The mask of blocks as one of pixels, `(height, width)` at 1 / `scale`."""
    side = BLOCK // scale
    whole = np.repeat(np.repeat(mask, side, axis=0), side, axis=1)
    return whole[: -(-height // scale), : -(-width // scale)]
