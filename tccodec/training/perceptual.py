"""LPIPS (Zhang et al. 2018) on VGG16 and on AlexNet as a training loss."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from tccodec.report.backbones import load_weights

# Layers of each network: name, stride, padding, max-pooling (side, stride) before it, whether
# the distance looks at its output.
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
MARGIN = 32  # of a crop is left out, so that poolings and patches meet at any offset


class Network:
    """One frozen network; runs in bf16, the distance in fp32."""

    def __init__(self, file: str, layers: Layers, folder: Path | None, where: torch.device) -> None:
        tensors = load_weights(file, "training for realism", folder)
        self.layers = layers
        self.weights = {
            name: (
                tensors[f"{name}.weight"].to(where, torch.bfloat16),
                tensors[f"{name}.bias"].to(where, torch.bfloat16),
            )
            for name, *_ in layers
        }
        self.heads = [tensors[f"lin{i}.weight"].to(where).view(1, -1, 1, 1) for i in range(5)]
        # ImageNet's mean and deviation, for pixels in -128..127.
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        self.shift = (255 * mean - 128).view(1, 3, 1, 1).to(where)
        self.scale = (255 * std).view(1, 3, 1, 1).to(where)

    def _features(self, x: Tensor) -> list[Tensor]:
        t = (x - self.shift) / self.scale
        t = t.to(torch.bfloat16, memory_format=torch.channels_last)
        found = []
        for name, stride, padding, pooled, seen in self.layers:
            if pooled:
                t = F.max_pool2d(t, *pooled)
            t = F.relu(F.conv2d(t, *self.weights[name], stride, padding))
            if seen:
                f = t.float()
                found.append(f / (f.square().sum(1, keepdim=True).sqrt() + 1e-10))
        return found

    def distance(self, x: Tensor, y: Tensor) -> Tensor:
        """Originals and reconstructions `(B, 3, H, W)` in -128..127 -> distances `(B,)`.

        Has a gradient towards `y` only. H and W are 32 at least.
        """
        with torch.no_grad():
            wanted = self._features(x)
        total = y.new_zeros(len(y))
        for head, a, b in zip(self.heads, wanted, self._features(y), strict=True):
            total = total + (head * (a - b).square()).sum(1).mean((1, 2))
        return total


class PerceptualDistance:
    """Mean of LPIPS on VGG16 and on AlexNet; of VGG16, which costs twenty times as much, on
    every other sample.

    Raises `NotAvailable` if VGG16's weights are neither in `folder` nor where
    TCCODEC_BACKBONES points.
    """

    def __init__(self, folder: Path | None, where: torch.device, *, compiled: bool) -> None:
        def made(file: str, layers: Layers) -> Callable[[Tensor, Tensor], Tensor]:
            distance = Network(file, layers, folder, where).distance
            if not compiled:
                return distance
            faster: Callable[[Tensor, Tensor], Tensor] = torch.compile(distance, dynamic=False)
            return faster

        self.alex = made("lpips_alexnet.safetensors", ALEX)
        self.vgg = made("lpips_vgg16.safetensors", VGG)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Pixels `(B, 3, H, W)` in -128..127 -> distances `(B,)`, right in their mean over B."""
        i, j = torch.randint(0, MARGIN, (2,)).tolist()
        h, w = (n - MARGIN for n in x.shape[2:])
        x, y = (t[:, :, i : i + h, j : j + w].contiguous() for t in (x, y))
        vgg = self.vgg(x[::2].contiguous(), y[::2].contiguous())
        share = torch.zeros(len(y), device=y.device)
        share[::2] = vgg * (len(y) / len(vgg))
        return 0.5 * (self.alex(x, y) + share)
