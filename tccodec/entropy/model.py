"""The entropy model as training sees it: hyper-latents, then groups x checkerboard.

    v = y / step --- hyper analysis (float, encoder only) --> z --round--> hyper synthesis --> h
    for each channel group g:
        anchors      (i + j even): (mean, scale) = net_g(h, groups < g here, group g-1 around)
        other sites  (i + j odd):  (mean, scale) = net_g(the same, anchors of g around)

"Around" is the four direct neighbours. Context enters as int8 features: the magnitudes, and
for the first groups the signed values, both through a compressing table (`feature`). Means are
sixteenths of a step, scales an index into 64 tables of the logistic distribution.

Sources: checkerboard (He et al. 2021), uneven channel groups (ELIC, He et al. 2022), hyperprior
(Balle et al. 2018), integer networks (Balle, Johnston, Minnen, ICLR 2019).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tccodec.entropy.quant import ACT_BITS, ACT_MAX, IntLinear, activation, ste_round
from tccodec.entropy.tables import FIRST_CODED, SCALE_LOG_RATIO, SCALE_MIN, SCALES
from tccodec.transform.config import ModelConfig
from tccodec.transform.tcae import unshuffle

HYPER_MAX = 31  # |z|; enters the network as 4 z in sixteenths
INDEX_GAIN = 8.0  # table indices per unit of network output
FEATURE_GAIN = 12.0 / 2**ACT_BITS


def feature(v: Tensor) -> Tensor:
    """Magnitude compressed to the activation grid: 12 asinh(2 |v|) / 16, at most 127/16."""
    f = (FEATURE_GAIN * torch.asinh(2.0 * v.abs())).clamp_max(ACT_MAX / 2**ACT_BITS)
    g: Tensor = f + (torch.round(f * 2**ACT_BITS) / 2**ACT_BITS - f).detach()
    return g


def logistic_bits(residual: Tensor, scale: Tensor) -> Tensor:
    """Bits of `residual` in a unit bin of a zero-mean logistic distribution, elementwise."""
    a = residual.abs()
    upper, lower = torch.sigmoid((0.5 - a) / scale), torch.sigmoid((-0.5 - a) / scale)
    bits: Tensor = -torch.log2((upper - lower).clamp_min(2.0**-17))
    return bits


def neighbours(x: Tensor) -> Tensor:
    """`(B, h, w, F)` -> `(B, h, w, 4 F)`: above, below, left, right; zero outside."""
    p = F.pad(x, (0, 0, 1, 1, 1, 1))
    return torch.cat([p[:, :-2, 1:-1], p[:, 2:, 1:-1], p[:, 1:-1, :-2], p[:, 1:-1, 2:]], -1)


def neighbourhood(x: Tensor) -> Tensor:
    """`(B, h, w, F)` -> `(B, h, w, 9 F)`: the 3x3 around each site, row by row; zero outside."""
    h, w = x.shape[1:3]
    p = F.pad(x, (0, 0, 1, 1, 1, 1))
    return torch.cat([p[:, i : i + h, j : j + w] for i in range(3) for j in range(3)], -1)


def checkerboard(h: int, w: int, device: torch.device | None = None) -> tuple[Tensor, Tensor]:
    """Flat indices of the anchors ((i + j) even) and of the other sites, raster order."""
    parity = (torch.arange(h, device=device)[:, None] + torch.arange(w, device=device)) % 2
    flat = parity.flatten()
    return (flat == 0).nonzero()[:, 0], (flat == 1).nonzero()[:, 0]


class GroupNet(nn.Module):
    """Means and scale indices of one channel group."""

    def __init__(self, cfg: ModelConfig, group: int) -> None:
        super().__init__()
        width = [g * (2 if i < cfg.signed_groups else 1) for i, g in enumerate(cfg.groups)]
        around = 4 * width[group - 1] if group else 0
        inputs = cfg.hidden + sum(width[:group]) + around + 4 * width[group]
        self.fc1 = IntLinear(inputs, cfg.hidden, knots=cfg.knots)
        self.fc2 = IntLinear(cfg.hidden, cfg.hidden)
        self.out = IntLinear(cfg.hidden, 2 * cfg.groups[group], zero=True)

    def forward(self, x: Tensor, hat: Tensor) -> tuple[Tensor, Tensor]:
        """`(B, S, inputs)` -> mean `(B, S, g)` in steps, index offset `(B, S, g)`."""
        t = activation(self.fc1(x, hat))
        t = activation(self.fc2(t))
        with torch.autocast(x.device.type, enabled=False):
            mean, index = self.out(t.float()).chunk(2, -1)
        mean = mean + (torch.round(mean * 16) / 16 - mean).detach()
        return mean, index * INDEX_GAIN


class EntropyModel(nn.Module):
    """Rate of quantised latents, and the latents as the decoder will have them."""

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.ha1 = nn.Linear(cfg.latents, cfg.hidden)
        self.ha2 = nn.Linear(4 * cfg.hidden, cfg.hyper)
        self.hs = IntLinear(9 * cfg.hyper, 4 * cfg.hidden, knots=cfg.knots)
        self.groups = nn.ModuleList(GroupNet(cfg, g) for g in range(len(cfg.groups)))
        # Table index per channel and quality before any context, in units of one table.
        self.base = nn.Parameter(torch.full((cfg.knots, cfg.latents), 20.0))
        self.hyper_base = nn.Parameter(torch.full((cfg.knots, cfg.hyper), 20.0))
        # log2 of a gain on the hyper-latents: at low rates they must be able to fall silent.
        gain = torch.linspace(-2.0, 1.0, cfg.knots).clamp_max(0.0)
        self.hyper_gain = nn.Parameter(gain[:, None].repeat(1, cfg.hyper))

    def hyper_analysis(self, v: Tensor, hat: Tensor) -> Tensor:
        """Latents in steps `(B, h, w, C)` -> hyper-latents `(B, ceil(h/2), ceil(w/2), hyper)`."""
        h, w = v.shape[1:3]
        t = F.hardswish(self.ha1(FEATURE_GAIN * torch.asinh(2.0 * v)))
        if h % 2 or w % 2:
            t = F.pad(t, (0, 0, 0, w % 2, 0, h % 2))
        z: Tensor = self.ha2(unshuffle(t, 2))
        return z.float() * torch.exp2(hat @ self.hyper_gain)[:, None, None]

    def hyper_synthesis(self, z: Tensor, hat: Tensor, h: int, w: int) -> Tensor:
        """Rounded hyper-latents -> features `(B, h, w, hidden)` on the activation grid."""
        b, zh, zw, _ = z.shape
        t = self.hs(neighbourhood(z * 0.25).flatten(1, 2), hat)
        t = activation(t).view(b, zh, zw, 2, 2, self.cfg.hidden).transpose(2, 3)
        return t.reshape(b, 2 * zh, 2 * zw, self.cfg.hidden)[:, :h, :w]

    def _bits(self, residual: Tensor, index: Tensor) -> Tensor:
        index = ste_round(index.clamp(0, SCALES - 1))
        scale = torch.exp(index * SCALE_LOG_RATIO + math.log(SCALE_MIN))
        bits = logistic_bits(residual, scale)
        if not self.training:  # the narrowest tables are not coded
            bits = torch.where(index < FIRST_CODED, torch.zeros_like(bits), bits)
        return bits

    def _width(self, group: int) -> int:
        return self.cfg.groups[group] * (2 if group < self.cfg.signed_groups else 1)

    def _features(self, v: Tensor, group: int) -> Tensor:
        mag = feature(v)
        if group < self.cfg.signed_groups:
            return torch.cat([torch.copysign(mag, v), mag], -1)
        return mag

    def forward(
        self, v: Tensor, hat: Tensor, *, rounding: Callable[[Tensor], Tensor] = ste_round
    ) -> tuple[Tensor, Tensor]:
        """Latents in steps `(B, h, w, C)` -> `(bits (B, groups + 1), v_hat)`.

        In training the rate is that of `v` plus uniform noise (a proxy with a gradient), in
        evaluation that of the rounded symbols. `v_hat` is rounded in both, straight through.
        `bits[:, -1]` is the hyper-latents' share.
        """
        b, h, w, _ = v.shape
        noisy = self.training
        z = self.hyper_analysis(v, hat)
        zr = ste_round(z.clamp(-HYPER_MAX, HYPER_MAX))
        zn = z + (torch.rand_like(z) - 0.5) if noisy else zr
        z_bits = self._bits(zn, (hat @ self.hyper_base)[:, None, None]).sum((1, 2, 3))
        hyper = self.hyper_synthesis(zr, hat, h, w).reshape(b, h * w, -1)
        base = hat @ self.base
        sites = checkerboard(h, w, v.device)

        known: list[Tensor] = []  # features of the decoded groups, (B, h*w, F)
        around: list[Tensor] = []  # of the group before, from the four neighbours
        outs, bits, first = [], [], 0
        for g, (size, net) in enumerate(zip(self.cfg.groups, self.groups, strict=True)):
            vg = v[..., first : first + size].reshape(b, h * w, size)
            context = torch.cat([hyper, *known, *around], -1)
            decoded = torch.zeros_like(vg)
            own = torch.zeros(b, h * w, 4 * self._width(g), dtype=context.dtype, device=v.device)
            total = torch.zeros(b, device=v.device)
            for half, at in enumerate(sites):
                if half:
                    feats = self._features(decoded, g).view(b, h, w, -1)
                    own = neighbours(feats).reshape(b, h * w, -1).to(context.dtype)
                mean, offset = net(torch.cat([context[:, at], own[:, at]], -1), hat)
                r = vg[:, at] - mean
                rounded = rounding(r)
                decoded = decoded.index_add(1, at, mean + rounded)
                rate_r = r + (torch.rand_like(r) - 0.5) if noisy else rounded
                index = base[:, None, first : first + size] + offset
                total = total + self._bits(rate_r, index).sum((1, 2))
            feats = self._features(decoded, g)
            known.append(feats)
            around = [neighbours(feats.view(b, h, w, -1)).reshape(b, h * w, -1)]
            outs.append(decoded.view(b, h, w, size))
            bits.append(total)
            first += size
        return torch.stack([*bits, z_bits], 1), torch.cat(outs, -1)
