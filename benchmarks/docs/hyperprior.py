"""The transforms of a hyperprior model, as a yardstick for speed.

Balle et al., "Variational image compression with a scale hyperprior" (ICLR 2018), in the shapes
that CompressAI builds: N 128, M 192. Random weights, no entropy coding.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Transforms(NamedTuple):
    """The four networks."""

    analysis: nn.Module
    synthesis: nn.Module
    hyper_analysis: nn.Module
    hyper_synthesis: nn.Module

    def hyper(self, y: Tensor) -> Tensor:
        """Latents through both hyper networks."""
        out: Tensor = self.hyper_synthesis(self.hyper_analysis(y))
        return out


class Gdn(nn.Module):
    """Generalised divisive normalisation: x over (or times) sqrt(beta + gamma x^2)."""

    def __init__(self, channels: int, *, inverse: bool) -> None:
        super().__init__()
        self.norm = nn.Conv2d(channels, channels, 1)
        nn.init.constant_(self.norm.weight, 0.1 / channels)
        assert self.norm.bias is not None
        nn.init.ones_(self.norm.bias)
        self.inverse = inverse

    def forward(self, x: Tensor) -> Tensor:
        """`(B, channels, H, W)` -> the same shape."""
        norm: Tensor = self.norm(x.square())
        return x * (torch.sqrt(norm) if self.inverse else torch.rsqrt(norm))


def down(a: int, b: int, kernel: int = 5, stride: int = 2) -> nn.Module:
    """A convolution from `a` to `b` channels."""
    return nn.Conv2d(a, b, kernel, stride, kernel // 2)


def up(a: int, b: int) -> nn.Module:
    """Its transposed counterpart, which doubles height and width."""
    return nn.ConvTranspose2d(a, b, 5, 2, 2, output_padding=1)


def hyperprior(dtype: torch.dtype, n: int = 128, m: int = 192) -> Transforms:
    """The networks with `n` hidden channels and `m` latents, channels last."""
    analysis = [down(3, n), Gdn(n, inverse=False), down(n, n), Gdn(n, inverse=False)]
    analysis += [down(n, n), Gdn(n, inverse=False), down(n, m)]
    synthesis = [up(m, n), Gdn(n, inverse=True), up(n, n), Gdn(n, inverse=True)]
    synthesis += [up(n, n), Gdn(n, inverse=True), up(n, 3)]
    hyper = [down(m, n, 3, 1), nn.ReLU(), down(n, n), nn.ReLU(), down(n, n)]
    back = [up(n, n), nn.ReLU(), up(n, n), nn.ReLU(), down(n, m, 3, 1)]

    def network(layers: list[nn.Module]) -> nn.Module:
        made = nn.Sequential(*layers).eval().to(dtype)
        return made.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    return Transforms(*(network(layers) for layers in (analysis, synthesis, hyper, back)))
