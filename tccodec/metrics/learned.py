"""LPIPS and DISTS: distances of deep features, with weights from disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tccodec.metrics.backbones import load_weights
from tccodec.metrics.base import Array8, MetricInfo

# A smaller picture has no pixel left at the deepest tap.
_LPIPS_MIN_SIDE = 32
_DISTS_MIN_SIDE = 32
# The reference program of DISTS shrinks larger pictures to this short side.
_DISTS_SHORT_SIDE = 256


def unit_planes(picture: Array8) -> Any:
    """uint8 (H, W, 3) -> float32 tensor (1, 3, H, W) in [0, 1]."""
    import torch

    planes = np.ascontiguousarray(picture.transpose(2, 0, 1), dtype=np.float32)
    return torch.from_numpy(planes)[None] / 255


def imagenet(planes: Any) -> Any:
    """Planes in [0, 1], normalised by ImageNet's mean and deviation."""
    mean = planes.new_tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = planes.new_tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    return (planes - mean) / std


class Lpips:
    """LPIPS 0.1 on AlexNet (Zhang et al. 2018).

    At each tap, feature vectors are normalised to length 1, and their squared differences are
    weighted per channel and averaged over positions. The five taps are added.
    """

    info = MetricInfo(
        name="lpips",
        label="LPIPS",
        unit="",
        higher_better=False,
        axis="negative",
        digits=3,
        definition="Zhang et al. 2018, version 0.1, AlexNet with its linear heads (weights rounded "
        "to 16 bits), 8-bit sRGB at full size scaled to -1..1; 0 is identical; mean over pictures.",
        version="0.1-alex-fp16",
    )

    def __init__(self, folder: Path | None = None) -> None:
        from tccodec.metrics.networks import ALEX, LpipsNetwork

        self._network = LpipsNetwork(
            "lpips_alexnet.safetensors", ALEX, needed_by="lpips", folder=folder
        )

    def _features(self, picture: Array8) -> list[Any]:
        import torch

        with torch.inference_mode():
            return self._network.features(unit_planes(picture) * 2 - 1)

    def prepare(self, original: Array8) -> list[Any] | None:
        """Normalised features of the original at the five taps."""
        if min(original.shape[:2]) < _LPIPS_MIN_SIDE:
            return None
        return self._features(original)

    def score(self, original: Array8, decoded: Array8, prepared: Any) -> float | None:
        """The distance; None below 32 pixels a side."""
        if prepared is None:
            return None
        return float(self._network.distance(prepared, self._features(decoded)))


def dists_shrunk(picture: Array8) -> Array8:
    """A picture as DISTS sees it: its short side is at most 256 pixels.

    The long side is rounded down, as torchvision's `resize` does for the authors' program.
    """
    image = Image.fromarray(picture)
    short = min(image.size)
    if short <= _DISTS_SHORT_SIDE:
        return picture
    width, height = (int(_DISTS_SHORT_SIDE * n / short) for n in image.size)
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))


class Dists:
    """DISTS (Ding et al. 2020): structure and texture similarity of VGG16 features."""

    info = MetricInfo(
        name="dists",
        label="DISTS",
        unit="",
        higher_better=False,
        axis="negative",
        digits=3,
        definition="Ding et al. 2020, VGG16 with L2 pooling (weights rounded to 16 bits); short "
        "side shrunk to 256 as the authors' program does, sRGB in 0..1; 0 is identical; mean over "
        "pictures.",
        version="2-fp16",
    )
    _BLOCKS = (2, 2, 3, 3, 3)

    def __init__(self, folder: Path | None = None) -> None:
        import torch

        self._w = load_weights("lpips_vgg16.safetensors", folder, needed_by="dists")
        table = load_weights("dists_weights.safetensors", folder, needed_by="dists")
        total = table["alpha"].sum() + table["beta"].sum()
        self._alpha, self._beta = table["alpha"] / total, table["beta"] / total
        hann = torch.tensor([0.5, 1.0, 0.5])
        self._window = torch.outer(hann, hann)
        self._window /= self._window.sum()

    def _taps(self, picture: Array8) -> list[Any]:
        import torch.nn.functional as F

        planes = unit_planes(dists_shrunk(picture))
        taps, x = [planes], imagenet(planes)
        for block, layers in enumerate(self._BLOCKS, start=1):
            if block > 1:
                window = self._window.expand(x.shape[1], 1, 3, 3)
                pooled = F.conv2d(x * x, window, stride=2, padding=1, groups=x.shape[1])
                x = (pooled + 1e-12).sqrt()
            for layer in range(1, layers + 1):
                key = f"conv{block}_{layer}"
                x = F.relu(F.conv2d(x, self._w[key + ".weight"], self._w[key + ".bias"], padding=1))
            taps.append(x)
        return taps

    def prepare(self, original: Array8) -> list[Any] | None:
        """Features of the original: the picture itself and five taps."""
        import torch

        if min(original.shape[:2]) < _DISTS_MIN_SIDE:
            return None
        with torch.inference_mode():
            return self._taps(original)

    def score(self, original: Array8, decoded: Array8, prepared: Any) -> float | None:
        """The distance; None below 32 pixels a side."""
        import torch

        if prepared is None:
            return None
        c = 1e-6
        lum, struct = [], []
        with torch.inference_mode():
            for a, b in zip(prepared, self._taps(decoded), strict=True):
                ma, mb = a.mean((2, 3)), b.mean((2, 3))
                va, vb = a.var((2, 3), correction=0), b.var((2, 3), correction=0)
                cov = ((a - ma[..., None, None]) * (b - mb[..., None, None])).mean((2, 3))
                lum.append((2 * ma * mb + c) / (ma**2 + mb**2 + c))
                struct.append((2 * cov + c) / (va + vb + c))
            similarity = self._alpha * torch.cat(lum, 1) + self._beta * torch.cat(struct, 1)
        return float(1 - similarity.sum())
