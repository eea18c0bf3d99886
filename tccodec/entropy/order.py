"""The orders in which the sites of a latent group are coded.

Most groups: a checkerboard, one half after the other. The first group, whose latents are much
like their neighbours': on a lattice that grows denser, so that few sites see no neighbour.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Places = tuple[tuple[int, int], ...]
DIRECT: Places = ((-1, 0), (1, 0), (0, -1), (0, 1))
DIAGONAL: Places = ((-1, -1), (-1, 1), (1, -1), (1, 1))
SQUARE: Places = tuple((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1))
# The first group's networks beside `groups.0`, which is for direct neighbours one site away.
FAR, DIAGONALLY = "far", "diagonal"


@dataclass(frozen=True)
class Pass:
    """Sites that are coded together: every `step`-th from each of `starts`, in both directions."""

    net: str
    distance: int  # at which they look around
    step: int
    starts: Places

    def sites(self, h: int, w: int) -> list[int]:
        """Flat indices of the sites of an `h x w` map, raster order."""
        s = self.step
        return sorted(
            i * w + j for y, x in self.starts for i in range(y, h, s) for j in range(x, w, s)
        )

    def picked(self, x: Tensor, places: Places = ((0, 0),)) -> Tensor:
        """`(B, h, w, F)` -> what stands at the distance times each place `(down, right)` from the
        sites, `(B, S, len(places) * F)`; zero outside. The sites start by start."""
        h, w = x.shape[1:3]
        m = self.distance if len(places) > 1 else 0
        x = F.pad(x, (0, 0, m, m, m, m))
        rows = []
        for i, j in self.starts:
            corners = [(m + i + m * y, m + j + m * z) for y, z in places]
            parts = [x[:, y : y + h - i : self.step, z : z + w - j : self.step] for y, z in corners]
            rows.append(torch.cat(parts, -1).flatten(1, 2))
        return torch.cat(rows, 1)

    def put(self, x: Tensor, values: Tensor) -> Tensor:
        """`x (B, h, w, F)` with `values (B, S, F)`, as `picked` orders them, at the sites."""
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


# The first group's passes. Every fourth site in both directions first (it sees nothing, but
# counts to the first distance); then for the distances two and one the sites with four diagonal
# neighbours that far away that are known, and those between them, with four direct ones.
LATTICE = (
    Pass(FAR, 2, 4, ((0, 0),)),
    Pass(FAR, 2, 4, ((2, 2),)),
    Pass(FAR, 2, 4, ((0, 2), (2, 0))),
    Pass(DIAGONALLY, 1, 2, ((1, 1),)),
    Pass("groups.0", 1, 2, ((0, 1), (1, 0))),
)


def checkerboard(group: int) -> tuple[Pass, Pass]:
    """A group's passes: the anchors ((i + j) even), then the other sites."""
    name = f"groups.{group}"
    return Pass(name, 1, 2, ((0, 0), (1, 1))), Pass(name, 1, 2, ((0, 1), (1, 0)))


def passes(group: int) -> tuple[Pass, ...]:
    """The passes of a group at 1/32."""
    return checkerboard(group) if group else LATTICE


@functools.lru_cache(maxsize=64)
def places(order: tuple[Pass, ...], h: int, w: int) -> list[Tensor]:
    """Flat indices of each pass's sites, raster order."""
    return [torch.tensor(turn.sites(h, w), dtype=torch.int64) for turn in order]


def shifted(x: Tensor, places: Places, distance: int = 1) -> Tensor:
    """`(B, h, w, F)` -> `(B, h, w, len(places) * F)`: what stands at `distance` times each place
    `(down, right)` from a site; zero outside."""
    h, w = x.shape[1:3]
    p = F.pad(x, (0, 0, *[distance] * 4))
    starts = [(distance * (i + 1), distance * (j + 1)) for i, j in places]
    return torch.cat([p[:, i : i + h, j : j + w] for i, j in starts], -1)


def neighbours(x: Tensor) -> Tensor:
    """`(B, h, w, F)` -> `(B, h, w, 4 F)`: above, below, left, right; zero outside."""
    return shifted(x, DIRECT)


def neighbourhood(x: Tensor) -> Tensor:
    """`(B, h, w, F)` -> `(B, h, w, 9 F)`: the 3x3 around each site, row by row; zero outside."""
    return shifted(x, SQUARE)
