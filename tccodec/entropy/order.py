"""The orders in which the sites of a latent group are coded.

Most groups are coded on a checkerboard, one half after the other. The first group, whose latents
resemble their neighbours most, is coded on a lattice that grows denser, so that few sites have no
known neighbour.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# (down, right), in units of a distance between sites.
Offsets = tuple[tuple[int, int], ...]
HERE: Offsets = ((0, 0),)
DIRECT: Offsets = ((-1, 0), (1, 0), (0, -1), (0, 1))
DIAGONAL: Offsets = ((-1, -1), (-1, 1), (1, -1), (1, 1))
WINDOW: Offsets = tuple((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1))
# The first group's networks beside `groups.0`, which is for direct neighbours one site away.
FAR_NET, DIAGONAL_NET = "far", "diagonal"


@dataclass(frozen=True)
class Pass:
    """Sites that are coded together: every `step`-th from each of `starts`, in both directions.

    net: the network that predicts them. distance: how far away their neighbours are, in sites.
    """

    net: str
    distance: int
    step: int
    starts: Offsets

    def sites(self, h: int, w: int) -> list[int]:
        """Flat indices of the sites of an `h x w` map, raster order."""
        s = self.step
        return sorted(
            i * w + j for y, x in self.starts for i in range(y, h, s) for j in range(x, w, s)
        )

    def gather(self, x: Tensor, offsets: Offsets = HERE) -> Tensor:
        """The values of a map `(B, h, w, F)` at `offsets` from the sites, zero outside the map.

        Returns `(B, S, len(offsets) * F)`. The sites are ordered by start, then in raster order.
        """
        h, w = x.shape[1:3]
        m = self.distance if len(offsets) > 1 else 0
        x = F.pad(x, (0, 0, m, m, m, m))
        rows = []
        for i, j in self.starts:
            corners = [(m + i + m * y, m + j + m * z) for y, z in offsets]
            parts = [x[:, y : y + h - i : self.step, z : z + w - j : self.step] for y, z in corners]
            rows.append(torch.cat(parts, -1).flatten(1, 2))
        return torch.cat(rows, 1)

    def scatter(self, x: Tensor, values: Tensor) -> Tensor:
        """The map `x (B, h, w, F)` with `values (B, S, F)` at the sites; inverse of `gather`."""
        h, w = x.shape[1:3]
        at = 0
        for i, j in self.starts:
            rows, columns = (-(-max(0, n) // self.step) for n in (h - i, w - j))
            if rows * columns:
                part = values[:, at : at + rows * columns].view(len(x), rows, columns, -1)
                part = x[:, i :: self.step].slice_scatter(part, 2, j, w, self.step)
                x = x.slice_scatter(part, 1, i, h, self.step)
            at += rows * columns
        return x


# The first group's passes. The first one codes every fourth site in both directions, without any
# neighbour. Then, at distance two and again at distance one, come the sites whose four diagonal
# neighbours are known, and after them the sites between, whose four direct neighbours are known.
LATTICE = (
    Pass(FAR_NET, distance=2, step=4, starts=((0, 0),)),
    Pass(FAR_NET, distance=2, step=4, starts=((2, 2),)),
    Pass(FAR_NET, distance=2, step=4, starts=((0, 2), (2, 0))),
    Pass(DIAGONAL_NET, distance=1, step=2, starts=((1, 1),)),
    Pass("groups.0", distance=1, step=2, starts=((0, 1), (1, 0))),
)


def checkerboard(group: int) -> tuple[Pass, Pass]:
    """A group's passes: the anchors ((i + j) even), then the other sites."""
    net = f"groups.{group}"
    return (
        Pass(net, distance=1, step=2, starts=((0, 0), (1, 1))),
        Pass(net, distance=1, step=2, starts=((0, 1), (1, 0))),
    )


def passes(group: int) -> tuple[Pass, ...]:
    """The passes of a group at 1/32."""
    return checkerboard(group) if group else LATTICE


@functools.lru_cache(maxsize=64)
def pass_sites(order: tuple[Pass, ...], h: int, w: int) -> list[Tensor]:
    """Flat indices of each pass's sites, raster order."""
    return [torch.tensor(p.sites(h, w), dtype=torch.int64) for p in order]


def at_offsets(x: Tensor, offsets: Offsets, *, distance: int = 1) -> Tensor:
    """`(B, h, w, F)` -> `(B, h, w, len(offsets) * F)`: for each site the values at
    `distance * offset` from it, zero outside the map."""
    h, w = x.shape[1:3]
    p = F.pad(x, (0, 0, *[distance] * 4))
    starts = [(distance * (i + 1), distance * (j + 1)) for i, j in offsets]
    return torch.cat([p[:, i : i + h, j : j + w] for i, j in starts], -1)


def direct_neighbours(x: Tensor) -> Tensor:
    """`(B, h, w, F)` -> `(B, h, w, 4 F)`: above, below, left, right; zero outside the map."""
    return at_offsets(x, DIRECT)


def window_3x3(x: Tensor) -> Tensor:
    """`(B, h, w, F)` -> `(B, h, w, 9 F)`: the 3x3 sites centred on each, in raster order; zero
    outside the map."""
    return at_offsets(x, WINDOW)
