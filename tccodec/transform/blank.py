"""Pictures in which some rows or columns of tile groups have no latents.

Far from all latents and from the borders, the pixels of such a picture repeat. A few bytes can ask
for a blank picture of any size. So a smaller picture is computed, without most of the blank rows
and columns, and its pixels are repeated. They are the same as if the whole had been computed.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tccodec.config import ModelConfig
from tccodec.transform.reach import latents_for, window_period


@dataclass(frozen=True)
class Folded:
    """A side of a picture, without most of what is blank.

    size: in pixels. at: int64 `(original size,)`, the place in it of each pixel of the original
    side. tiles: which of the original tile groups it has.
    """

    size: int
    at: NDArray[np.int64]
    tiles: tuple[int, ...]


def folded(size: int, blank: Sequence[bool], cfg: ModelConfig, *, side: int) -> Folded:
    """A side of `size` pixels, folded.

    side: of a tile group, in pixels. blank: for each row of tile groups, or for each column if this
    is the width, whether none of them has latents.
    """
    period = 32 * window_period(cfg)  # pixels
    middle = period << 16  # far from both borders
    span = middle, middle + period
    low, high = (32 * end for end in latents_for(span, 2 * middle, cfg))
    border = -(-max(span[0] - low, high - span[1]) // period) * period
    # Whole tile groups are left out, unless all are blank.
    unit = period if all(blank) else math.lcm(period, side)
    at = np.arange(size)
    shift = np.zeros(size, np.int64)
    tiles, left_out, first = list[int](), 0, 0
    for nothing, run in itertools.groupby(blank):
        count = len(list(run))
        start, end = first * side, min(size, (first + count) * side)
        out = max(0, (end - start - 2 * border - period) // unit) * unit if nothing else 0
        inner = np.clip(at - start - border, 0, out)
        shift += inner // period * period
        tiles += range(first, first + count - out // side)
        left_out, first = left_out + out, first + count
    shorter = size - left_out
    return Folded(shorter, at - shift, tuple(tiles[: -(-shorter // side)]))


def unfolded(
    small: NDArray[np.uint8], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> Iterator[NDArray[np.uint8]]:
    """The pixels of `small (h, w, 3)` at `rows (H,)` and `columns (W,)`, uint8 `(r, W, 3)`.

    They come in strips of about a megapixel.
    """
    step = max(1, (1 << 20) // len(columns))
    for top in range(0, len(rows), step):
        # A sixth of the time of `small[rows[:, None], columns]`; "clip" only leaves out a check.
        yield np.take(small[rows[top : top + step]], columns, axis=1, mode="clip")
