"""What self-supervision shows its two networks: two views of a crop, and which parts are hidden."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

CELL = 16  # pixels per side of what is hidden or shown as a whole, whatever the patches are
SMALLEST = 4  # cells of a block
ASPECT = 0.3  # least ratio of a block's sides
ATTEMPTS = 10  # to place a block, before single cells are hidden


def block_mask(
    rng: np.random.Generator, rows: int, columns: int, *, hidden: int
) -> NDArray[np.bool_]:
    """`(rows, columns)` with exactly `hidden` cells True, in rectangular blocks.

    After Bao et al. 2022 (BEiT), as iBOT has it. Single cells fill what no block fits.
    """
    mask = np.zeros((rows, columns), bool)
    for _ in range(ATTEMPTS):
        left = hidden - int(mask.sum())
        if left < SMALLEST:
            break
        area = rng.uniform(SMALLEST, left)
        aspect = math.exp(rng.uniform(math.log(ASPECT), -math.log(ASPECT)))
        h = min(rows, max(1, round(math.sqrt(area * aspect))))
        w = min(columns, max(1, round(math.sqrt(area / aspect))))
        top, first = rng.integers(rows - h + 1), rng.integers(columns - w + 1)
        block = np.zeros_like(mask)
        block[top : top + h, first : first + w] = True
        if int((mask | block).sum()) <= hidden:
            mask |= block
    free = np.flatnonzero(~mask)
    mask.flat[rng.choice(free, hidden - int(mask.sum()), replace=False)] = True
    return mask


def block_masks(count: int, rows: int, columns: int, *, ratio: float) -> Tensor:
    """`count` masks `(count, rows, columns)`, bool, that all hide the same number of cells.

    At least one cell is hidden and one is not. Random numbers follow torch's seed.
    """
    rng = np.random.default_rng(int(torch.randint(2**31, ())))
    hidden = min(max(1, round(ratio * rows * columns)), rows * columns - 1)
    masks = [block_mask(rng, rows, columns, hidden=hidden) for _ in range(count)]
    return torch.from_numpy(np.stack(masks))


def random_views(x: Tensor) -> Tensor:
    """Another look at each crop `(B, 3, H, W)` in -128..127, of the same size.

    An enlarged part of 0.6 to 1 of each side, mirrored or not, with changed contrast, brightness
    and balance of colours.
    """

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.empty(len(x), *shape, device=x.device).uniform_(low, high)

    side = uniform(0.6, 1.0)
    mirrored = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    zero = torch.zeros_like(side)
    across, down = (uniform(-1, 1) * (1 - side) for _ in range(2))
    part = torch.stack([side * mirrored, zero, across, zero, side, down], 1).view(-1, 2, 3)
    grid = F.affine_grid(part, list(x.shape), align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    gain = uniform(0.7, 1.3, 1, 1, 1) * uniform(0.9, 1.1, 3, 1, 1)
    return (x * gain + uniform(-25, 25, 1, 1, 1)).clamp(-128, 127)
