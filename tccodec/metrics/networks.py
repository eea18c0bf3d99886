"""The networks of LPIPS 0.1 (Zhang et al. 2018), for the metric and for training realism."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from tccodec.metrics.backbones import load_weights

# Layers of each network: name, stride, padding, max-pooling (side, stride) before it, and whether
# its output is a tap of the distance.
Layers = tuple[tuple[str, int, int, tuple[int, int] | None, bool], ...]
ALEX: Layers = (
    ("conv1", 4, 2, None, True),
    ("conv2", 1, 2, (3, 2), True),
    ("conv3", 1, 1, (3, 2), True),
    ("conv4", 1, 1, None, True),
    ("conv5", 1, 1, None, True),
)
VGG: Layers = tuple(
    (f"conv{block}_{i}", 1, 1, (2, 2) if i == 1 < block else None, i == count)
    for block, count in enumerate((2, 2, 3, 3, 3), 1)
    for i in range(1, count + 1)
)


class LpipsNetwork:
    """A frozen network with its heads. The network runs in `dtype`, the distance in fp32."""

    def __init__(
        self,
        file: str,
        layers: Layers,
        *,
        needed_by: str,
        folder: Path | None,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        tensors = load_weights(file, folder, needed_by=needed_by)
        self.layers, self.dtype = layers, dtype
        self.weights = {
            name: (
                tensors[f"{name}.weight"].to(device, dtype),
                tensors[f"{name}.bias"].to(device, dtype),
            )
            for name, *_ in layers
        }
        self.heads = [tensors[f"lin{i}.weight"].to(device).view(1, -1, 1, 1) for i in range(5)]
        # LPIPS' own shift and scale of [-1, 1] equal ImageNet's of [0, 1] up to rounding.
        self.shift = torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1).to(device)
        self.scale = torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1).to(device)

    def features(self, x: Tensor) -> list[Tensor]:
        """Features of the five taps, of length 1 at each position, for `(B, 3, H, W)` in -1..1."""
        t = ((x - self.shift) / self.scale).to(self.dtype)
        taps = []
        for name, stride, padding, pooled, is_tap in self.layers:
            if pooled:
                t = F.max_pool2d(t, *pooled)
            t = F.relu(F.conv2d(t, *self.weights[name], stride, padding))
            if is_tap:
                f = t.float()
                taps.append(f / (torch.sqrt((f * f).sum(1, keepdim=True)) + 1e-10))
        return taps

    def distance(self, first: list[Tensor], second: list[Tensor]) -> Tensor:
        """Weighted squared differences, averaged over positions, summed over taps: `(B,)`."""
        total = torch.zeros(len(first[0]), device=first[0].device)
        for head, a, b in zip(self.heads, first, second, strict=True):
            total = total + (head * (a - b) ** 2).sum(1).mean((1, 2))
        return total
