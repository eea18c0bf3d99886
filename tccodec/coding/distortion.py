"""The distortion that efforts from 3 on reduce: squared error, structure, or a mix."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tccodec.coding.effort import Tune
from tccodec.picture.types import Pixels

# Weights of the sizes in the structural error, from full size on. SSIMULACRA2 looks most at a
# quarter; fine detail is left to squared error.
EVENLY = (1.0, 1.0, 1.0)
VISIBLE = (0.0, 0.1, 0.6, 0.3)
_STRIP = 512  # rows; a multiple of all sizes
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
# BT.601 luma and two colour differences, each of unit gain on its own axis.
_OPPONENT = ((0.299, 0.587, 0.114), (0.5, -0.419, -0.081), (-0.169, -0.331, 0.5))
# Structure of the colour differences counts less than that of luma.
_PLANES = (0.8, 0.1, 0.1)
# The part of the structural error in what is reduced.
_SHARES: dict[Tune, float] = {"psnr": 0.0, "balanced": 0.25, "visual": 0.5, "ssim": 1.0}


def squared_error(y: Tensor, x: Tensor) -> Tensor:
    """Sum of squared differences of `(1, 3, H, W)`, a scalar."""
    return (y - x).square().sum()


def structural_error(y: Tensor, x: Tensor, *, sizes: tuple[float, ...] = EVENLY) -> Tensor:
    """Sum of 1 - SSIM over pixels, a scalar; full, half, ... size are weighted by `sizes`.

    `(1, 3, H, W)` in steps of 1/255. SSIM as Wang et al. 2004 define it, with a Gaussian of
    deviation 1.5, on luma and two colour differences. Sizes below 11 pixels are left out.
    """
    to = torch.tensor(_OPPONENT, dtype=y.dtype, device=y.device)
    a, b = (torch.einsum("oc,bchw->bohw", to, t) for t in (y + 128.0, x + 128.0))
    weight = torch.tensor(_PLANES, dtype=y.dtype, device=y.device)[:, None, None]
    side = min(a.shape[-2:])
    shares = [share for k, share in enumerate(sizes) if not k or side >> k >= 11]
    if not any(shares):
        shares = [1.0]
    error = torch.zeros((), dtype=y.dtype, device=y.device)
    for scale, share in enumerate(shares):
        if scale:
            a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
        if share:  # a pixel of a smaller picture counts for several
            error = error + share * 4**scale * (weight * (1 - ssim(a, b, _blur))).sum()
    return error / sum(shares)


@torch.inference_mode()
def visible_error(one: Pixels, other: Pixels) -> float:
    """`structural_error` of the sizes that SSIMULACRA2 looks at, of uint8 `(H, W, 3)`.

    In strips, to save memory.
    """
    total = 0.0
    for top in range(0, len(one), _STRIP):
        a, b = (
            torch.from_numpy(picture[top : top + _STRIP].astype(np.float32)).permute(2, 0, 1)[None]
            - 128
            for picture in (one, other)
        )
        total += float(structural_error(a, b, sizes=VISIBLE))
    return total


def _blur(t: Tensor) -> Tensor:
    """Local means, with zeros outside, which affect both pictures alike."""
    at = torch.arange(-5, 6, dtype=t.dtype, device=t.device)
    kernel = torch.softmax(-at.square() / (2 * 1.5**2), 0)
    channels = t.shape[1]
    t = t.contiguous(memory_format=torch.channels_last)  # torch convolves it in a fifth of the time
    t = F.conv2d(t, kernel.expand(channels, 1, 1, 11), padding=(0, 5), groups=channels)
    t = F.conv2d(t, kernel[:, None].expand(channels, 1, 11, 1), padding=(5, 0), groups=channels)
    return t.contiguous()


def ssim(a: Tensor, b: Tensor, window: Callable[[Tensor], Tensor]) -> Tensor:
    """SSIM map of two `(B, n, H, W)` in 0..255 (Wang et al. 2004). `window`: local means."""
    moments = window(torch.cat([a, b, a * a, b * b, a * b], 1))
    ma, mb, aa, bb, ab = moments.chunk(5, 1)
    va, vb, cov = aa - ma * ma, bb - mb * mb, ab - ma * mb
    light = (2 * ma * mb + _C1) / (ma * ma + mb * mb + _C1)
    return light * (2 * cov + _C2) / (va + vb + _C2)


class Distortion:
    """Distortion in units of squared error, so that lambda means the same.

    `psnr` is the squared error itself, `ssim` is `structural_error` over three sizes. `balanced` is
    three quarters of the one and a quarter of the other, as in training. `visual` is half squared
    error and half the structural error of the sizes that SSIMULACRA2 looks at. The structural error
    is scaled so that the first decode of the picture has its own squared error.
    """

    def __init__(self, tune: Tune) -> None:
        self.tune = tune
        self._scale = 0.0

    def structure(self, y: Tensor, x: Tensor) -> Tensor:
        """The structural error in this mix."""
        return structural_error(y, x, sizes=VISIBLE if self.tune == "visual" else EVENLY)

    def calibrate(self, squared: float, structural: float) -> None:
        """Set the scale from the sums of both errors over the first decode."""
        self._scale = squared / max(structural, 1e-9)

    def __call__(self, y: Tensor, x: Tensor) -> Tensor:
        """Scalar for a decode `y` and its original `x`, `(1, 3, H, W)` in -128..127."""
        share = _SHARES[self.tune]
        if not share:
            return squared_error(y, x)
        structure = self._scale * self.structure(y, x)
        return structure if share == 1 else (1 - share) * squared_error(y, x) + share * structure
