"""Latents -> hyper-latents: the encoder's own part of the entropy model, in floating point."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tccodec.config import ModelConfig
from tccodec.entropy.groups import FEATURE_GAIN, asinh
from tccodec.transform.layout import split_latents, unshuffle

HYPER_MAX = 31  # |z|; enters the network as 4 z in sixteenths


class HyperAnalysis(nn.Module):
    """Latents in steps -> hyper-latents."""

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.cfg = cfg
        half = cfg.hidden // 4
        self.fine = nn.Linear(sum(cfg.sizes[cfg.coarse :]), half)
        self.mix = nn.Linear(sum(cfg.groups[: cfg.coarse]) + 4 * half, cfg.hidden)
        self.out = nn.Linear(4 * cfg.hidden, cfg.hyper)
        # log2 of a gain on the hyper-latents: at low rates it must be able to make them zero.
        gain = torch.linspace(-2.0, 1.0, cfg.knots, device="cpu").clamp_max(0.0)
        self.hyper_gain = nn.Parameter(gain[:, None].repeat(1, cfg.hyper))

    def forward(self, v: Tensor, knot_weights: Tensor) -> Tensor:
        """`(B, h, w, C)` -> `(B, ceil(h/2), ceil(w/2), hyper)`."""
        h, w = v.shape[1:3]
        compressed = (FEATURE_GAIN * asinh(2.0 * v.abs())).copysign(v)
        coarse, fine = split_latents(compressed.to(self.fine.weight.dtype), self.cfg)
        t = torch.cat([coarse, unshuffle(F.hardswish(self.fine(fine)), 2)], -1)
        t = F.hardswish(self.mix(t))
        t = F.pad(t, (0, 0, 0, w % 2, 0, h % 2))
        z: Tensor = self.out(unshuffle(t, 2)).float()
        return z * torch.exp2(knot_weights @ self.hyper_gain)[:, None, None]
