"""What the integer networks of the quadrants see, a row for each site, kept where it is.

What stays known stands on the left of a row, and each group adds its features to it; on its right
is what one group alone sees around its sites, and the next one writes over it. So a network takes
the first columns of the rows, and nothing is gathered or joined anew for it. int8 throughout.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tccodec.entropy.halves import halved, joined
from tccodec.transform.layout import shuffle


class Halves:
    """Rows of the two halves of a checkerboard, as maps (`halves.py`)."""

    def __init__(self, features: Tensor, width: int) -> None:
        """`features` of four quadrants in a row `(1, h, w, 4 F)`; rows are `width` long."""
        maps = halved(features)[:, 0]
        self.known = maps.shape[-1]
        self.rows = maps.new_empty(*maps.shape[:-1], width)
        self.rows[..., : self.known] = maps

    def add(self, halves: list[Tensor]) -> None:
        """Features of a group `(2 h, w, n)` of each half: known from now on."""
        n = halves[0].shape[-1]
        for rows, x in zip(self.rows, halves, strict=True):
            rows[..., self.known : self.known + n] = x
        self.known += n

    def put_beside(self, half: int, x: Tensor, at: int) -> int:
        """The features `x (2 h, w, n)` of the other half, those above, below, left and right of
        each site of `half`, from column `at` on; zero outside. The column after them."""
        n = x.shape[-1]
        above, below, left, right = torch.split(self.rows[half, ..., at : at + 4 * n], n, -1)
        above[0], above[1:] = 0, x[:-1]
        below[-1], below[:-1] = 0, x[1:]
        # In these rows of the map, what is left of a site stands a column before.
        shifted, same = slice(half, None, 2), slice(1 - half, None, 2)
        left[shifted, 0], left[shifted, 1:], right[shifted] = 0, x[shifted, :-1], x[shifted]
        right[same, -1], right[same, :-1], left[same] = 0, x[same, 1:], x[same]
        return at + 4 * n

    def seen(self, half: int, count: int) -> Tensor:
        """The first `count` columns at the sites of a half, `(S, count)`."""
        return self.rows[half].flatten(0, 1)[:, :count]


class Raster:
    """Rows of all sites of the quadrants in raster order, for groups coded in one pass."""

    def __init__(self, halves: Halves, width: int) -> None:
        """Takes over what is known; rows are `width` long."""
        maps = _raster(halves.rows[..., : halves.known])
        self.known = halves.known
        self.rows = maps.new_empty(*maps.shape[:-1], width)
        self.rows[..., : self.known] = maps

    def add(self, x: Tensor) -> None:
        """Features of a group `(2 h, 2 w, n)`: known from now on."""
        n = x.shape[-1]
        self.rows[..., self.known : self.known + n] = x
        self.known += n

    def newest(self, n: int) -> Tensor:
        """The last n features that are known, `(2 h, 2 w, n)`: those of the group before."""
        return self.rows[..., self.known - n : self.known]

    def put_mean_around(self, x: Tensor) -> int:
        """The mean, halves rounded up, of the features `x (2 h, 2 w, n)` above, below, left and
        right of each site, zero outside, after what is known. The column after them."""
        total = torch.full(x.shape, 2, dtype=torch.int16)
        wide = x.to(torch.int16)
        total[1:] += wide[:-1]
        total[:-1] += wide[1:]
        total[:, 1:] += wide[:, :-1]
        total[:, :-1] += wide[:, 1:]
        end = self.known + x.shape[-1]
        self.rows[..., self.known : end] = total.bitwise_right_shift_(2)
        return end

    def seen(self, count: int) -> Tensor:
        """The first `count` columns at all sites, `(S, count)`."""
        return self.rows.flatten(0, 1)[:, :count]


def _raster(halves: Tensor) -> Tensor:
    """Both halves `(2, 2 h, w, n)` -> one map `(2 h, 2 w, n)`."""
    return shuffle(joined(halves[:, None]), 2)[0]
