"""The velocity that carries noise to latents: a transformer, its loss, and its integration.

Flow matching on straight paths (Lipman et al. 2023; Liu et al. 2023): x(t) = (1 - t) noise + t
latents, t from 0 to 1. The network predicts the velocity of x(t), latents - noise, from x(t) and
t. A sample is noise that follows the predicted velocity. The transformer is DiT (Peebles & Xie
2023): time and class scale, shift and gate each block. Its last layer starts at zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tccodec.generate.config import GeneratorConfig
from tccodec.training.precision import mixed_precision

FREQUENCIES = 128  # of the embedding of time
METHODS = ("heun", "euler")
Velocity = Callable[[Tensor, Tensor], Tensor]  # x (B, ...), t (B,) -> dx/dt (B, ...)


def waves(values: Tensor, count: int, *, longest: float) -> Tensor:
    """Cosines and sines of values `(n,)` at `count` frequencies: `(n, 2 * count)`."""
    steps = torch.arange(count, device=values.device) / count
    angles = values[:, None].float() * torch.exp(-math.log(longest) * steps)[None]
    return torch.cat([angles.cos(), angles.sin()], -1)


class Block(nn.Module):
    """Attention over all latents of a picture, and an MLP; both modulated by `condition`."""

    def __init__(self, cfg: GeneratorConfig) -> None:
        super().__init__()
        d = cfg.dim
        self.dim, self.heads = d, d // cfg.head_dim
        self.modulate = nn.Linear(d, 6 * d)
        self.qkv = nn.Linear(d, 3 * d)
        self.proj = nn.Linear(d, d)
        self.fc1 = nn.Linear(d, cfg.mlp_ratio * d)
        self.fc2 = nn.Linear(cfg.mlp_ratio * d, d)
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """`x (B, n, D)`, `condition (B, D)` -> `(B, n, D)`."""
        b, n, d = x.shape
        parts = self.modulate(F.silu(condition))[:, None].chunk(6, -1)
        shift, scale, gate, shift2, scale2, gate2 = parts
        t = F.layer_norm(x, (d,)) * (1 + scale) + shift
        q, k, v = self.qkv(t).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        t = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, d)
        x = x + gate * self.proj(t)
        t = F.layer_norm(x, (d,)) * (1 + scale2) + shift2
        y: Tensor = x + gate2 * self.fc2(F.gelu(self.fc1(t), approximate="tanh"))
        return y


class FlowTransformer(nn.Module):
    """Noisy latents, time and class -> velocity."""

    def __init__(self, cfg: GeneratorConfig, channels: int) -> None:
        super().__init__()
        d, side = cfg.dim, cfg.side
        self.cfg = cfg
        self.embed = nn.Linear(channels, d)
        self.time1, self.time2 = nn.Linear(2 * FREQUENCIES, d), nn.Linear(d, d)
        self.classes = nn.Embedding(cfg.classes + 1, d)  # the last one: no class
        self.blocks = nn.ModuleList(Block(cfg) for _ in range(cfg.blocks))
        self.modulate = nn.Linear(d, 2 * d)
        self.out = nn.Linear(d, channels)
        for layer in (self.modulate, self.out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        line = waves(torch.arange(side), d // 4, longest=100.0)
        place = torch.cat([line[:, None].expand(-1, side, -1), line[None].expand(side, -1, -1)], -1)
        self.register_buffer("place", place.reshape(1, side * side, d), persistent=False)
        self.place: Tensor

    def forward(self, x: Tensor, t: Tensor, label: Tensor) -> Tensor:
        """`x (B, side, side, C)`, `t (B,)` in 0..1, `label (B,)` -> `(B, side, side, C)`, fp32.

        A label of `cfg.classes` stands for no class.
        """
        b, h, w, c = x.shape
        condition = self.time2(F.silu(self.time1(waves(1000 * t, FREQUENCIES, longest=10_000.0))))
        condition = condition + self.classes(label)
        y = self.embed(x.view(b, h * w, c)) + self.place
        for block in self.blocks:
            y = block(y, condition)
        shift, scale = self.modulate(F.silu(condition))[:, None].chunk(2, -1)
        y = self.out(F.layer_norm(y, (y.shape[-1],)) * (1 + scale) + shift)
        velocity: Tensor = y.float().view(b, h, w, c)
        return velocity


def flow_loss(
    model: Callable[[Tensor, Tensor, Tensor], Tensor],
    latents: Tensor,
    *,
    noise: Tensor,
    t: Tensor,
    label: Tensor,
) -> Tensor:
    """Mean squared error of the velocity at times `t (B,)`, for each sample, `(B,)`.

    `latents` and `noise` are `(B, side, side, C)`.
    """
    at = t[:, None, None, None]
    with mixed_precision(latents.device):
        velocity = model((1 - at) * noise + at * latents, t, label)
    return (velocity - (latents - noise)).square().mean((1, 2, 3))


def integrate(velocity: Velocity, x: Tensor, *, steps: int, method: str = "heun") -> Tensor:
    """Follow a velocity from time 0 to 1, in equal steps, by Heun's or Euler's method.

    Heun's costs two evaluations for each step but the last, where it is Euler's.
    """
    dt = 1 / steps
    for i in range(steps):
        t = torch.full((len(x),), i * dt, device=x.device)
        v = velocity(x, t)
        ahead = x + dt * v
        if method == "heun" and i + 1 < steps:
            v = 0.5 * (v + velocity(ahead, t + dt))
            ahead = x + dt * v
        x = ahead
    return x


def guided(model: FlowTransformer, label: Tensor, *, guidance: float) -> Velocity:
    """The model's velocity for classes `label (B,)`, by classifier-free guidance (Ho & Salimans).

    Guidance 1 is the model's own; above 1, samples are more typical of their class.
    """
    none = torch.full_like(label, model.cfg.classes)

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        with mixed_precision(x.device):
            conditional: Tensor = model(x, t, label)
            if guidance == 1:
                return conditional
            free: Tensor = model(x, t, none)
            return free + guidance * (conditional - free)

    return velocity
