"""The quadrants' checkerboard as two maps.

The grid of the quadrants has an even number of columns, so each half of its checkerboard has as
many sites in every row: it is a map itself, half as wide.

    a b a b               a a              b b
    b a b a   -> anchors  a a   and others b b
    a b a b               a a              b b

The neighbours of a site are in the other half: above and below it in the same column; beside it
in the same column and the one before or after, by turns of the rows. So shifted maps are all it
takes, and nothing is gathered by index.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def halved(t: Tensor) -> Tensor:
    """Four quadrants in a row `(B, h, w, 4 F)` -> anchors and others `(2, B, 2 h, w, F)`."""
    one, two, three, four = t.chunk(4, -1)
    halves = (torch.stack(pair, 2).flatten(1, 2) for pair in ((one, four), (two, three)))
    return torch.stack(list(halves))


def joined(halves: Tensor) -> Tensor:
    """Inverse of `halved`."""
    (one, four), (two, three) = (half.unflatten(1, (-1, 2)).unbind(2) for half in halves)
    return torch.cat([one, two, three, four], -1)


def beside(x: Tensor, half: int) -> list[Tensor]:
    """A map of one half `(B, 2 h, w, F)` -> what stands above, below, left and right of each site
    of `half`, the other one; zero outside."""
    above, below = F.pad(x, (0, 0, 0, 0, 1, 0))[:, :-1], F.pad(x, (0, 0, 0, 0, 0, 1))[:, 1:]
    before, after = F.pad(x, (0, 0, 1, 0))[:, :, :-1], F.pad(x, (0, 0, 0, 1))[:, :, 1:]
    shifted = (torch.arange(x.shape[1], device=x.device) % 2 == half)[:, None, None]
    return [above, below, torch.where(shifted, before, x), torch.where(shifted, x, after)]
