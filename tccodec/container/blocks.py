"""The head of the section blocks: which blocks of a picture it holds.

bytes  field
1      method
...    run lengths in raster order, varints: a run of blocks coded as latents, which may be empty,
       then one of blocks in the section, and so on in turn until all blocks are covered
...    a picture file (see tccodec/picture/blocks.py)
"""

from __future__ import annotations

from collections.abc import Sequence

from tccodec.container.varint import decode_varint, encode_varint
from tccodec.errors import BadFile

BLOCK = 64  # pixels per side; a multiple of the largest reduction
METHODS = {1: "PNG", 2: "WebP", 3: "AV1"}


def block_grid(width: int, height: int) -> tuple[int, int]:
    """`(rows, columns)` of blocks in a picture."""
    return -(-height // BLOCK), -(-width // BLOCK)


def pack_runs(method: int, runs: Sequence[int]) -> bytes:
    """The head of the section."""
    return bytes([method]) + b"".join(map(encode_varint, runs))


def unpack_runs(body: bytes, *, width: int, height: int) -> tuple[int, list[int], int]:
    """`(method, runs, position after them)`; `BadFile` if the runs do not fit the picture."""
    if not body or body[0] not in METHODS:
        raise BadFile("the blocks section uses a method that this version does not know")
    rows, columns = block_grid(width, height)
    left, at, runs = rows * columns, 1, list[int]()
    while left:
        run, at = decode_varint(body, at)
        if run > left or (run == 0 and runs):
            raise BadFile("the blocks section has runs that do not fit the picture")
        runs.append(run)
        left -= run
    if len(runs) == 1:
        raise BadFile("the blocks section holds no block")
    return body[0], runs, at
