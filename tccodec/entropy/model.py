"""The entropy model as training sees it: hyper-latents, then groups in passes over their sites.

    v = y / step --- hyper analysis (float, encoder only) --> z --round--> hyper synthesis --> h
    group 0, at 1/32, in five passes over an ever denser lattice:
                                  (mean, scale) = net_0(h, sites of group 0 around, if known)
    for each other coarse group g, at 1/32:
        anchors      (i + j even): (mean, scale) = net_g(h, groups < g here, group g-1 around)
        other sites  (i + j odd):  (mean, scale) = net_g(the same, anchors of g around)
    lift: h and all coarse groups in 3x3 sites --> features of the quadrants, f
    for each fine group g, at 1/16: as above, with f for h and fine groups only

"Around" is the four direct neighbours; in group 0 the direct or the diagonal ones, two sites away
or one, with networks of their own for the passes (`board.lattice`). Context enters as int8
features: the magnitudes, and for the first groups the signed values, both through a compressing
table (`feature`). Means are sixteenths of a step, scales an index into 64 tables of the logistic
distribution.

Sources: checkerboard (He et al. 2021), more passes than two (DCVC-DC, Li et al. 2023), uneven
channel groups (ELIC, He et al. 2022), hyperprior (Balle et al. 2018), integer networks (Balle,
Johnston, Minnen, ICLR 2019).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tccodec.entropy.board import (
    DIAGONALLY,
    FAR,
    Pass,
    checkerboard,
    lattice,
    neighbourhood,
    neighbours,
    ring,
)
from tccodec.entropy.quant import ACT_BITS, ACT_MAX, IntLinear, activation, ste_round
from tccodec.entropy.tables import FIRST_CODED, SCALE_LOG_RATIO, SCALE_MIN, SCALES
from tccodec.transform.config import ModelConfig
from tccodec.transform.layout import split_latents, unshuffle

PRESENT = 0.5  # steps that the largest latent of a group in a tile group must reach
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


def table_scale(index: Tensor) -> Tensor:
    """Scale of the logistic distribution of table `index`."""
    return torch.exp(index * SCALE_LOG_RATIO + math.log(SCALE_MIN))


@torch.no_grad()
def optimised(r: Tensor, index: Tensor, weight: Tensor) -> Tensor:
    """Residuals in steps -> symbols as an encoder chooses them (`IntegerEntropy.quantise`):
    the nearest integer or the next one towards zero, whichever costs less in
    `bits + weight * error**2`. `index`: whole table indices.
    """
    s = torch.round(r)
    lesser = s - s.sign()
    scale = table_scale(index)
    saved = logistic_bits(s, scale) - logistic_bits(lesser, scale)
    gain = weight * ((r - lesser).square() - (r - s).square())
    s = torch.where(saved > gain, lesser, s)
    return torch.where(index < FIRST_CODED, torch.zeros_like(s), s)


def context_widths(cfg: ModelConfig) -> list[int]:
    """Context features of each group at one of its sites."""
    return [n * (2 if g < cfg.signed_groups else 1) for g, n in enumerate(cfg.sizes)]


def context_inputs(cfg: ModelConfig, group: int) -> int:
    """Inputs of a group's network: features, groups before it, the last of them around, its own
    around."""
    width = context_widths(cfg)
    first = cfg.coarse if group >= cfg.coarse else 0
    around = 4 * width[group - 1] if group > first else 0
    return context_hidden(cfg, group) + sum(width[first:group]) + around + own_inputs(cfg, group)


def own_inputs(cfg: ModelConfig, group: int) -> int:
    """Of these, those that a group has of itself: four neighbours, in the first one eight."""
    return (4 if group else 8) * context_widths(cfg)[group]


def context_hidden(cfg: ModelConfig, group: int) -> int:
    """Width of a group's network."""
    return cfg.hidden if group < cfg.coarse else cfg.fine_hidden


def lift_inputs(cfg: ModelConfig) -> int:
    """Inputs of the network that leads from 1/32 to the quadrants."""
    return cfg.hidden + 9 * sum(context_widths(cfg)[: cfg.coarse])


class GroupNet(nn.Module):
    """Means and scale indices of one channel group."""

    def __init__(self, cfg: ModelConfig, group: int) -> None:
        super().__init__()
        hidden = context_hidden(cfg, group)
        self.fc1 = IntLinear(context_inputs(cfg, group), hidden, knots=cfg.knots)
        self.fc2 = IntLinear(hidden, hidden)
        self.out = IntLinear(hidden, 2 * cfg.sizes[group], zero=True)

    def forward(self, x: Tensor, hat: Tensor) -> tuple[Tensor, Tensor]:
        """`(B, S, inputs)` -> mean `(B, S, g)` in steps, index offset `(B, S, g)`."""
        t = activation(self.fc1(x, hat))
        t = activation(self.fc2(t))
        with torch.autocast(x.device.type, enabled=False):
            mean, index = self.out(t.float()).chunk(2, -1)
        mean = mean + (torch.round(mean * 16) / 16 - mean).detach()
        return mean, index * INDEX_GAIN


def shuffled(t: Tensor, h: int, w: int) -> Tensor:
    """A row for four quadrants `(..., h * w, 4 F)` -> a row each `(..., 4 * h * w, F)`, raster."""
    lead, f = t.shape[:-2], t.shape[-1] // 4
    t = t.view(*lead, h, w, 2, 2, f).transpose(-4, -3)
    return t.reshape(*lead, 4 * h * w, f)


def unshuffled(t: Tensor, h: int, w: int) -> Tensor:
    """Inverse of `shuffled`: `(..., 4 * h * w, F)` -> `(..., h * w, 4 F)`."""
    lead, f = t.shape[:-2], t.shape[-1]
    t = t.view(*lead, h, 2, w, 2, f).transpose(-4, -3)
    return t.reshape(*lead, h * w, 4 * f)


class HyperAnalysis(nn.Module):
    """Latents in steps -> hyper-latents; the encoder's own, in floating point."""

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.cfg = cfg
        half = cfg.hidden // 4
        self.fine = nn.Linear(sum(cfg.sizes[cfg.coarse :]), half)
        self.mix = nn.Linear(sum(cfg.groups[: cfg.coarse]) + 4 * half, cfg.hidden)
        self.out = nn.Linear(4 * cfg.hidden, cfg.hyper)
        # log2 of a gain on the hyper-latents: at low rates they must be able to fall silent.
        gain = torch.linspace(-2.0, 1.0, cfg.knots).clamp_max(0.0)
        self.hyper_gain = nn.Parameter(gain[:, None].repeat(1, cfg.hyper))

    def forward(self, v: Tensor, hat: Tensor) -> Tensor:
        """`(B, h, w, C)` -> `(B, ceil(h/2), ceil(w/2), hyper)`."""
        h, w = v.shape[1:3]
        coarse, fine = split_latents(self._compressed(v), self.cfg)
        t = torch.cat([coarse, unshuffle(F.hardswish(self.fine(fine)), 2)], -1)
        t = F.hardswish(self.mix(t))
        t = F.pad(t, (0, 0, 0, w % 2, 0, h % 2))
        z: Tensor = self.out(unshuffle(t, 2)).float()
        return z * torch.exp2(hat @ self.hyper_gain)[:, None, None]

    def _compressed(self, v: Tensor) -> Tensor:
        """asinh, spelled out: torch's own is not vectorised and takes nine times as long."""
        a = 2.0 * v.abs()
        t = FEATURE_GAIN * torch.log(a + torch.sqrt(a.square() + 1.0))
        y: Tensor = t.copysign(v).to(self.fine.weight.dtype)
        return y


class EntropyModel(nn.Module):
    """Rate of quantised latents, and the latents as the decoder will have them."""

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.ha = HyperAnalysis(cfg)
        self.hs = IntLinear(9 * cfg.hyper, 4 * cfg.hidden, knots=cfg.knots)
        self.lift1 = IntLinear(lift_inputs(cfg), cfg.hidden, knots=cfg.knots)
        self.lift2 = IntLinear(cfg.hidden, 4 * cfg.fine_hidden)
        self.groups = nn.ModuleList(GroupNet(cfg, g) for g in range(len(cfg.groups)))
        # The first group's networks for other passes than its last (`board.lattice`).
        self.far, self.diagonal = GroupNet(cfg, 0), GroupNet(cfg, 0)
        # Table index per channel and quality before any context, in units of one table.
        self.base = nn.Parameter(torch.full((cfg.knots, cfg.channels), 20.0))
        self.hyper_base = nn.Parameter(torch.full((cfg.knots, cfg.hyper), 20.0))

    def nets(self) -> dict[str, GroupNet]:
        """The networks of all groups, by the names that they have in a model file."""
        nets: dict[str, GroupNet] = {}
        for g, net in enumerate(self.groups):
            assert isinstance(net, GroupNet)
            nets[f"groups.{g}"] = net
        return nets | {FAR: self.far, DIAGONALLY: self.diagonal}

    def hyper_synthesis(self, z: Tensor, hat: Tensor, h: int, w: int) -> Tensor:
        """Rounded hyper-latents -> features `(B, h * w, hidden)` on the activation grid."""
        b, zh, zw, _ = z.shape
        t = self.hs(neighbourhood(z * 0.25).flatten(1, 2), hat)
        t = shuffled(activation(t), zh, zw).view(b, 2 * zh, 2 * zw, -1)
        return t[:, :h, :w].reshape(b, h * w, -1)

    def lift(self, hyper: Tensor, coarse: list[Tensor], hat: Tensor, h: int, w: int) -> Tensor:
        """Features `(B, h * w, F)` of hyper-latents and coarse groups -> of quadrants
        `(B, 4 * h * w, fine_hidden)`."""
        around = neighbourhood(torch.cat(coarse, -1).view(len(hyper), h, w, -1)).flatten(1, 2)
        t = activation(self.lift1(torch.cat([hyper, around], -1), hat))
        return shuffled(activation(self.lift2(t)), h, w)

    def _table(self, index: Tensor) -> Tensor:
        return ste_round(index.clamp(0, SCALES - 1))

    def _bits(self, residual: Tensor, index: Tensor) -> Tensor:
        index = self._table(index)
        bits = logistic_bits(residual, table_scale(index))
        if not self.training:  # the narrowest tables are not coded
            bits = torch.where(index < FIRST_CODED, torch.zeros_like(bits), bits)
        return bits

    def _features(self, v: Tensor, group: int) -> Tensor:
        mag = feature(v)
        if group < self.cfg.signed_groups:
            return torch.cat([torch.copysign(mag, v), mag], -1)
        return mag

    def _order(self, g: int, h: int, w: int, device: torch.device) -> list[Pass]:
        """The passes of a group."""
        if g == 0:
            return lattice(h, w, device)
        return [(f"groups.{g}", 1, at) for at in checkerboard(h, w, device)]

    def _own(self, decoded: Tensor, g: int, h: int, w: int, distance: int) -> Tensor:
        """Features of what a group has decoded around each site; zero where nothing is known."""
        feats = self._features(decoded, g).view(len(decoded), h, w, -1)
        return (neighbours(feats) if g else ring(feats, distance)).flatten(1, 2)

    def forward(
        self,
        v: Tensor,
        hat: Tensor,
        *,
        rounding: Callable[[Tensor], Tensor] = ste_round,
        weight: Tensor | None = None,
        counts: tuple[int, ...] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Latents in steps `(B, h, w, C)` -> `(bits (B, groups + 1), v_hat)`.

        In training the rate is that of `v` plus uniform noise (a proxy with a gradient), in
        evaluation that of the rounded symbols. `v_hat` is rounded in both, straight through;
        with `weight (B, C)`, bits that a squared error of one step is worth, as `optimised` does.
        `bits[:, -1]` is the hyper-latents' share.
        """
        b, h, w, _ = v.shape
        noisy = self.training
        z = self.ha(v, hat)
        zr = ste_round(z.clamp(-HYPER_MAX, HYPER_MAX))
        zn = z + (torch.rand_like(z) - 0.5) if noisy else zr
        z_bits = self._bits(zn, (hat @ self.hyper_base)[:, None, None]).sum((1, 2, 3))
        features = self.hyper_synthesis(zr, hat, h, w)
        bases = torch.split((hat @ self.base)[:, None], list(self.cfg.sizes), -1)

        known: list[Tensor] = []  # features of the decoded groups of this scale, (B, S, F)
        around: list[Tensor] = []  # of the group before, from the four neighbours
        outs, bits, first = [], [], 0
        nets, gh, gw = self.nets(), h, w
        for g, size in enumerate(self.cfg.groups):
            vg = v[..., first : first + size].reshape(b, h * w, size)
            fine = g >= self.cfg.coarse
            if g == self.cfg.coarse:
                features = self.lift(features, known, hat, h, w)
                known, around, gh, gw = [], [], 2 * h, 2 * w
            if fine:
                vg = shuffled(vg, h, w)
            context = torch.cat([features, *known, *around], -1)
            decoded = torch.zeros_like(vg)
            total = torch.zeros(b, dtype=torch.float32, device=v.device)
            for turn, (net, distance, at) in enumerate(self._order(g, gh, gw, v.device)):
                if turn:
                    own = self._own(decoded, g, gh, gw, distance)[:, at].to(context.dtype)
                else:  # nothing is known yet
                    own = context.new_zeros(b, len(at), own_inputs(self.cfg, g))
                mean, offset = nets[net](torch.cat([context[:, at], own], -1), hat)
                r = vg[:, at] - mean
                index = bases[g] + offset
                if weight is None:
                    rounded = rounding(r)
                else:
                    w_g = weight[:, None, first : first + self.cfg.sizes[g]]
                    rounded = r + (optimised(r, self._table(index), w_g) - r).detach()
                decoded = decoded.index_add(1, at, mean + rounded)
                rate_r = r + (torch.rand_like(r) - 0.5) if noisy else rounded
                total = total + self._bits(rate_r, index).sum((1, 2))
            # A group in which no latent reaches half a step is absent from the file, hence zero.
            present = vg.detach().abs().amax((1, 2)) >= PRESENT
            decoded, total = decoded * present[:, None, None], total * present
            feats = self._features(decoded, g)
            known.append(feats)
            around = [neighbours(feats.view(b, gh, gw, -1)).reshape(b, gh * gw, -1)]
            outs.append((unshuffled(decoded, h, w) if fine else decoded).view(b, h, w, size))
            bits.append(total)
            first += size
        return torch.stack([*bits, z_bits], 1), torch.cat(outs, -1)
