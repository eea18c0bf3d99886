"""The distortion that training minimises, which has several parts."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from tccodec.coding.distortion import VISIBLE, ssim
from tccodec.training.config import TrainConfig


def seams(error: Tensor, patch: int) -> Tensor:
    """Mean squared jump of the error `(B, 3, H, W)` across the borders of patches, `(B,)`."""
    rows = error[:, :, patch::patch] - error[:, :, patch - 1 : -1 : patch]
    columns = error[..., patch::patch] - error[..., patch - 1 : -1 : patch]
    return 0.5 * (rows.square().mean((1, 2, 3)) + columns.square().mean((1, 2, 3)))


def grid(error: Tensor, patch: int) -> Tensor:
    """Mean square of the part of the error `(B, 3, H, W)` that repeats in all patches, `(B,)`.

    The error is averaged over 4 x 4 neighbouring patches, and the mean of each result is removed.
    Texture that repeats with the patches stays, other texture loses fifteen sixteenths of its
    energy, and flat error does not count.
    """
    b, c, h, w = error.shape
    t = error.view(b, c, h // patch, patch, w // patch, patch).permute(0, 1, 3, 5, 2, 4)
    t = F.avg_pool2d(t.reshape(b, -1, h // patch, w // patch), 4, 2)
    t = t.view(b, c, patch * patch, -1)
    return (t - t.mean(2, keepdim=True)).square().mean((1, 2, 3))


def mean_structural_error(y: Tensor, x: Tensor) -> Tensor:
    """1 - SSIM of the luma of `(B, 3, H, W)` in steps of 1/255, `(B,)`.

    The mean over sizes, weighted by `VISIBLE`. SSIM as Wang et al. 2004 define it, but in flat
    windows of 5 x 5 pixels (as wide as a Gaussian of deviation 1.4) at every second pixel: that is
    a fraction of the work of Gaussian windows at every pixel, as `coding.distortion` has them.
    """
    red, green, blue = 0.299, 0.587, 0.114
    a, b = (
        128 + (red * t[:, 0] + green * t[:, 1] + blue * t[:, 2])[:, None] for t in (y.float(), x)
    )
    error = torch.zeros(len(x), device=x.device)
    for scale, weight in enumerate(VISIBLE):
        if scale:
            a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
        if weight:
            similar = ssim(a, b, lambda t: F.avg_pool2d(t, 5, 2))
            error = error + weight * (1 - similar.mean((1, 2, 3)))
    return error


def distortion(
    y: Tensor, x: Tensor, cfg: TrainConfig, *, patch: int, token: int
) -> tuple[Tensor, Tensor]:
    """Reconstructions and originals `(B, 3, H, W)` -> distortion and squared error, `(B,)`.

    `patch`: side in pixels of the patches of the decoder's output, whose seams count. `token`: side
    of the squares over which a repeating error counts.
    """
    error = y - x
    mse = error.square().mean((1, 2, 3))
    total = mse
    if share := cfg.structure:
        structure = mean_structural_error(y, x)
        scale = (mse / structure.clamp_min(1e-4)).detach()
        total = (1 - share) * mse + share * scale * structure
    if cfg.seam:
        total = total + cfg.seam * seams(error, patch)
    if cfg.grid:
        total = total + cfg.grid * grid(error, token)
    return total, mse
