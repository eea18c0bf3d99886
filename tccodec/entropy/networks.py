"""The entropy model as training sees it: hyper-latents, then groups in passes over their sites.

    v = y / step --- hyper analysis (float, encoder only) --> z --round--> hyper synthesis --> h
    group 0, at 1/32, in five passes over an ever denser lattice:
                                  (mean, scale) = net_0(h, sites of group 0 around, if known)
    for each other coarse group g, at 1/32:
        anchors      (i + j even): (mean, scale) = net_g(h, groups < g here, group g-1 around)
        other sites  (i + j odd):  (mean, scale) = net_g(the same, anchors of g around)
    lift: h and all coarse groups in 3x3 sites --> features of the quadrants, f
    for each fine group g, at 1/16: as above, with f for h and fine groups only
    for those from `one_pass` on: all sites at once, with the mean of group g-1 around

"Around" is the four direct neighbours; in group 0 the direct or the diagonal ones, two sites away
or one, with networks of their own for the passes (`order.LATTICE`). Context enters as int8
features: the magnitudes, and for the first groups the signed values, both through a compressing
table (`feature`). Means are sixteenths of a step, scales an index into 64 tables of the logistic
distribution.

Sources: checkerboard (He et al. 2021), more passes than two (DCVC-DC, Li et al. 2023), uneven
channel groups (ELIC, He et al. 2022), hyperprior (Balle et al. 2018), integer networks (Balle,
Johnston, Minnen, ICLR 2019).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tccodec.config import ModelConfig
from tccodec.entropy.groups import (
    GroupNet,
    Weights,
    feature,
    in_one_pass,
    lift_inputs,
)
from tccodec.entropy.halves import beside, halved, joined
from tccodec.entropy.hyper import HYPER_MAX, HyperAnalysis
from tccodec.entropy.layers import IntLinear, activation, on_grid, ste_round
from tccodec.entropy.order import (
    DIAGONAL,
    DIAGONALLY,
    DIRECT,
    FAR,
    neighbourhood,
    neighbours,
    passes,
    shifted,
)
from tccodec.entropy.rate import (
    CENTROIDS,
    Terms,
    logistic_bits,
    logistic_terms,
    nearest,
    optimised,
    points,
    points_between,
    whole,
)
from tccodec.entropy.tables import FIRST_CODED, SCALES
from tccodec.transform.layout import shuffle, unshuffle

PRESENT = 0.5  # steps that the largest latent of a group in a tile group must reach
Rounding = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class _Group:
    """One group of the crops that have it: how its residuals become symbols."""

    number: int
    base: Tensor  # (B, 1, 1, n) or with one site dimension less
    weight: Tensor | None
    rounding: Rounding | None


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
        # The first group's networks for other passes than its last (`order.LATTICE`).
        self.far, self.diagonal = GroupNet(cfg, 0), GroupNet(cfg, 0)
        # Table index per channel and setting before any context, in units of one table.
        self.base = nn.Parameter(torch.full((cfg.knots, cfg.channels), 20.0))
        self.hyper_base = nn.Parameter(torch.full((cfg.knots, cfg.hyper), 20.0))
        # In steps, by magnitude and table: what a symbol stands for beside its integer.
        self.centroids = nn.Parameter(torch.zeros(CENTROIDS, SCALES)) if cfg.centroids else None

    def nets(self) -> dict[str, GroupNet]:
        """The networks of all groups, by the names that they have in a model file."""
        nets: dict[str, GroupNet] = {}
        for g, net in enumerate(self.groups):
            assert isinstance(net, GroupNet)
            nets[f"groups.{g}"] = net
        return nets | {FAR: self.far, DIAGONALLY: self.diagonal}

    def hyper_synthesis(self, z: Tensor, knot_weights: Tensor, h: int, w: int) -> Tensor:
        """Rounded hyper-latents -> features `(B, h, w, hidden)` on the activation grid."""
        b, zh, zw, _ = z.shape
        t = self.hs(neighbourhood(z * 0.25).flatten(1, 2), knot_weights)
        return shuffle(activation(t).view(b, zh, zw, -1), 2)[:, :h, :w]

    def lift(self, hyper: Tensor, coarse: list[Tensor], knot_weights: Tensor) -> Tensor:
        """Features `(B, h, w, F)` of hyper-latents and coarse groups -> of four quadrants in a
        row `(B, h, w, 4 * fine_hidden)`."""
        b, h, w, _ = hyper.shape
        around = neighbourhood(torch.cat(coarse, -1)).to(hyper.dtype)
        t = activation(self.lift1(torch.cat([hyper, around], -1).flatten(1, 2), knot_weights))
        return activation(self.lift2(t)).view(b, h, w, -1)

    def _features(self, v: Tensor, group: int) -> Tensor:
        mag = feature(v)
        if group < self.cfg.signed_groups:
            return torch.cat([torch.copysign(mag, v), mag], -1)
        return mag

    def _bits(self, residual: Tensor, index: Tensor, terms: Terms) -> Tensor:
        bits = logistic_bits(residual, terms)
        if not self.training:  # the narrowest tables are not coded
            bits = torch.where(index < FIRST_CODED, torch.zeros_like(bits), bits)
        return bits

    def _code(
        self, v: Tensor, mean: Tensor, offset: Tensor, group: _Group
    ) -> tuple[Tensor, Tensor]:
        """Latents of one pass `(B, ..., n)`, their predicted means and index offsets -> the latents
        as decoded, and bits `(B,)`."""
        r = v - mean
        index = _table(group.base + offset)
        terms = logistic_terms(index)
        centroids = None if self.centroids is None else whole(self.centroids)
        if group.rounding is not None:
            decoded = symbols = group.rounding(r)
            if centroids is not None:
                decoded = points_between(symbols, index, centroids)
        else:
            if group.weight is None:
                s = nearest(r, index)
            else:
                s = optimised(r, index, group.weight, terms, centroids)
            decoded = symbols = r + (s - r).detach()
            if centroids is not None:
                decoded = symbols + (points(s, index, centroids) - s)
        coded = r + (torch.rand_like(r) - 0.5) if self.training else symbols
        return mean + decoded, self._bits(coded, index, terms).flatten(1).sum(1)

    def _in_passes(
        self, v: Tensor, context: Tensor, knot_weights: Tensor, group: _Group
    ) -> tuple[Tensor, Tensor]:
        """A group at 1/32: latents `(B, h, w, n)`, what is known at their sites `(B, h, w, inputs)`
        -> the same as decoded, bits `(B,)`."""
        g, nets = group.number, self.nets()
        weights: dict[str, Weights] = {}
        decoded, total = torch.zeros_like(v), v.new_zeros(len(v))
        for turn in passes(g):
            x = turn.picked(context)
            if not x.shape[1]:
                continue
            if weights:  # before, nothing is known
                places = DIRECT if g else DIRECT + DIAGONAL
                own = turn.picked(self._features(decoded, g), places)
                x = torch.cat([x, own.to(x.dtype)], -1)
            net = nets[turn.net]
            if turn.net not in weights:
                weights[turn.net] = net.ready(knot_weights)
            ready = weights[turn.net]
            found = net.predicted(net.sums(x, ready), ready)
            latents, bits = self._code(turn.picked(v), *found, group)
            decoded, total = turn.put(decoded, latents), total + bits
        return decoded, total

    def _in_halves(
        self, v: Tensor, context: Tensor, knot_weights: Tensor, group: _Group
    ) -> tuple[Tensor, Tensor]:
        """A group at 1/16, on a checkerboard; all maps are halves `(2, B, 2 h, w, .)`."""
        net = self.nets()[f"groups.{group.number}"]
        weights = net.ready(knot_weights)
        first, second = net.sums(context, weights)
        anchors, bits = self._code(v[0], *net.predicted(first, weights), group)
        own = torch.cat(beside(self._features(anchors, group.number), 1), -1)
        second = second + net.own(own.to(context.dtype), weights)
        others, more = self._code(v[1], *net.predicted(second, weights), group)
        return torch.stack([anchors, others]), bits + more

    def _at_once(
        self, v: Tensor, context: Tensor, knot_weights: Tensor, group: _Group
    ) -> tuple[Tensor, Tensor]:
        """A group at 1/16 in one pass; all maps are `(B, 2 h, 2 w, .)`."""
        net = self.nets()[f"groups.{group.number}"]
        weights = net.ready(knot_weights)
        found = net.predicted(net.sums(context, weights), weights)
        return self._code(v, *found, group)

    def _coded(
        self, v: Tensor, context: Tensor, knot_weights: Tensor, group: _Group
    ) -> tuple[Tensor, Tensor]:
        if in_one_pass(self.cfg, group.number):
            return self._at_once(v, context, knot_weights, group)
        if group.number < self.cfg.coarse:
            return self._in_passes(v, context, knot_weights, group)
        return self._in_halves(v, context, knot_weights, group)

    def _placed(self, v: Tensor, group: int) -> Tensor:
        """A group's latents `(B, h, w, n)`, laid out as they are coded."""
        if in_one_pass(self.cfg, group):
            return shuffle(v, 2)
        return v if group < self.cfg.coarse else halved(v)

    def _unplaced(self, v: Tensor, group: int) -> Tensor:
        """Inverse of `_placed`."""
        if in_one_pass(self.cfg, group):
            return unshuffle(v, 2)
        return v if group < self.cfg.coarse else joined(v)

    def _around(self, x: Tensor, group: int) -> Tensor:
        """Features of the group before -> those around the sites of `group`."""
        if in_one_pass(self.cfg, group):
            return mean_around(x)
        if group < self.cfg.coarse:
            return neighbours(x)
        return torch.stack([torch.cat(beside(x[1 - half], half), -1) for half in (0, 1)])

    def _may_be_present(self, knot_weights: Tensor, group: int) -> Tensor:
        """Which crops have the setting from which on there is a group `(B,)`."""
        setting = knot_weights.float() @ torch.arange(
            self.cfg.knots, device=knot_weights.device, dtype=torch.float32
        )
        setting = setting * (1000 / (self.cfg.knots - 1))
        return setting > self.cfg.start[group] - 0.5  # that of a file is a whole number

    def forward(
        self,
        v: Tensor,
        knot_weights: Tensor,
        *,
        rounding: Rounding | None = None,
        weight: Tensor | None = None,
        counts: tuple[int, ...] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Latents in steps `(B, h, w, C)` -> `(bits (B, groups + 1), v_hat)`.

        In training the rate is that of `v` plus uniform noise (a proxy with a gradient), in
        evaluation that of the rounded symbols. `v_hat` is rounded in both, straight through;
        with `weight (B, C)`, bits that a squared error of one step is worth, as `optimised` does;
        with `rounding`, as that does. `bits[:, -1]` is the hyper-latents' share.

        `counts`: how many crops, from the first on, have each group; never rising. The others'
        latents of it are zero, and its network does not run for them. Without it, the crops whose
        setting is below a group's `start` do not have it.
        """
        cfg = self.cfg
        b, h, w, _ = v.shape
        z = self.ha(v, knot_weights)
        zr = ste_round(z.clamp(-HYPER_MAX, HYPER_MAX))
        zn = z + (torch.rand_like(z) - 0.5) if self.training else zr
        z_index = _table(_rows(knot_weights, self.hyper_base)[:, None, None])
        z_bits = self._bits(zn, z_index, logistic_terms(z_index)).sum((1, 2, 3))
        features = self.hyper_synthesis(zr, knot_weights, h, w)
        bases = torch.split(_rows(knot_weights, self.base), list(cfg.sizes), -1)

        known: list[Tensor] = []  # features of the decoded groups of this scale
        outs, bits, first = [], [], 0
        for g, (size, n) in enumerate(zip(cfg.groups, counts or (b,) * len(bases), strict=True)):
            if not n:  # nor are there any crops that have those to come
                outs.append(v.new_zeros(b, h, w, size))
                bits.append(v.new_zeros(b))
                first += size
                continue
            vg = v[:n, ..., first : first + size]
            if g == cfg.coarse:
                coarse = [_filled(k, b) for k in known]
                features, known = halved(self.lift(features, coarse, knot_weights)), []
            if g and g == cfg.one_pass:
                features, *known = (shuffle(joined(k), 2) for k in (features, *known))
            context = [features, *known]
            if known:
                context.append(self._around(known[-1], g))
            context = [x[..., :n, :, :, :].to(features.dtype) for x in context]
            sites = (slice(None), *[None] * (2 if g >= cfg.coarse else 1))
            group = _Group(
                g,
                bases[g][:n][sites],
                None if weight is None else weight[:n, first : first + cfg.sizes[g]][sites],
                rounding,
            )
            placed = self._placed(vg, g)
            decoded, total = self._coded(placed, torch.cat(context, -1), knot_weights[:n], group)
            # A group in which no latent reaches half a step is absent from the file, hence zero.
            present = vg.detach().abs().amax((1, 2, 3)) >= PRESENT
            if cfg.start and counts is None:
                present = present & self._may_be_present(knot_weights, g)
            decoded = decoded * present[:, None, None, None]
            known.append(self._features(decoded, g))
            outs.append(_filled(self._unplaced(decoded, g), b))
            bits.append(_filled(total * present, b))
            first += size
        return torch.stack([*bits, z_bits], 1), torch.cat(outs, -1)


def _table(index: Tensor) -> Tensor:
    return on_grid(index.clamp(0, SCALES - 1), 1)


def _rows(knot_weights: Tensor, table: Tensor) -> Tensor:
    """The rows of a table by setting `(B, n)`, which has more than the eight bits of bf16."""
    with torch.autocast(knot_weights.device.type, enabled=False):
        return on_grid(knot_weights.float() @ table)


def _filled(x: Tensor, count: int) -> Tensor:
    """The crops of `x (n, ...)`, and zeros for those from n to `count`."""
    return F.pad(x, (0, 0) * (x.dim() - 1) + (0, count - len(x)))


def mean_around(x: Tensor) -> Tensor:
    """Features `(B, h, w, F)` -> the mean of the four neighbours of each site, on their grid,
    halves rounded up; zero outside."""
    total = torch.stack([shifted(x, (place,)) for place in DIRECT]).sum(0)
    return on_grid(total / 4)
