"""The inputs of the integer networks of the quadrants: one row for each site, written in place.

On the left of a row are the features that all later groups read; each group adds its own. On the
right are the neighbours' features, which a single group reads and the next one overwrites. So a
network reads the first columns of the rows, and no inputs are gathered or concatenated for it.
Everything is int8.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tccodec.entropy.halves import join_checkerboard, split_checkerboard
from tccodec.transform.layout import shuffle


class CheckerboardContext:
    """Input rows of both halves of a checkerboard, as maps (see `halves.py`)."""

    def __init__(self, features: Tensor, width: int) -> None:
        """`features` of four quadrants in a row `(1, h, w, 4 F)`; rows of `width` columns."""
        maps = split_checkerboard(features)[:, 0]
        self.known = maps.shape[-1]  # columns
        self.rows = maps.new_empty(*maps.shape[:-1], width)
        self.rows[..., : self.known] = maps

    def add(self, halves: list[Tensor]) -> None:
        """Add a group's features `(2 h, w, n)` of each half to what is known."""
        n = halves[0].shape[-1]
        for rows, x in zip(self.rows, halves, strict=True):
            rows[..., self.known : self.known + n] = x
        self.known += n

    def write_neighbours(self, half: int, x: Tensor, *, column: int) -> int:
        """Write the features above, below, left and right of each site of `half`.

        `x (2 h, w, n)` are the features of the other half; outside the map they are zero. They go
        to `column` and on. Returns the column after them.
        """
        n = x.shape[-1]
        columns = self.rows[half, ..., column : column + 4 * n]
        above, below, left, right = torch.split(columns, n, -1)
        above[0], above[1:] = 0, x[:-1]
        below[-1], below[:-1] = 0, x[1:]
        # In the rows that begin with a site of this half, the left neighbour is a column before; in
        # the indented rows the right neighbour is a column after.
        flush, indented = slice(half, None, 2), slice(1 - half, None, 2)
        left[flush, 0], left[flush, 1:], right[flush] = 0, x[flush, :-1], x[flush]
        right[indented, -1], right[indented, :-1], left[indented] = 0, x[indented, 1:], x[indented]
        return column + 4 * n

    def inputs(self, half: int, count: int) -> Tensor:
        """The first `count` columns at the sites of a half, `(S, count)`."""
        return self.rows[half].flatten(0, 1)[:, :count]


class RasterContext:
    """Input rows of all sites of the quadrants in raster order, for groups coded in one pass."""

    def __init__(self, halves: CheckerboardContext, width: int) -> None:
        """Start with what `halves` knows; rows of `width` columns."""
        known = halves.rows[..., : halves.known]
        maps = shuffle(join_checkerboard(known[:, None]), 2)[0]
        self.known = halves.known
        self.rows = maps.new_empty(*maps.shape[:-1], width)
        self.rows[..., : self.known] = maps

    def add(self, x: Tensor) -> None:
        """Add a group's features `(2 h, 2 w, n)` to what is known."""
        n = x.shape[-1]
        self.rows[..., self.known : self.known + n] = x
        self.known += n

    def newest(self, n: int) -> Tensor:
        """The last n known columns, `(2 h, 2 w, n)`: the features of the previous group."""
        return self.rows[..., self.known - n : self.known]

    def write_neighbour_mean(self, x: Tensor) -> int:
        """Write the mean of the features above, below, left and right of each site.

        `x (2 h, 2 w, n)` are the features of all sites; outside the map they are zero, and halves
        round up. The means follow what is known. Returns the column after them.
        """
        total = torch.full(x.shape, 2, dtype=torch.int16)
        wide = x.to(torch.int16)
        total[1:] += wide[:-1]
        total[:-1] += wide[1:]
        total[:, 1:] += wide[:, :-1]
        total[:, :-1] += wide[:, 1:]
        end = self.known + x.shape[-1]
        self.rows[..., self.known : end] = total.bitwise_right_shift_(2)
        return end

    def inputs(self, count: int) -> Tensor:
        """The first `count` columns at all sites, `(S, count)`."""
        return self.rows.flatten(0, 1)[:, :count]
