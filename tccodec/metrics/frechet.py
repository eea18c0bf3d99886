"""A Frechet distance of EfficientNet-Lite0 features. It is not FID and has other values.

Features come from patches of a fixed grid, at most `PATCHES` per picture. They are not resized,
because that would hide what a codec does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tccodec.metrics.backbones import load_weights
from tccodec.metrics.base import Array8, MetricInfo

PATCH = 224
PATCHES = 6
# With fewer patches than this, the distance is mostly the bias of its estimate.
ENOUGH = 1280
# kernel, stride, input channels, output channels of the sixteen blocks.
_BLOCKS = (
    [(3, 1, 32, 16), (3, 2, 16, 24), (3, 1, 24, 24), (5, 2, 24, 40), (5, 1, 40, 40)]
    + [(3, 2, 40, 80), (3, 1, 80, 80), (3, 1, 80, 80), (5, 1, 80, 112)]
    + [(5, 1, 112, 112), (5, 1, 112, 112), (5, 2, 112, 192)]
    + [(5, 1, 192, 192)] * 3
    + [(3, 1, 192, 320)]
)


class FrechetEffnet:
    """Frechet distance between Gaussians fitted to the features of originals and decoded."""

    info = MetricInfo(
        name="frechet-effnet",
        label="Frechet distance (EfficientNet-Lite0)",
        unit="",
        higher_better=False,
        axis="negative",
        digits=2,
        definition="|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of 1280 pooled EfficientNet-Lite0 "
        f"features; up to {PATCHES} patches of 224 x 224 original pixels per picture, (RGB - 127) "
        "/ 128. One number per codec and quality. Not FID and not comparable with it; biased "
        f"upward below about {ENOUGH} patches, equally for all codecs.",
        version="1-fp16",
        per_picture=False,
    )

    def __init__(self, folder: Path | None = None) -> None:
        self._w = load_weights("efficientnet_lite0.safetensors", folder, needed_by="frechet-effnet")

    def features(self, picture: Array8) -> NDArray[np.float16]:
        """Features (patches, 1280); no rows for a picture smaller than a patch."""
        import torch

        height, width = picture.shape[:2]
        corners = patch_corners(height, width)
        if not corners:
            return np.zeros((0, 1280), np.float16)
        patches = np.stack([picture[t : t + PATCH, x : x + PATCH] for t, x in corners])
        planes = torch.from_numpy(patches.transpose(0, 3, 1, 2).astype(np.float32))
        with torch.inference_mode():
            pooled = self.head((planes - 127) / 128).mean((2, 3))
        return np.asarray(pooled.numpy(), dtype=np.float16)

    def head(self, x: Any) -> Any:
        """Normalised planes (N, 3, H, W) -> head activations (N, 1280, H/32, W/32)."""
        x = self._conv("stem", x, stride=2).clamp_(0, 6)
        for n, (_, stride, cin, cout) in enumerate(_BLOCKS):
            block, y = f"blocks.{n}", x
            if f"{block}.expand.weight" in self._w:
                y = self._conv(f"{block}.expand", y).clamp_(0, 6)
            y = self._conv(f"{block}.dw", y, stride=stride, groups=y.shape[1]).clamp_(0, 6)
            y = self._conv(f"{block}.project", y)
            x = x + y if stride == 1 and cin == cout else y
        return self._conv("head", x).clamp_(0, 6)

    def _conv(self, name: str, x: Any, *, stride: int = 1, groups: int = 1) -> Any:
        """Convolution with TensorFlow's "SAME" padding: an odd pixel is at the bottom or right."""
        import torch.nn.functional as F

        weight, bias = self._w[f"{name}.weight"], self._w[f"{name}.bias"]
        k = weight.shape[-1]
        pads = []
        for n in (x.shape[-1], x.shape[-2]):
            total = max((-(-n // stride) - 1) * stride + k - n, 0)
            pads += [total // 2, total - total // 2]
        return F.conv2d(F.pad(x, pads), weight, bias, stride, groups=groups)

    def distance(
        self, originals: NDArray[np.float16], decoded: NDArray[np.float16]
    ) -> float | None:
        """The distance; None with fewer than two patches."""
        if min(len(originals), len(decoded)) < 2:
            return None
        return frechet(originals.astype(np.float64), decoded.astype(np.float64))


def patch_corners(height: int, width: int) -> list[tuple[int, int]]:
    """Top-left corners (row, column) of at most `PATCHES` patches, evenly spread."""
    if min(height, width) < PATCH:
        return []
    tall = height > width
    rows, columns = min(3 if tall else 2, height // PATCH), min(2 if tall else 3, width // PATCH)
    tops = [round(v) for v in np.linspace(0, height - PATCH, rows)] if rows > 1 else [0]
    lefts = [round(v) for v in np.linspace(0, width - PATCH, columns)] if columns > 1 else [0]
    return [(t, x) for t in tops for x in lefts]


def frechet(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Frechet distance of Gaussians fitted to the rows of `a` and `b`.

    The trace of (C1 C2)^(1/2) is the sum of the singular values of A B^T for C1 = A^T A and
    C2 = B^T B, so no matrix root is needed and few rows cost little.
    """
    ma, mb = a.mean(0), b.mean(0)
    ca, cb = (a - ma) / np.sqrt(len(a) - 1), (b - mb) / np.sqrt(len(b) - 1)
    # QR keeps the singular values and turns 6,000 rows into 1,280
    if len(ca) > ca.shape[1]:
        ca = np.linalg.qr(ca, mode="r")
    if len(cb) > cb.shape[1]:
        cb = np.linalg.qr(cb, mode="r")
    cross = np.linalg.svd(ca @ cb.T, compute_uv=False).sum()
    gap = float(((ma - mb) ** 2).sum())
    return float(max(0.0, gap + (ca**2).sum() + (cb**2).sum() - 2 * cross))
