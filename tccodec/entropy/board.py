"""The orders in which the sites of a latent group are coded.

Most groups: a checkerboard, one half after the other. The first group, whose latents are much
like their neighbours': on a lattice that grows denser, so that few sites see no neighbour.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor


def checkerboard(h: int, w: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Flat indices of the anchors ((i + j) even) and of the other sites, raster order."""
    halves = [[i * w + j for i in range(h) for j in range((i + n) % 2, w, 2)] for n in (0, 1)]
    anchors, others = (torch.tensor(at, dtype=torch.int64, device=device) for at in halves)
    return anchors, others


Places = tuple[tuple[int, int], ...]
DIRECT: Places = ((-1, 0), (1, 0), (0, -1), (0, 1))
DIAGONAL: Places = ((-1, -1), (-1, 1), (1, -1), (1, 1))
SQUARE: Places = tuple((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1))
# The name of the network, the distance at which sites look around, flat indices of the sites.
Pass = tuple[str, int, Tensor]
# The first group's networks beside `groups.0`, which is for direct neighbours one site away.
FAR, DIAGONALLY = "far", "diagonal"


def lattice(h: int, w: int, device: torch.device | None = None) -> list[Pass]:
    """The first group's passes over all sites, raster order in each.

    Every fourth site in both directions first (it sees nothing, but counts to the first
    distance); then for the distances two and one the sites with four diagonal neighbours that far
    away that are known, and those between them, with four direct ones.
    """
    passes = [(FAR, 2, [(i, j) for i in range(0, h, 4) for j in range(0, w, 4)])]
    for d, diagonal, direct in ((2, FAR, FAR), (1, DIAGONALLY, "groups.0")):
        grid = [(i, j) for i in range(0, h, d) for j in range(0, w, d)]
        passes.append((diagonal, d, [(i, j) for i, j in grid if i // d % 2 == j // d % 2 == 1]))
        passes.append((direct, d, [(i, j) for i, j in grid if i // d % 2 != j // d % 2]))
    return [
        (name, d, torch.tensor([i * w + j for i, j in at], dtype=torch.int64, device=device))
        for name, d, at in passes
    ]


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


def ring(x: Tensor, distance: int) -> Tensor:
    """`(B, h, w, F)` -> `(B, h, w, 8 F)`: `neighbours` at a distance, then the diagonal ones."""
    return shifted(x, DIRECT + DIAGONAL, distance)


def neighbourhood(x: Tensor) -> Tensor:
    """`(B, h, w, F)` -> `(B, h, w, 9 F)`: the 3x3 around each site, row by row; zero outside."""
    return shifted(x, SQUARE)


@functools.lru_cache(maxsize=16)
def board(h: int, w: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The checkerboard's halves: flat indices of their sites `(S,)`, and `(4 S,)` where the
    neighbours of each of these are in the other half: above, below, left, right. Beyond the
    border is the row after the other half's last.
    """
    sites = checkerboard(h, w)
    place = torch.empty(h * w, dtype=torch.int64)
    for at in sites:
        place[at] = torch.arange(len(at))
    place = F.pad(place.view(h, w), (1, 1, 1, 1), value=-1)
    near = torch.stack([place[:-2, 1:-1], place[2:, 1:-1], place[1:-1, :-2], place[1:-1, 2:]], 2)
    near = near.flatten(0, 1)
    a, b = (near[at] for at in sites)
    a[a < 0], b[b < 0] = len(sites[1]), len(sites[0])
    return sites, (a.flatten(), b.flatten())


def raster(halves: list[Tensor], sites: tuple[Tensor, Tensor]) -> Tensor:
    """Rows of both halves -> of all sites, in raster order."""
    out = halves[0].new_empty(sum(map(len, sites)), halves[0].shape[1])
    for at, half in zip(sites, halves, strict=True):
        out[at] = half
    return out


def around(x: Tensor, near: Tensor) -> Tensor:
    """Features of one half `(S, F)` -> of the neighbours of the other half's sites, `(., 4 F)`."""
    return F.pad(x, (0, 0, 0, 1)).index_select(0, near).view(-1, 4 * x.shape[1])
