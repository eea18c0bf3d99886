"""The network of one latent group, and the widths of its inputs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tccodec.config import ModelConfig
from tccodec.container import Setting
from tccodec.entropy.layers import ACT_BITS, ACT_MAX, IntLinear, activation, on_grid
from tccodec.transform.fusing import usable

INDEX_GAIN = 8.0  # table indices per unit of network output
FEATURE_GAIN = 12.0 / 2**ACT_BITS


def asinh(magnitude: Tensor) -> Tensor:
    """asinh of numbers >= 0. torch's own is not vectorised and takes nine times as long."""
    return torch.log(magnitude + torch.sqrt(magnitude.square() + 1.0))


def feature(v: Tensor) -> Tensor:
    """Magnitude compressed to the activation grid: 12 asinh(2 |v|) / 16, at most 127/16."""
    if usable(v):
        from tccodec.entropy import fused

        return fused.feature(v)
    return on_grid((FEATURE_GAIN * asinh(2.0 * v.abs())).clamp_max(ACT_MAX / 2**ACT_BITS))


def feature_widths(cfg: ModelConfig) -> list[int]:
    """Context features of each group at one of its sites."""
    return [n * (2 if g < cfg.signed_groups else 1) for g, n in enumerate(cfg.sizes)]


def in_one_pass(cfg: ModelConfig, group: int) -> bool:
    """Whether all sites of a group are coded in one pass."""
    return 0 < cfg.one_pass <= group


def context_inputs(cfg: ModelConfig, group: int) -> int:
    """Input width of a group's network.

    The inputs are hyper features, earlier groups at the site, the previous group at the site's
    four neighbours, and the group itself at its known neighbours.
    """
    width = feature_widths(cfg)
    first = cfg.coarse if group >= cfg.coarse else 0
    inputs = context_hidden(cfg, group) + sum(width[first:group]) + same_group_inputs(cfg, group)
    if group > first:
        inputs += width[group - 1] * (1 if in_one_pass(cfg, group) else 4)
    return inputs


def same_group_inputs(cfg: ModelConfig, group: int) -> int:
    """The inputs from the group itself: four neighbours, or eight in group 0."""
    if in_one_pass(cfg, group):
        return 0
    return (4 if group else 8) * feature_widths(cfg)[group]


def context_hidden(cfg: ModelConfig, group: int) -> int:
    """Width of the hidden layers of a group's network."""
    return cfg.hidden if group < cfg.coarse else cfg.fine_hidden


def lift_inputs(cfg: ModelConfig) -> int:
    """Inputs of the network that leads from 1/32 to the quadrants."""
    return cfg.hidden + 9 * sum(feature_widths(cfg)[: cfg.coarse])


def may_be_present(cfg: ModelConfig, setting: Setting) -> int:
    """The groups that a file of this setting may have: bit g is set for group g."""
    start = cfg.start or (0,) * len(cfg.groups)
    return sum(1 << g for g, least in enumerate(start) if setting >= least)


def means_and_offsets(raw: Tensor) -> tuple[Tensor, Tensor]:
    """A network's output `(..., 2 n)` -> means in steps and index offsets, `(..., n)`, fp32."""
    mean, index = raw.float().chunk(2, -1)
    return on_grid(mean), on_grid(index * INDEX_GAIN)


@dataclass(frozen=True)
class GroupWeights:
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
        # The means of the groups with the largest latents need more than bf16's eight bits.
        self.precise = group <= cfg.coarse

    def quantised(self, knot_weights: Tensor) -> GroupWeights:
        """The weights that all passes of one forward share."""
        fc1, fc2, out = (layer.quantised() for layer in (self.fc1, self.fc2, self.out))
        return GroupWeights(fc1, fc2, out, knot_weights @ self.fc1.bias)

    def sums(self, x: Tensor, weights: GroupWeights) -> Tensor:
        """Inputs `(B, S, n)`, or maps `(..., B, h, w, n)` -> the first layer's sums.

        n may be less than all inputs; those missing at the end count as zero.
        """
        bias = weights.bias[:, None] if x.dim() == 3 else weights.bias[:, None, None]
        y = F.linear(x, weights.fc1[:, : x.shape[-1]])
        return y + bias.to(y.dtype)

    def same_group_sums(self, x: Tensor, weights: GroupWeights) -> Tensor:
        """The last inputs `(..., n)`, those from the group itself -> their part of the sums."""
        return F.linear(x, weights.fc1[:, -x.shape[-1] :])

    def predict(self, sums: Tensor, weights: GroupWeights) -> Tensor:
        """The first layer's sums -> `(..., 2 n)`, what `means_and_offsets` takes."""
        t = activation(self._layer(activation(sums), weights.fc2, self.fc2.bias[0]))
        if self.precise:
            with torch.autocast(t.device.type, enabled=False):
                return self._layer(t.float(), weights.out.float(), self.out.bias[0])
        return self._layer(t, weights.out, self.out.bias[0])

    @staticmethod
    def _layer(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        y = F.linear(x, weight)
        return y + bias.to(y.dtype)
