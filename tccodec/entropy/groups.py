"""The network of one latent group, and the shapes of what it sees."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tccodec.config import ModelConfig
from tccodec.container import Setting
from tccodec.entropy.layers import ACT_BITS, ACT_MAX, IntLinear, activation, on_grid

INDEX_GAIN = 8.0  # table indices per unit of network output
FEATURE_GAIN = 12.0 / 2**ACT_BITS


def asinh(magnitude: Tensor) -> Tensor:
    """Of numbers >= 0, spelled out: torch's own is not vectorised and takes nine times as long."""
    return torch.log(magnitude + torch.sqrt(magnitude.square() + 1.0))


def feature(v: Tensor) -> Tensor:
    """Magnitude compressed to the activation grid: 12 asinh(2 |v|) / 16, at most 127/16."""
    return on_grid((FEATURE_GAIN * asinh(2.0 * v.abs())).clamp_max(ACT_MAX / 2**ACT_BITS))


def context_widths(cfg: ModelConfig) -> list[int]:
    """Context features of each group at one of its sites."""
    return [n * (2 if g < cfg.signed_groups else 1) for g, n in enumerate(cfg.sizes)]


def in_one_pass(cfg: ModelConfig, group: int) -> bool:
    """Whether all sites of a group are coded in one pass."""
    return 0 < cfg.one_pass <= group


def context_inputs(cfg: ModelConfig, group: int) -> int:
    """Input width of a group's network.

    Hyper features, earlier groups at the site, the previous group at the site's four neighbours,
    and the group itself at its known neighbours.
    """
    width = context_widths(cfg)
    first = cfg.coarse if group >= cfg.coarse else 0
    around = (1 if in_one_pass(cfg, group) else 4) * width[group - 1] if group > first else 0
    return context_hidden(cfg, group) + sum(width[first:group]) + around + own_inputs(cfg, group)


def own_inputs(cfg: ModelConfig, group: int) -> int:
    """The part of the input from the group itself: four neighbours, or eight in group 0."""
    if in_one_pass(cfg, group):
        return 0
    return (4 if group else 8) * context_widths(cfg)[group]


def context_hidden(cfg: ModelConfig, group: int) -> int:
    """Width of a group's network."""
    return cfg.hidden if group < cfg.coarse else cfg.fine_hidden


def lift_inputs(cfg: ModelConfig) -> int:
    """Inputs of the network that leads from 1/32 to the quadrants."""
    return cfg.hidden + 9 * sum(context_widths(cfg)[: cfg.coarse])


def may_be_present(cfg: ModelConfig, setting: Setting) -> int:
    """The groups that a file of this setting may have: bit g is set for group g."""
    start = cfg.start or (0,) * len(cfg.groups)
    return sum(1 << g for g, least in enumerate(start) if setting >= least)


@dataclass(frozen=True)
class Weights:
    """A network's weights on their grid, and its first bias `(B, hidden)`."""

    fc1: Tensor
    fc2: Tensor
    out: Tensor
    bias: Tensor


class GroupNet(nn.Module):
    """Means and scale indices of one channel group."""

    def __init__(self, cfg: ModelConfig, group: int) -> None:
        super().__init__()
        hidden = context_hidden(cfg, group)
        self.fc1 = IntLinear(context_inputs(cfg, group), hidden, knots=cfg.knots)
        self.fc2 = IntLinear(hidden, hidden)
        self.out = IntLinear(hidden, 2 * cfg.sizes[group], zero=True)
        # The means of the groups with the largest latents are worth more than bf16's eight bits.
        self.precise = group <= cfg.coarse

    def ready(self, knot_weights: Tensor) -> Weights:
        """What all passes of one forward have in common."""
        fc1, fc2, out = (layer.quantised() for layer in (self.fc1, self.fc2, self.out))
        return Weights(fc1, fc2, out, knot_weights @ self.fc1.bias)

    def sums(self, x: Tensor, weights: Weights) -> Tensor:
        """What is known, `(B, S, n)` or maps `(..., B, h, w, n)`, n <= inputs -> the first layer's
        sums, without the inputs that are missing at the end of `x`."""
        bias = weights.bias[:, None] if x.dim() == 3 else weights.bias[:, None, None]
        y = F.linear(x, weights.fc1[:, : x.shape[-1]])
        return y + bias.to(y.dtype)

    def own(self, x: Tensor, weights: Weights) -> Tensor:
        """What the last inputs, those of the group itself, add to the sums."""
        return F.linear(x, weights.fc1[:, -x.shape[-1] :])

    def predicted(self, sums: Tensor, weights: Weights) -> tuple[Tensor, Tensor]:
        """The first layer's sums -> mean in steps and index offset, `(..., g)`."""
        t = activation(self._layer(activation(sums), weights.fc2, self.fc2.bias[0]))
        if self.precise:
            with torch.autocast(t.device.type, enabled=False):
                mean, index = self._layer(t.float(), weights.out, self.out.bias[0]).chunk(2, -1)
        else:
            mean, index = self._layer(t, weights.out, self.out.bias[0]).float().chunk(2, -1)
        return on_grid(mean), on_grid(index * INDEX_GAIN)

    @staticmethod
    def _layer(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        y = F.linear(x, weight)
        return y + bias.to(y.dtype)
