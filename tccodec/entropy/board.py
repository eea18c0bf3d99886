"""The checkerboard in which the sites of a latent group are coded, one half after the other."""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor


def checkerboard(h: int, w: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Flat indices of the anchors ((i + j) even) and of the other sites, raster order."""
    parity = (torch.arange(h, device=device)[:, None] + torch.arange(w, device=device)) % 2
    flat = parity.flatten()
    return (flat == 0).nonzero()[:, 0], (flat == 1).nonzero()[:, 0]


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
