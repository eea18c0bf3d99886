"""The entropy model as training sees it: hyper-latents, then groups in passes over their sites.

    v = y / step --- hyper analysis (float, encoder only) --> z --round--> hyper synthesis --> h
    group 0, at 1/32, in five passes over an ever denser lattice:
                                  (mean, scale) = net_0(h, known neighbours in group 0)
    for each other coarse group g, at 1/32:
        anchors      (i + j even): (mean, scale) = net_g(h, groups < g here, neighbours in g-1)
        other sites  (i + j odd):  (mean, scale) = net_g(the same, neighbouring anchors of g)
    lift: h and all coarse groups in 3x3 sites --> features of the quadrants, f
    for each fine group g, at 1/16: as above, with f for h and fine groups only
    for those from `one_pass` on: all sites at once, with the mean of the neighbours in g-1

Neighbours are the four direct ones. In group 0 they are the direct or the diagonal ones, two sites
away or one, with separate networks for the passes (`order.LATTICE`). Context enters as int8
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
from tccodec.container import MAX_SETTING
from tccodec.entropy.groups import (
    GroupNet,
    GroupWeights,
    feature,
    in_one_pass,
    lift_inputs,
    means_and_offsets,
)
from tccodec.entropy.halves import join_checkerboard, neighbours_of, split_checkerboard
from tccodec.entropy.hyper import HYPER_MAX, HyperAnalysis
from tccodec.entropy.layers import IntLinear, activation, on_grid, ste_round
from tccodec.entropy.limits import CENTROIDS
from tccodec.entropy.order import (
    DIAGONAL,
    DIAGONAL_NET,
    DIRECT,
    FAR_NET,
    at_offsets,
    direct_neighbours,
    passes,
    window_3x3,
)
from tccodec.entropy.rate import (
    MAX_BITS,
    LogisticTerms,
    logistic_bits,
    logistic_terms,
    nearest,
    quantised_centroids,
    rdo_quantised,
    reconstructed,
    reconstructed_relaxed,
)
from tccodec.entropy.tables import FIRST_CODED, SCALE_LOG_RATIO, SCALES
from tccodec.transform.fusing import usable
from tccodec.transform.layout import shuffle, unshuffle

PRESENT = 0.5  # steps that the largest latent of a group in a tile group must reach
Rounding = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class _Group:
    """One group, for the crops that have it, and how its residuals become symbols.

    All that its passes have in common.
    """

    number: int
    knot_weights: Tensor  # (B, knots)
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
        # By magnitude and table, in steps: the distance from a symbol to its point.
        self.centroids = nn.Parameter(torch.zeros(CENTROIDS, SCALES)) if cfg.centroids else None

    def nets(self) -> dict[str, GroupNet]:
        """The networks of all groups, by the names that they have in a model file."""
        nets: dict[str, GroupNet] = {}
        for g, net in enumerate(self.groups):
            assert isinstance(net, GroupNet)
            nets[f"groups.{g}"] = net
        return nets | {FAR_NET: self.far, DIAGONAL_NET: self.diagonal}

    def hyper_synthesis(self, z: Tensor, knot_weights: Tensor, *, h: int, w: int) -> Tensor:
        """Rounded hyper-latents -> features `(B, h, w, hidden)` on the activation grid."""
        b, zh, zw, _ = z.shape
        t = self.hs(window_3x3(z * 0.25).flatten(1, 2), knot_weights)
        return shuffle(activation(t).view(b, zh, zw, -1), 2)[:, :h, :w]

    def lift(self, hyper: Tensor, coarse: list[Tensor], knot_weights: Tensor) -> Tensor:
        """Features of the hyper-latents and of the coarse groups -> features of the quadrants.

        All inputs are `(B, h, w, F)`. The result has the four quadrants in a row,
        `(B, h, w, 4 * fine_hidden)`.
        """
        b, h, w, _ = hyper.shape
        windows = window_3x3(torch.cat(coarse, -1)).to(hyper.dtype)
        t = activation(self.lift1(torch.cat([hyper, windows], -1).flatten(1, 2), knot_weights))
        return activation(self.lift2(t)).view(b, h, w, -1)

    def _features(self, v: Tensor, group: int) -> Tensor:
        mag = feature(v)
        if group < self.cfg.signed_groups:
            return torch.cat([torch.copysign(mag, v), mag], -1)
        return mag

    def _bits(self, residual: Tensor, index: Tensor, terms: LogisticTerms) -> Tensor:
        bits = logistic_bits(residual, terms)
        if not self.training:  # the narrowest tables are not coded
            bits = torch.where(index < FIRST_CODED, torch.zeros_like(bits), bits)
        return bits

    def _code_pass(self, v: Tensor, prediction: Tensor, group: _Group) -> tuple[Tensor, Tensor]:
        """Latents of one pass `(B, ..., n)` -> the latents as decoded, and bits `(B,)`.

        `prediction`: what `GroupNet.predict` returns for them.
        """
        plain = self.centroids is None and not self.cfg.trellis
        if self.training and group.rounding is None and plain and usable(v):
            from tccodec.entropy import fused

            base = group.base.flatten(1)
            weight = None if group.weight is None else group.weight.flatten(1)
            noise = torch.rand(v.shape, dtype=v.dtype, device=v.device)
            return fused.rate(v, prediction, base, weight=weight, noise=noise, max_bits=MAX_BITS)
        mean, offset = means_and_offsets(prediction)
        r = v - mean
        index = _table_index(group.base + offset)
        if self.cfg.trellis:
            decoded, bits = self._code_with_trellis(r, index, group)
            return mean + decoded, bits.flatten(1).sum(1)
        terms = logistic_terms(index)
        centroids = None if self.centroids is None else quantised_centroids(self.centroids)
        if group.rounding is not None:
            decoded = symbols = group.rounding(r)
            if centroids is not None:
                decoded = reconstructed_relaxed(symbols, index, centroids=centroids)
        else:
            if group.weight is None:
                s = nearest(r, index)
            else:
                s = rdo_quantised(r, index, weight=group.weight, terms=terms, centroids=centroids)
            decoded = symbols = r + (s - r).detach()
            if centroids is not None:
                decoded = symbols + (reconstructed(s, index, centroids=centroids) - s)
        coded = r + (torch.rand_like(r) - 0.5) if self.training else symbols
        return mean + decoded, self._bits(coded, index, terms).flatten(1).sum(1)

    def _code_with_trellis(self, r: Tensor, index: Tensor, group: _Group) -> tuple[Tensor, Tensor]:
        """Residuals `(B, ..., n)` -> the same as decoded, and bits, for a model with a trellis.

        The rate in training, and that of a `rounding`, is that of one quantiser with the spacing
        of both.
        """
        from tccodec.entropy.choice_in_training import chosen_points

        trellis, (near, far) = self.cfg.trellis, self.cfg.spacing
        spacing = torch.where(index < trellis, near / 16, far / 16)
        if group.rounding is not None:
            coded = group.rounding(r / spacing)
            decoded = coded * spacing
        else:
            # Of one crop, symbols are chosen together; in training, for speed, of the whole batch.
            weights = [None] * len(r) if group.weight is None else torch.split(group.weight, 1)
            crops = zip(torch.split(r, 1), torch.split(index, 1), weights, strict=True)
            batch = [(r, index, group.weight)] if self.training else crops
            found = [chosen_points(*x, trellis, near, far) for x in batch]
            points, bits = (torch.cat(part) for part in zip(*found, strict=True))
            decoded = r + (points - r).detach()
            if not self.training:
                return decoded, bits
            coded = r / spacing + (torch.rand_like(r) - 0.5)
        terms = logistic_terms(index - torch.log(spacing) / SCALE_LOG_RATIO)
        return decoded, self._bits(coded, index, terms)

    def _code_in_passes(self, v: Tensor, context: Tensor, group: _Group) -> tuple[Tensor, Tensor]:
        """A group at 1/32: latents `(B, h, w, n)` -> the same as decoded, and bits `(B,)`.

        `context`: what is known at all sites before the first pass, `(B, h, w, inputs)`.
        """
        g, nets = group.number, self.nets()
        quantised: dict[str, GroupWeights] = {}
        decoded, total = torch.zeros_like(v), v.new_zeros(len(v))
        for sites in passes(g):
            x = sites.gather(context)
            if not x.shape[1]:
                continue
            if quantised:  # in the first pass nothing of the group is known
                offsets = DIRECT if g else DIRECT + DIAGONAL
                same_group = sites.gather(self._features(decoded, g), offsets)
                x = torch.cat([x, same_group.to(x.dtype)], -1)
            net = nets[sites.net]
            if sites.net not in quantised:
                quantised[sites.net] = net.quantised(group.knot_weights)
            weights = quantised[sites.net]
            prediction = net.predict(net.sums(x, weights), weights)
            latents, bits = self._code_pass(sites.gather(v), prediction, group)
            decoded, total = sites.scatter(decoded, latents), total + bits
        return decoded, total

    def _code_in_halves(self, v: Tensor, context: Tensor, group: _Group) -> tuple[Tensor, Tensor]:
        """A group at 1/16, on a checkerboard; all maps are halves `(2, B, 2 h, w, .)`."""
        net = self.nets()[f"groups.{group.number}"]
        weights = net.quantised(group.knot_weights)
        first, second = net.sums(context, weights)
        anchors, anchor_bits = self._code_pass(v[0], net.predict(first, weights), group)
        known = neighbours_of(1, self._features(anchors, group.number))
        same_group = torch.cat(known, -1).to(context.dtype)
        second = second + net.same_group_sums(same_group, weights)
        others, other_bits = self._code_pass(v[1], net.predict(second, weights), group)
        return torch.stack([anchors, others]), anchor_bits + other_bits

    def _code_at_once(self, v: Tensor, context: Tensor, group: _Group) -> tuple[Tensor, Tensor]:
        """A group at 1/16 in one pass; all maps are `(B, 2 h, 2 w, .)`."""
        net = self.nets()[f"groups.{group.number}"]
        weights = net.quantised(group.knot_weights)
        return self._code_pass(v, net.predict(net.sums(context, weights), weights), group)

    def _code_group(self, v: Tensor, context: Tensor, group: _Group) -> tuple[Tensor, Tensor]:
        """A group's latents, laid out as they are coded -> the same as decoded, and bits `(B,)`."""
        if in_one_pass(self.cfg, group.number):
            return self._code_at_once(v, context, group)
        if group.number < self.cfg.coarse:
            return self._code_in_passes(v, context, group)
        return self._code_in_halves(v, context, group)

    def _to_coding_layout(self, v: Tensor, group: int) -> Tensor:
        """A group's latents `(B, h, w, n)`, laid out as they are coded."""
        if in_one_pass(self.cfg, group):
            return shuffle(v, 2)
        return v if group < self.cfg.coarse else split_checkerboard(v)

    def _from_coding_layout(self, v: Tensor, group: int) -> Tensor:
        """Inverse of `_to_coding_layout`."""
        if in_one_pass(self.cfg, group):
            return unshuffle(v, 2)
        return v if group < self.cfg.coarse else join_checkerboard(v)

    def _neighbours(self, x: Tensor, group: int) -> Tensor:
        """Features of the previous group -> what the network of `group` sees of them."""
        if in_one_pass(self.cfg, group):
            return neighbour_mean(x)
        if group < self.cfg.coarse:
            return direct_neighbours(x)
        return torch.stack([torch.cat(neighbours_of(half, x[1 - half]), -1) for half in (0, 1)])

    def _may_be_present(self, knot_weights: Tensor, group: int) -> Tensor:
        """Which crops have a setting at which `group` may be present, `(B,)`."""
        setting = knot_weights.float() @ torch.arange(
            self.cfg.knots, device=knot_weights.device, dtype=torch.float32
        )
        setting = setting * (MAX_SETTING / (self.cfg.knots - 1))
        return setting > self.cfg.start[group] - 0.5  # a file has a whole one

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
        evaluation that of the rounded symbols. `v_hat` is rounded in both, straight through.
        `bits[:, -1]` is the rate of the hyper-latents.

        weight: `(B, C)`, the bits that a squared error of one step costs; symbols are then chosen
        as `rdo_quantised` does. rounding: chooses the symbols instead, from the residuals.
        counts: for each group how many crops have it, counted from the first crop; must not rise
        from group to group. In the other crops its latents are zero and its network does not run.
        Without counts, a crop has the groups whose `start` is at most its setting.
        """
        cfg = self.cfg
        b, h, w, _ = v.shape
        z = self.ha(v, knot_weights)
        z_rounded = ste_round(z.clamp(-HYPER_MAX, HYPER_MAX))
        z_coded = z + (torch.rand_like(z) - 0.5) if self.training else z_rounded
        z_index = _table_index(_interpolated(self.hyper_base, knot_weights)[:, None, None])
        z_bits = self._bits(z_coded, z_index, logistic_terms(z_index)).sum((1, 2, 3))
        features = self.hyper_synthesis(z_rounded, knot_weights, h=h, w=w)
        parts = torch.split(v, list(cfg.groups), -1)
        bases = torch.split(_interpolated(self.base, knot_weights), list(cfg.sizes), -1)

        known: list[Tensor] = []  # features of the decoded groups of this scale
        outs, bits, first = [], [], 0
        for g, (size, n) in enumerate(zip(cfg.groups, counts or (b,) * len(bases), strict=True)):
            if not n:  # no crop has this group or a later one
                outs.append(v.new_zeros(b, h, w, size))
                bits.append(v.new_zeros(b))
                first += size
                continue
            vg = parts[g][:n]
            if g == cfg.coarse:
                coarse = [_pad_crops(k, b) for k in known]
                features = split_checkerboard(self.lift(features, coarse, knot_weights))
                known = []
            if g and g == cfg.one_pass:
                maps = (features, *known)
                features, *known = (shuffle(join_checkerboard(m), 2) for m in maps)
            context = [features, *known]
            if known:
                context.append(self._neighbours(known[-1], g))
            context = [x[..., :n, :, :, :].to(features.dtype) for x in context]
            sites = (slice(None), *[None] * (2 if g >= cfg.coarse else 1))
            group = _Group(
                number=g,
                knot_weights=knot_weights[:n],
                base=bases[g][:n][sites],
                weight=None if weight is None else weight[:n, first : first + cfg.sizes[g]][sites],
                rounding=rounding,
            )
            latents = self._to_coding_layout(vg, g)
            decoded, total = self._code_group(latents, torch.cat(context, -1), group)
            # A group in which no latent reaches half a step is absent from the file, hence zero.
            present = vg.detach().abs().amax((1, 2, 3)) >= PRESENT
            if cfg.start and counts is None:
                present = present & self._may_be_present(knot_weights, g)
            decoded = decoded * present[:, None, None, None]
            known.append(self._features(decoded, g))
            outs.append(_pad_crops(self._from_coding_layout(decoded, g), b))
            bits.append(_pad_crops(total * present, b))
            first += size
        return torch.stack([*bits, z_bits], 1), torch.cat(outs, -1)


def _table_index(index: Tensor) -> Tensor:
    return on_grid(index.clamp(0, SCALES - 1), 1)


def _interpolated(table: Tensor, knot_weights: Tensor) -> Tensor:
    """The rows of a table `(knots, n)` at each crop's setting, `(B, n)`, in fp32.

    They need more than the eight bits of bf16.
    """
    with torch.autocast(knot_weights.device.type, enabled=False):
        return on_grid(knot_weights.float() @ table)


def _pad_crops(x: Tensor, count: int) -> Tensor:
    """`x (n, ...)` with zeros for the crops from n to `count`, `(count, ...)`."""
    return F.pad(x, (0, 0) * (x.dim() - 1) + (0, count - len(x)))


def neighbour_mean(x: Tensor) -> Tensor:
    """Features `(B, h, w, F)` -> the mean of the four neighbours of each site, on their grid,
    halves rounded up; zero outside the map."""
    total = torch.stack([at_offsets(x, (offset,)) for offset in DIRECT]).sum(0)
    return on_grid(total / 4)
