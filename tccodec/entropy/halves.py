"""The checkerboard of the quadrants as two maps.

The grid of the quadrants has an even number of columns, so both halves of its checkerboard have
the same number of sites in every row. Each half is a map itself, half as wide.

    a b a b               a a              b b
    b a b a   -> anchors  a a   and others b b
    a b a b               a a              b b

All neighbours of a site are in the other half. Those above and below are in the same column. One
of those on its left and right is in the same column too, the other one column before or after, in
alternate rows. So slices of maps give the neighbours, and nothing is gathered by index.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def split_checkerboard(quadrants: Tensor) -> Tensor:
    """Four quadrants in a row `(B, h, w, 4 F)` -> anchors and others `(2, B, 2 h, w, F)`."""
    one, two, three, four = quadrants.chunk(4, -1)
    halves = (torch.stack(pair, 2).flatten(1, 2) for pair in ((one, four), (two, three)))
    return torch.stack(list(halves))


def join_checkerboard(halves: Tensor) -> Tensor:
    """Inverse of `split_checkerboard`."""
    (one, four), (two, three) = (half.unflatten(1, (-1, 2)).unbind(2) for half in halves)
    return torch.cat([one, two, three, four], -1)


def neighbours_of(half: int, other: Tensor) -> list[Tensor]:
    """The values above, below, left and right of each site of a half (0 anchors, 1 others).

    `other` is the map of the other half, `(B, 2 h, w, F)`; so are the four results, zero outside
    the map.
    """
    above = F.pad(other, (0, 0, 0, 0, 1, 0))[:, :-1]
    below = F.pad(other, (0, 0, 0, 0, 0, 1))[:, 1:]
    before = F.pad(other, (0, 0, 1, 0))[:, :, :-1]
    after = F.pad(other, (0, 0, 0, 1))[:, :, 1:]
    # In the rows that begin with a site of this half, the left neighbour is a column before; in the
    # other rows the right neighbour is a column after.
    flush = (torch.arange(other.shape[1], device=other.device) % 2 == half)[:, None, None]
    return [above, below, torch.where(flush, before, other), torch.where(flush, other, after)]
