"""Parts of a picture and smaller pictures: regions, scales, averages."""

from __future__ import annotations

import numpy as np

from tccodec.errors import BadOption
from tccodec.picture.types import Pixels

# A part of a picture: left, top, width, height, in pixels.
Region = tuple[int, int, int, int]
Box = tuple[int, int, int, int]  # left, top, right, bottom; the last two are outside


def reduced(region: Region, scale: int) -> Box:
    """`(left, top, right, bottom)` of all pixels that a region touches at 1 / `scale`."""
    left, top, width, height = region
    right, bottom = -(-(left + width) // scale), -(-(top + height) // scale)
    return left // scale, top // scale, right, bottom


def reduction(scale: float) -> int:
    """1, 2, 4 or 8 for a scale of 1, 1/2, 1/4 or 1/8, else `BadOption`."""
    for factor in (1, 2, 4, 8):
        if scale == 1 / factor:
            return factor
    raise BadOption(f"a picture can be decoded at scale 1, 1/2, 1/4 or 1/8, not {scale:g}")


def region_within(region: Region | None, *, width: int, height: int) -> Region:
    """The region, or the whole picture for None; `BadOption` unless it lies inside."""
    left, top, w, h = region or (0, 0, width, height)
    inside = left >= 0 and top >= 0 and left + w <= width and top + h <= height
    if w < 1 or h < 1 or not inside:
        raise BadOption(
            f"the region {left},{top},{w},{h} is not inside the picture"
            f" of {width} x {height} pixels"
        )
    return left, top, w, h


def averaged(plane: Pixels, factor: int) -> Pixels:
    """`(H, W, ...)` averaged over blocks of `factor x factor` pixels, rounded.

    Blocks at the right and bottom edge average the pixels that they have.
    """
    if factor == 1:
        return plane
    rows = np.arange(0, plane.shape[0], factor)
    columns = np.arange(0, plane.shape[1], factor)
    sums = np.add.reduceat(plane, rows, axis=0, dtype=np.uint32)
    sums = np.add.reduceat(sums, columns, axis=1)
    high = np.minimum(factor, plane.shape[0] - rows)[:, None]
    counts = (high * np.minimum(factor, plane.shape[1] - columns)).astype(np.uint32)
    counts = counts.reshape(*counts.shape, *[1] * (plane.ndim - 2))
    means: Pixels = ((sums + counts // 2) // counts).astype(np.uint8)
    return means
