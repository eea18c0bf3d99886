"""The networks of the entropy model in integers, and the passes in which they predict latents.

All matrix products are exact: int8 x int8 -> int32, with a self-test. There is no floating point.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tccodec.config import ModelConfig
from tccodec.container import Setting
from tccodec.entropy.context import CheckerboardContext, RasterContext
from tccodec.entropy.groups import context_hidden, context_inputs, feature_widths, lift_inputs
from tccodec.entropy.halves import join_checkerboard
from tccodec.entropy.integer_layers import Layer, interpolate
from tccodec.entropy.layers import ACT_MAX
from tccodec.entropy.limits import CENTROID_LIMIT, CENTROIDS, FEATURE_SIZE
from tccodec.entropy.order import (
    DIAGONAL,
    DIAGONAL_NET,
    DIRECT,
    FAR_NET,
    at_offsets,
    direct_neighbours,
    pass_sites,
    passes,
    window_3x3,
)
from tccodec.entropy.points import Points
from tccodec.entropy.products import choose_matmul
from tccodec.entropy.tables import SCALES
from tccodec.errors import BadModel
from tccodec.transform.layout import shuffle, unshuffle

MEAN_LIMIT = 32767
INDEX_BITS = 3  # of a unit of output: a unit is eight tables
# (group, number of its pass, means in sixteenths (S, c), table indices (S, c))
# -> symbols and their tables (S, c)
SymbolSource = Callable[[int, int, Tensor, Tensor], tuple[Tensor, Tensor]]
# (group, number of its pass, network, context (S, inputs)) -> latents in sixteenths (S, c)
CodePass = Callable[[int, int, str, Tensor], Tensor]
Net = tuple[Layer, Layer, Layer]


class IntegerNetworks:
    """Predicts the latents of one tile group at a time, from those that are known already."""

    def __init__(self, cfg: ModelConfig, tensors: dict[str, Tensor]) -> None:
        self.cfg = cfg
        self.matmul = choose_matmul()
        self.feature = tensors["feature"]
        if self.feature.shape != (FEATURE_SIZE,):
            raise BadModel("the model's feature table has a wrong size")
        self.base, self.hyper_base = tensors["base"], tensors["hyper_base"]
        centroids = _centroids(tensors) if cfg.centroids else None
        self.points = Points(trellis=cfg.trellis, spacing=cfg.spacing, centroids=centroids)
        hidden = cfg.hidden
        self.hs = Layer(tensors, "hs", inputs=9 * cfg.hyper, outputs=4 * hidden)
        self.lift1 = Layer(tensors, "lift1", inputs=lift_inputs(cfg), outputs=hidden)
        self.lift2 = Layer(tensors, "lift2", inputs=hidden, outputs=4 * cfg.fine_hidden)
        names = {f"groups.{g}": g for g in range(len(cfg.groups))} | {FAR_NET: 0, DIAGONAL_NET: 0}
        self.nets = {name: self._net(tensors, name, group=g) for name, g in names.items()}

    def _net(self, tensors: dict[str, Tensor], name: str, *, group: int) -> Net:
        hidden, inputs = context_hidden(self.cfg, group), context_inputs(self.cfg, group)
        return (
            Layer(tensors, f"{name}.fc1", inputs=inputs, outputs=hidden),
            Layer(tensors, f"{name}.fc2", inputs=hidden, outputs=hidden),
            Layer(
                tensors,
                f"{name}.out",
                inputs=hidden,
                outputs=2 * self.cfg.sizes[group],
                index_bits=INDEX_BITS,
            ),
        )

    def _output(self, x: Tensor, layer: Layer, setting: Setting) -> Tensor:
        """Inputs int8 `(S, n)` -> rounded and shifted sums, int32.

        n may be less than the layer's inputs; those missing at the end count as zero.
        """
        # Each step works in place, so it allocates nothing.
        sums = self.matmul(x, layer.weight_for(x.shape[1])).add_(layer.bias(setting))
        return sums.bitwise_right_shift_(layer.shift)

    def _hidden(self, x: Tensor, layer: Layer, setting: Setting) -> Tensor:
        return self._output(x, layer, setting).clamp_(0, ACT_MAX).to(torch.int8)

    def _features(self, v16: Tensor, group: int) -> Tensor:
        """A group's latents in sixteenths `(..., n)` -> context features, int8, n or 2 n each."""
        at = v16.abs().clamp_max_(FEATURE_SIZE - 1).flatten()
        mag = self.feature.index_select(0, at).view(v16.shape)  # three times as fast as [at]
        if group < self.cfg.signed_groups:
            return torch.cat([torch.where(v16 < 0, -mag, mag), mag], -1)
        return mag

    def hyper_index(self, setting: Setting) -> Tensor:
        """Table index of each hyper-latent channel `(hyper,)`."""
        return ((interpolate(self.hyper_base, setting) + 8) >> 4).clamp(0, SCALES - 1)

    def hyper_features(self, z: Tensor, setting: Setting, *, h: int, w: int) -> Tensor:
        """Hyper-latents int `(zh, zw, hyper)` -> int8 `(1, h, w, hidden)`."""
        zh, zw, _ = z.shape
        x = window_3x3((4 * z).to(torch.int8)[None])[0].flatten(0, 1)
        t = self._hidden(x, self.hs, setting).view(1, zh, zw, -1)
        return shuffle(t, 2)[:, :h, :w]

    def lift(self, hyper: Tensor, coarse: list[Tensor], setting: Setting) -> Tensor:
        """Features of the hyper-latents and of the coarse groups -> features of the quadrants.

        All inputs are int8 `(1, h, w, F)`. The result has the four quadrants in a row, int8
        `(1, h, w, 4 * fine_hidden)`.
        """
        windows = window_3x3(torch.cat(coarse, -1))
        x = torch.cat([hyper, windows], -1).flatten(0, 2)
        t = self._hidden(self._hidden(x, self.lift1, setting), self.lift2, setting)
        return t.view(*hyper.shape[:3], -1)

    def run_passes(
        self,
        z: Tensor,
        source: SymbolSource,
        *,
        setting: Setting,
        h: int,
        w: int,
        present: int,
    ) -> list[Tensor]:
        """Run all passes in coding order, for the encoder and the decoder alike.

        z: hyper-latents int `(zh, zw, hyper)`. source: gives the symbols of one pass at a time.
        present: bit g is set if group g is present. Returns each group's latents in sixteenths of
        a step, int32 `(h * w, g)`.
        """
        cfg = self.cfg
        bases = torch.split(interpolate(self.base, setting) + 8, list(cfg.sizes))
        last = present.bit_length()  # the groups from here on are absent

        def code_pass(g: int, number: int, net: str, context: Tensor) -> Tensor:
            mean, index = self._predict(context, self.nets[net], base=bases[g], setting=setting)
            return self._reconstruct(mean, *source(g, number, mean, index))

        out: list[Tensor] = []
        features = self.hyper_features(z, setting, h=h, w=w)
        known: list[Tensor] = []
        for g, size in enumerate(cfg.groups[: min(last, cfg.coarse)]):
            v16 = torch.zeros(1, h, w, size, dtype=torch.int32)
            if present >> g & 1:
                previous = [direct_neighbours(known[-1])] if g else []
                context = torch.cat([features, *known, *previous], -1)
                self._code_coarse_group(g, v16, context=context, code_pass=code_pass)
            known.append(self._features(v16, g))
            out.append(v16)
        if last > cfg.coarse:
            quadrants = self.lift(features, known, setting)
            out += self._code_fine_groups(quadrants, present, code_pass)
        out = [v16.view(h * w, -1) for v16 in out]
        return out + [torch.zeros(h * w, n, dtype=torch.int32) for n in cfg.groups[last:]]

    def _code_coarse_group(
        self, g: int, v16: Tensor, *, context: Tensor, code_pass: CodePass
    ) -> None:
        """The passes of a group at 1/32: writes its latents to `v16 (1, h, w, n)`.

        `context`: what is known at all sites before the first pass, `(1, h, w, inputs)`.
        """
        h, w = v16.shape[1:3]
        order = passes(g)
        for number, (sites, at) in enumerate(zip(order, pass_sites(order, h, w), strict=True)):
            if not len(at):
                continue
            t = context.flatten(0, 2).index_select(0, at)
            if number:  # in the first pass nothing of the group is known
                offsets = DIRECT if g else DIRECT + DIAGONAL
                features = self._features(v16, g)
                same_group = at_offsets(features, offsets, distance=sites.distance)
                t = torch.cat([t, same_group.flatten(0, 2).index_select(0, at)], 1)
            v16.flatten(0, 2)[at] = code_pass(g, number, sites.net, t)

    def _code_fine_groups(
        self, features: Tensor, present: int, code_pass: CodePass
    ) -> list[Tensor]:
        """The groups at 1/16, from the features of four quadrants in a row `(1, h, w, 4 F)`.

        Returns the latents `(1, h, w, n)` of each group up to the last one present.
        """
        cfg, last = self.cfg, present.bit_length()
        end = min(last, cfg.one_pass or last)  # of the groups on a checkerboard
        width = max(context_inputs(cfg, g) for g in range(cfg.coarse, end))
        context = CheckerboardContext(features, width)
        _, h, w, _ = features.shape
        out: list[Tensor] = []
        previous: list[Tensor] = []  # the previous group's features, both halves
        for g in range(cfg.coarse, end):
            halves = [torch.zeros(2 * h, w, cfg.sizes[g], dtype=torch.int32)] * 2
            if present >> g & 1:
                halves = self._code_halves(g, context, previous=previous, code_pass=code_pass)
            out.append(join_checkerboard(torch.stack(halves)[:, None]))
            if g + 1 < last:
                previous = [self._features(half, g) for half in halves]
                context.add(previous)
        if end < last:
            out += self._code_rasters(range(end, last), present, context, code_pass=code_pass)
        return out

    def _code_halves(
        self, g: int, context: CheckerboardContext, *, previous: list[Tensor], code_pass: CodePass
    ) -> list[Tensor]:
        """The two passes of a group on a checkerboard: latents `(2 h, w, n)` of each half."""
        halves: list[Tensor] = []
        for half in (0, 1):
            column = context.known
            if previous:
                column = context.write_neighbours(half, previous[1 - half], column=column)
            if halves:
                anchors = self._features(halves[0], g)
                column = context.write_neighbours(half, anchors, column=column)
            v16 = code_pass(g, half, f"groups.{g}", context.inputs(half, column))
            halves.append(v16.view(*context.rows.shape[1:3], -1))
        return halves

    def _code_rasters(
        self, groups: range, present: int, known: CheckerboardContext, *, code_pass: CodePass
    ) -> list[Tensor]:
        """The groups that are coded in one pass: latents `(1, h, w, n)` of each."""
        width = max(context_inputs(self.cfg, g) for g in groups)
        context = RasterContext(known, width)
        previous = context.newest(feature_widths(self.cfg)[groups[0] - 1])
        out: list[Tensor] = []
        for g in groups:
            v16 = torch.zeros(*previous.shape[:2], self.cfg.sizes[g], dtype=torch.int32)
            if present >> g & 1:
                inputs = context.inputs(context.write_neighbour_mean(previous))
                v16 = code_pass(g, 0, f"groups.{g}", inputs).view(v16.shape)
            out.append(unshuffle(v16[None], 2))
            if g < groups[-1]:
                previous = self._features(v16, g)
                context.add(previous)
        return out

    def _predict(
        self, context: Tensor, net: Net, *, base: Tensor, setting: Setting
    ) -> tuple[Tensor, Tensor]:
        """Context `(S, inputs)` -> means in sixteenths, int32; table indices, uint8; `(S, g)`."""
        fc1, fc2, head = net
        t = self._hidden(self._hidden(context, fc1, setting), fc2, setting)
        mean, index = self._output(t, head, setting).chunk(2, 1)
        index = (index + base).bitwise_right_shift_(4).clamp_(0, SCALES - 1).to(torch.uint8)
        return mean.clamp_(-MEAN_LIMIT, MEAN_LIMIT), index

    def _reconstruct(self, mean: Tensor, symbols: Tensor, tables: Tensor) -> Tensor:
        """Means, symbols and their tables `(S, g)` -> latents in sixteenths."""
        if self.points.plain:
            return mean.add(symbols, alpha=16)
        v16 = mean.clone(memory_format=torch.contiguous_format)
        s, table, v = (t.contiguous().view(-1).numpy() for t in (symbols, tables, v16))
        at = np.flatnonzero(s)  # most symbols are zero
        v[at] += self.points.of(s[at], table[at])
        return v16


def _centroids(tensors: dict[str, Tensor]) -> NDArray[np.int8]:
    """The distance from a symbol to its point, in sixteenths, by magnitude and table `(3, 64)`."""
    table = tensors.get("centroids", torch.empty(0))
    if table.shape != (CENTROIDS, SCALES) or int(table.abs().max()) > CENTROID_LIMIT:
        raise BadModel("the model's table of centroids is damaged")
    result: NDArray[np.int8] = table.numpy()
    return result
