"""Networks of the learned metrics: the real ones where they are, and a little one.

A, S and Q are synthetic pictures, uint8 `(n, n, 3)`: values of the metrics were recorded for them.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from tccodec.metrics.networks import VGG

needs_backbones = pytest.mark.skipif(
    not os.environ.get("TCCODEC_BACKBONES"),
    reason="VGG16 and EfficientNet weights are not in the repository: name a folder with "
    "TCCODEC_BACKBONES",
)


def _grid(n: int) -> list[NDArray[np.int64]]:
    return list(np.meshgrid(range(n), range(n), range(3), indexing="ij"))


def pattern_a(n: int) -> NDArray[np.uint8]:
    i, j, c = _grid(n)
    return np.asarray((7 * i + 13 * j + 29 * c) % 256, dtype=np.uint8)


def pattern_s(n: int) -> NDArray[np.uint8]:
    i, j, c = _grid(n)
    return np.asarray(((i * (c + 1) + j * (3 - c)) // 2) % 256, dtype=np.uint8)


def pattern_q(n: int) -> NDArray[np.uint8]:
    return np.asarray(pattern_s(n) // 32 * 32 + 16, dtype=np.uint8)


def little_vgg(folder: Path) -> Path:
    """Weights with VGG16's names and few channels."""
    rng = torch.Generator().manual_seed(0)
    tensors, before = {}, 3
    for name, *_ in VGG:
        width = 4 * int(name[4])
        tensors[f"{name}.weight"] = 0.3 * torch.randn(width, before, 3, 3, generator=rng)
        tensors[f"{name}.bias"] = torch.zeros(width)
        before = width
    for i in range(5):
        tensors[f"lin{i}.weight"] = torch.rand(4 * (i + 1), generator=rng)
    save_file(tensors, folder / "lpips_vgg16.safetensors")
    return folder
