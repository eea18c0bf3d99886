"""Which blocks of a picture look drawn, and what latents code in their place. No torch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tccodec.container.blocks import BLOCK, block_grid
from tccodec.picture.blocks import Mask, pixel_mask
from tccodec.picture.types import Pixels

Floats = npt.NDArray[np.float32]
Counts = npt.NDArray[np.float64]  # (rows, columns) of blocks

# A block looks drawn if most neighbours in it are equal, or nearly so as in what was a JPEG once,
# and there are edges. Blocks without edges go with their neighbours.
_SAME, _EDGE = 1, 60  # the largest difference of equal neighbours, the least of an edge
_SAME_SHARE, _FLAT_SHARE = 0.6, 0.995
_EDGES = 40  # in a whole block
# Share of the blocks. Some of Kodak's photographs have blocks that look drawn, but none so many.
_LEAST_SHARE = 0.04
# For blocks that are smooth but for edges, the same with a larger difference.
_SMOOTH, _CLEAN_EDGE = 4, 40


def drawn_blocks(rgb: Pixels) -> Mask:
    """The blocks of uint8 `(H, W, 3)` that look drawn: few colours, clean edges."""
    same, edges, count = _neighbours(rgb, same_up_to=_SAME, edge_from=_EDGE)
    flat = same >= _FLAT_SHARE * count
    drawn = (same >= _SAME_SHARE * count) & (edges * BLOCK**2 >= _EDGES * count)
    if drawn.mean() < _LEAST_SHARE:
        return np.zeros_like(drawn)
    return _spread(drawn, flat)


def clean_share(rgb: Pixels) -> float:
    """The part of the blocks of uint8 `(H, W, 3)`, 0 .. 1, that are smooth but for edges.

    That is how scans, rooms and facades look.
    """
    same, edges, count = _neighbours(rgb, same_up_to=_SMOOTH, edge_from=_CLEAN_EDGE)
    clean = (same >= _SAME_SHARE * count) & (edges * BLOCK**2 >= _EDGES * count)
    return float(clean.mean())


def _neighbours(rgb: Pixels, *, same_up_to: int, edge_from: int) -> tuple[Counts, Counts, Counts]:
    """Counts for each block: like neighbours in a row, neighbours across an edge, and pixels.

    Each pixel counts with its left neighbour; those of the first column count as like one.
    """
    height, width = rgb.shape[:2]
    rows, columns = block_grid(width, height)
    same, edges = np.zeros((rows, columns)), np.zeros((rows, columns))
    lefts = np.arange(0, width, BLOCK)
    for row in range(rows):
        strip = rgb[row * BLOCK : (row + 1) * BLOCK]
        left, right = strip[:, :-1], strip[:, 1:]
        # In bytes, and channel by channel: ten times as fast as `abs(diff(...)).max(2)`.
        step = np.maximum(left, right) - np.minimum(left, right)
        step = np.maximum(np.maximum(step[..., 0], step[..., 1]), step[..., 2])
        step = np.pad(step, ((0, 0), (1, 0)))  # the first column has no neighbour
        same[row] = np.add.reduceat(np.count_nonzero(step <= same_up_to, axis=0), lefts)
        edges[row] = np.add.reduceat(np.count_nonzero(step >= edge_from, axis=0), lefts)
    tops = np.arange(0, height, BLOCK)
    count = np.outer(np.minimum(BLOCK, height - tops), np.minimum(BLOCK, width - lefts))
    return same, edges, count


def _spread(mask: Mask, over: Mask) -> Mask:
    """`mask` and all blocks of `over` that touch it, directly or through others."""
    while True:
        wide = np.pad(mask, 1)
        touched = wide[:-2, 1:-1] | wide[2:, 1:-1] | wide[1:-1, :-2] | wide[1:-1, 2:]
        grown = mask | (touched & over)
        if (grown == mask).all():
            return grown
        mask = grown


def filled(rgb: Pixels, mask: Mask) -> Pixels:
    """`rgb` with the blocks of `mask` replaced by what costs latents little: smooth transitions.

    Push and pull: unknown samples come from ever coarser means of the known ones.
    Source: Gortler et al., "The Lumigraph", SIGGRAPH 1996.
    """
    # `picture.hidden` does the same with wider kernels, for holes of any shape that nobody sees.
    # These holes are whole blocks: small kernels do. Changing either changes the files.
    height, width = rgb.shape[:2]
    known: Floats = (~pixel_mask(mask, width=width, height=height))[..., None].astype(np.float32)
    smooth = _pulled(rgb.astype(np.float32) * known, known)
    out: Pixels = np.where(known > 0, rgb, smooth.round().astype(np.uint8))
    return out


def _pulled(values: Floats, known: Floats) -> Floats:
    """values: weighted sums `(H, W, 3)` with the weights `known`, `(H, W, 1)`, 0 .. 1 -> means."""
    if known.min() > 0 or max(values.shape[:2]) == 1:
        return np.divide(values, np.maximum(known, 1e-6), dtype=np.float32)
    weights = _halved(known)
    over = np.maximum(1, weights)
    mean = np.divide(_halved(values), over, dtype=np.float32)
    coarse = _pulled(mean, np.divide(weights, over, dtype=np.float32))
    fine = _smooth(coarse.repeat(2, 0).repeat(2, 1)[: values.shape[0], : values.shape[1]])
    mixed: Floats = values + (1 - known) * fine
    return mixed


def _halved(x: Floats) -> Floats:
    """Sums over 2 x 2 samples."""
    x = np.pad(x, [(0, x.shape[0] % 2), (0, x.shape[1] % 2), (0, 0)])
    sums: Floats = x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]
    return sums


def _smooth(x: Floats) -> Floats:
    """A filter 1 2 1 in both directions."""
    for axis in (0, 1):
        wide = np.pad(x, [(1, 1) if a == axis else (0, 0) for a in range(3)], mode="edge")
        before, after = (wide.take(range(k, k + x.shape[axis]), axis) for k in (0, 2))
        x = np.divide(before + 2 * x + after, 4, dtype=np.float32)
    return x
