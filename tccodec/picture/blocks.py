"""The section blocks: a picture for the blocks of 64 x 64 pixels that are coded without latents.

    bytes  field
    1      method
    ...    which blocks: lengths of runs in raster order, varints. The first run, of blocks coded as
           latents, may be empty; runs of either kind take turns and cover all blocks
    ...    1: a PNG file of the picture's size, RGB, 8 bits
           2: a lossless WebP file of the picture's size
           3: AV1 of the picture's size (see `av1.py`)

Text, screens and drawings have few colours and clean edges; latents take many times the bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tccodec.container.varint import decode_varint, encode_varint
from tccodec.errors import BadFile
from tccodec.picture import av1
from tccodec.picture.embedded import PNG, RGB, WEBP, extract
from tccodec.picture.types import Pixels

BLOCK = 64  # pixels per side; a multiple of the largest reduction
AV1 = 3
METHODS = {PNG: "PNG", WEBP: "WebP", AV1: "AV1"}

Mask = npt.NDArray[np.bool_]  # (rows, columns) of blocks: True where a block is in the section


@dataclass(frozen=True, slots=True)
class Blocks:
    """The content of the section. file: a picture of the whole size, in the form of `method`."""

    method: int
    mask: Mask
    file: bytes

    @property
    def share(self) -> float:
        """The part of the blocks that is in the section, 0 .. 1."""
        return float(self.mask.mean())


def grid(width: int, height: int) -> tuple[int, int]:
    """`(rows, columns)` of blocks in a picture."""
    return -(-height // BLOCK), -(-width // BLOCK)


def pack_blocks(blocks: Blocks) -> bytes:
    """Body of the section."""
    flat = blocks.mask.ravel()
    ends = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *ends, flat.size])
    lengths = [0, *runs] if flat[0] else list(runs)
    return bytes([blocks.method]) + b"".join(encode_varint(int(n)) for n in lengths) + blocks.file


def unpack_blocks(body: bytes, *, width: int, height: int) -> Blocks:
    """Inverse of `pack_blocks`, without decoding the file; `BadFile` for an invalid body."""
    if not body or body[0] not in METHODS:
        raise BadFile("the blocks section uses a method that this version does not know")
    rows, columns = grid(width, height)
    mask = np.zeros(rows * columns, dtype=np.bool_)
    done, at, apart = 0, 1, False
    while done < mask.size:
        run, at = decode_varint(body, at)
        if run > mask.size - done or (run == 0 and done + apart > 0):
            raise BadFile("the blocks section has runs that do not fit the picture")
        mask[done : done + run] = apart
        done, apart = done + run, not apart
    if not mask.any():
        raise BadFile("the blocks section holds no block")
    return Blocks(body[0], mask.reshape(rows, columns), body[at:])


def pixels_of(blocks: Blocks, *, width: int, height: int) -> Pixels:
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
