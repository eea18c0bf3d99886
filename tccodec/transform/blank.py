"""Pictures without any latents, whose pixels repeat away from the borders.

A few bytes can ask for a blank picture of any size. So a small one is computed and its middle is
repeated. The pixels are the same as if the whole had been computed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tccodec.config import ModelConfig
from tccodec.transform.reach import latents_for, window_period


def folded(size: int, cfg: ModelConfig) -> tuple[int, NDArray[np.int64]]:
    """`(shorter, positions)` for the side of a blank picture of `size` pixels.

    shorter: a side, at most `size`, that has all of its pixels. positions: `(size,)`, where in
    the shorter side each pixel is.
    """
    period = 32 * window_period(cfg)  # pixels
    middle = period << 16  # far from both borders
    span = middle, middle + period
    low, high = (32 * end for end in latents_for(span, 2 * middle, cfg))
    border = -(-max(span[0] - low, high - span[1]) // period) * period
    left_out = max(0, (size - 2 * border) // period - 1) * period
    at = np.arange(size)
    repeated = np.clip(at - border, 0, left_out) // period * period
    return size - left_out, at - repeated


def unfolded(
    small: NDArray[np.uint8], rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> Iterator[NDArray[np.uint8]]:
    """The pixels of `small (h, w, 3)` at `rows (H,)` and `columns (W,)`, uint8 `(r, W, 3)`.

    They come in strips of about a megapixel.
    """
    step = max(1, (1 << 20) // len(columns))
    for top in range(0, len(rows), step):
        yield small[rows[top : top + step, None], columns]
