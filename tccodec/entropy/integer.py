"""The entropy model in integers: what encoder and decoder run. No floating point at all.

`docs/format.md` specifies every operation; `reference.py` is the same in plain Python.
Encoder and decoder walk the same passes (`IntegerEntropy.walk`); they differ only in where the
symbols come from. All matrix products are exact: int8 x int8 -> int32, with a self-test.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tccodec.entropy.board import (
    DIAGONALLY,
    FAR,
    around,
    board,
    lattice,
    neighbourhood,
    raster,
    ring,
)
from tccodec.entropy.coder import LARGEST_SYMBOL, SymbolCoder
from tccodec.entropy.model import (
    HYPER_MAX,
    PRESENT,
    context_hidden,
    context_inputs,
    lift_inputs,
    own_inputs,
    shuffled,
    unshuffled,
)
from tccodec.entropy.products import choose_matmul
from tccodec.entropy.quant import ACT_MAX, IntLinear, weight_shift
from tccodec.entropy.tables import FIRST_CODED, SCALES, Tables
from tccodec.errors import BadFile, BadModel
from tccodec.transform.config import ModelConfig

QUALITY_TOP = 1000
FEATURE_SIZE = 4096
MEAN_LIMIT = 32767
INDEX_BITS = 3  # of a unit of output: a unit is eight tables
PRICED = 24  # magnitudes up to this one are weighed against a smaller one
Source = Callable[[int, Tensor, Tensor, Tensor], Tensor]
Passes = list[tuple[NDArray[np.int32], NDArray[np.uint8]]]


def interpolate(table: Tensor, quality: int) -> Tensor:
    """Integer rows at the knots `(knots, n)` -> the row at `quality`, rounded down."""
    span = QUALITY_TOP // (table.shape[0] - 1)
    k = min(quality // span, table.shape[0] - 2)
    f = quality - k * span
    mixed = table[k].long() * (span - f) + table[k + 1].long() * f + span // 2
    return torch.div(mixed, span, rounding_mode="floor").int()


def export_linear(layer: IntLinear) -> dict[str, Tensor]:
    """int8 weights, shifts and int32 biases of a trained layer."""
    shift = weight_shift(layer.weight.detach().float())
    scale = torch.exp2(shift)
    weight = torch.round(layer.weight.detach() * scale[:, None]).clamp(-ACT_MAX, ACT_MAX)
    bias = torch.round(layer.bias.detach().double() * scale.double() * 16)
    return {
        "weight": weight.to(torch.int8),
        "shift": shift.to(torch.uint8),
        "bias": bias.to(torch.int32),
    }


def import_linear(layer: IntLinear, tensors: dict[str, Tensor], name: str) -> None:
    """Inverse of `export_linear`: the same integers as training weights."""
    scale = torch.exp2(tensors[f"{name}.shift"].float())
    with torch.no_grad():
        layer.weight.copy_(tensors[f"{name}.weight"].float() / scale[:, None])
        layer.bias.copy_(tensors[f"{name}.bias"].float() / scale / 16)


class _Layer:
    """`(sums + bias) >> shift`, rounded: for hidden layers the whole of it, and of an output
    layer's two halves the means in sixteenths and the indices in sixteenths of a table."""

    def __init__(
        self,
        tensors: dict[str, Tensor],
        name: str,
        inputs: int,
        outputs: int,
        *,
        finer: int = 0,
        own: int = 0,
    ) -> None:
        self.weight = tensors[f"{name}.weight"].contiguous()
        if self.weight.shape != (outputs, inputs) or self.weight.dtype != torch.int8:
            raise BadModel(f"tensor {name} does not fit the model's config")
        #: Without the last `own` inputs, which are zero in the first pass of a group.
        self.others = self.weight[:, : inputs - own].contiguous() if own else self.weight
        self.shift = tensors[f"{name}.shift"].int()
        if finer:
            self.shift[outputs // 2 :] -= finer
        self._bias = tensors[f"{name}.bias"]
        self._half = torch.ones_like(self.shift) << (self.shift - 1)
        self._known: tuple[int, Tensor] = (-1, self._half)

    def bias(self, quality: int) -> Tensor:
        """The biases at `quality`, and half a unit to round."""
        known = self._known  # another thread may be at another quality
        if known[0] != quality:
            rows = self._bias
            bias = rows[0] if len(rows) == 1 else interpolate(rows, quality)
            self._known = known = quality, bias + self._half
        return known[1]


_lattice = functools.lru_cache(maxsize=16)(lattice)
Net = tuple[_Layer, _Layer, _Layer]


class IntegerEntropy:
    """Encodes and decodes the latents of one tile group at a time."""

    def __init__(self, cfg: ModelConfig, tensors: dict[str, Tensor]) -> None:
        self.cfg = cfg
        self.matmul = choose_matmul()
        self.feature = tensors["feature"]
        if self.feature.shape != (FEATURE_SIZE,):
            raise BadModel("the model's feature table has a wrong size")
        self.base, self.hyper_base = tensors["base"], tensors["hyper_base"]
        self.use_tables(Tables.of(tensors["tables"].numpy(), tensors["table_sizes"].tolist()))
        hidden = cfg.hidden
        self.hs = _Layer(tensors, "hs", 9 * cfg.hyper, 4 * hidden)
        self.lift1 = _Layer(tensors, "lift1", lift_inputs(cfg), hidden)
        self.lift2 = _Layer(tensors, "lift2", hidden, 4 * cfg.fine_hidden)
        names = {f"groups.{g}": g for g in range(len(cfg.groups))} | {FAR: 0, DIAGONALLY: 0}
        self.nets = {name: self._net(tensors, g, name) for name, g in names.items()}

    def _net(self, tensors: dict[str, Tensor], g: int, name: str) -> Net:
        hidden, inputs = context_hidden(self.cfg, g), context_inputs(self.cfg, g)
        return (
            _Layer(tensors, f"{name}.fc1", inputs, hidden, own=own_inputs(self.cfg, g)),
            _Layer(tensors, f"{name}.fc2", hidden, hidden),
            _Layer(tensors, f"{name}.out", hidden, 2 * self.cfg.sizes[g], finer=INDEX_BITS),
        )

    def use_tables(self, tables: Tables) -> None:
        """Code with `tables` from now on (a model's own, or others while it is calibrated)."""
        self.coder = SymbolCoder(tables)
        prices = tables.prices(PRICED)
        #: Bits between a magnitude and the next lesser one, `(64 * (PRICED + 1),)`.
        self.savings = torch.from_numpy(np.diff(prices, axis=1, prepend=prices[:, :1]).flatten())

    def _scaled(self, x: Tensor, layer: _Layer, quality: int) -> Tensor:
        weight = layer.weight if x.shape[1] == layer.weight.shape[1] else layer.others
        # In place: a pass through memory each, and no new memory for it.
        sums = self.matmul(x.contiguous(), weight).add_(layer.bias(quality))
        return sums.bitwise_right_shift_(layer.shift)

    def _hidden(self, x: Tensor, layer: _Layer, quality: int) -> Tensor:
        return self._scaled(x, layer, quality).clamp_(0, ACT_MAX).to(torch.int8)

    def _features(self, v16: Tensor, group: int) -> Tensor:
        at = v16.abs().clamp_max_(FEATURE_SIZE - 1).flatten()
        mag = self.feature.index_select(0, at).view(v16.shape)  # three times as fast as [at]
        if group < self.cfg.signed_groups:
            return torch.cat([torch.where(v16 < 0, -mag, mag), mag], -1)
        return mag

    def hyper_index(self, quality: int) -> Tensor:
        """Table index of each hyper-latent channel `(hyper,)`."""
        return ((interpolate(self.hyper_base, quality) + 8) >> 4).clamp(0, SCALES - 1)

    def hyper_features(self, z: Tensor, quality: int, h: int, w: int) -> Tensor:
        """Hyper-latents int `(zh, zw, hyper)` -> int8 `(h * w, hidden)`."""
        zh, zw, _ = z.shape
        x = neighbourhood((4 * z).to(torch.int8)[None])[0].flatten(0, 1)
        t = shuffled(self._hidden(x, self.hs, quality), zh, zw)
        t = t.view(2 * zh, 2 * zw, self.cfg.hidden)
        return t[:h, :w].reshape(h * w, self.cfg.hidden)

    def lift(self, hyper: Tensor, coarse: Tensor, quality: int, h: int, w: int) -> Tensor:
        """Features of hyper-latents and of coarse groups `(h * w, F)` -> of the quadrants, int8
        `(4 * h * w, fine_hidden)`."""
        square = neighbourhood(coarse.view(1, h, w, -1)).view(h * w, -1)
        t = self._hidden(torch.cat([hyper, square], -1), self.lift1, quality)
        return shuffled(self._hidden(t, self.lift2, quality), h, w)

    def walk(
        self,
        z: Tensor,
        quality: int,
        h: int,
        w: int,
        present: int,
        source: Source,
    ) -> list[Tensor]:
        """All passes in coding order; the one place that knows the order.

        `source(group, sites, mean16 (S, c), index (S, c))` returns the symbols `(S, c)`, c
        channels at a site of the group. Returns each group's latents in sixteenths of a step,
        int32 `(h * w, g)`.
        """
        cfg = self.cfg
        bases = torch.split(interpolate(self.base, quality) + 8, list(cfg.sizes))
        last = present.bit_length()  # of what follows the last present group nothing is needed
        features = self.hyper_features(z, quality, h, w)
        out = [torch.zeros(h * w, cfg.groups[0], dtype=torch.int32)]
        if present & 1:
            self._first_group(out[0], features, bases[0], quality, h, w, source)
        seen = self._features(out[0], 0)
        # What is known at the sites of either half of the checkerboard.
        sites, near = board(h, w)
        before = [seen.index_select(0, at) for at in sites]
        known = [[features.index_select(0, at), x] for at, x in zip(sites, before, strict=True)]
        for g, size in enumerate(cfg.sizes[1:last], 1):
            if g == cfg.coarse:
                coarse = raster([torch.cat(half[1:], 1) for half in known], sites)
                features = self.lift(features, coarse, quality, h, w)
                sites, near = board(2 * h, 2 * w)
                known, before = [[features.index_select(0, at)] for at in sites], []
            halves = [torch.zeros(len(at), size, dtype=torch.int32) for at in sites]
            first = None
            if present >> g & 1:
                context = [
                    torch.cat([*at, *(around(x, n) for x in other)], 1)
                    for at, other, n in zip(known, (before[1:], before[:1]), near, strict=True)
                ]
                first = self._group(g, halves, context, bases[g], quality, sites, near[1], source)
            if g + 1 < last:
                if first is None:
                    first = self._features(halves[0], g)
                before = [first, self._features(halves[1], g)]
                for at, feats in zip(known, before, strict=True):
                    at.append(feats)
            v16 = raster(halves, sites)
            out.append(v16 if g < cfg.coarse else unshuffled(v16, h, w))
        return out + [torch.zeros(h * w, n, dtype=torch.int32) for n in cfg.groups[last:]]

    def _group(
        self,
        g: int,
        halves: list[Tensor],
        context: list[Tensor],
        base: Tensor,
        quality: int,
        sites: tuple[Tensor, Tensor],
        near: Tensor,
        source: Source,
    ) -> Tensor:
        """The two passes of a present group: sets its latents in both `halves`, and returns the
        features of the first."""
        for half, t in enumerate(context):
            if half:
                first = self._features(halves[0], g)
                t = torch.cat([t, around(first, near)], 1)
            if len(t):
                mean, index = self._predicted(t, self.nets[f"groups.{g}"], base, quality)
                halves[half] = mean.add(source(g, sites[half], mean, index), alpha=16)
        return first

    def _first_group(
        self,
        v16: Tensor,
        features: Tensor,
        base: Tensor,
        quality: int,
        h: int,
        w: int,
        source: Source,
    ) -> None:
        """The passes of the first group: sets its latents `v16 (h * w, g)`."""
        for turn, (net, distance, at) in enumerate(_lattice(h, w)):
            t = features.index_select(0, at)
            if turn:  # before, nothing is known
                own = ring(self._features(v16, 0).view(1, h, w, -1), distance).flatten(0, 2)
                t = torch.cat([t, own.index_select(0, at)], 1)
            if len(at):
                mean, index = self._predicted(t, self.nets[net], base, quality)
                v16[at] = mean.add(source(0, at, mean, index), alpha=16)

    def _predicted(
        self, context: Tensor, net: Net, base: Tensor, quality: int
    ) -> tuple[Tensor, Tensor]:
        """Context `(S, inputs)` -> means in sixteenths, int32, uint8 table indices, `(S, g)`."""
        fc1, fc2, head = net
        t = self._hidden(self._hidden(context, fc1, quality), fc2, quality)
        mean, index = self._scaled(t, head, quality).chunk(2, 1)
        index = (index + base).bitwise_right_shift_(4).clamp_(0, SCALES - 1).to(torch.uint8)
        return mean.clamp_(-MEAN_LIMIT, MEAN_LIMIT), index

    def quantise(self, r: Tensor, index: Tensor, weight: Tensor | None) -> Tensor:
        """Residuals in steps `(S, g)`, table indices, uint8 -> symbols, int32.

        Rate-distortion optimised: of the nearest integer and the next one towards zero, the
        one with the lesser `bits + weight * error**2`, the bits from the tables themselves.
        """
        r, tables = r.flatten(), index.flatten()
        out = torch.zeros(len(r), dtype=torch.int32)
        # Nearly all are zero: what follows looks at the others.
        at = ((r.abs() >= 0.5) & (tables >= FIRST_CODED)).nonzero()[:, 0]
        r = r.index_select(0, at)
        magnitude = r.abs().clamp_max_(LARGEST_SYMBOL)
        s = torch.floor(magnitude + 0.5)
        if weight is not None:
            entry = tables.index_select(0, at).int() * (PRICED + 1) + s.clamp_max(PRICED).int()
            saved = self.savings.index_select(0, entry)
            gain = (magnitude - s + 1).square() - (magnitude - s).square()
            gain *= weight.index_select(0, at % len(weight))
            s = torch.where((s <= PRICED) & (saved > gain), s - 1, s)
        out[at] = s.copysign(r).int()
        return out.view(index.shape)

    @torch.no_grad()
    def encode(
        self, v: Tensor, z: Tensor, quality: int, *, weight: Tensor | None = None
    ) -> tuple[bytes, Passes]:
        """Latents in steps, fp32 `(h, w, C)`, and hyper-latents `(zh, zw, hyper)` -> payload.

        `weight (C,)` is what a squared error of one step costs, in bits. With it every symbol
        is chosen for the least cost (see `quantise`), without it rounded to the nearest.
        Also returns the passes as coded, for rate accounting.
        """
        h, w, _ = v.shape
        flat = v.reshape(h * w, -1)
        zs = torch.round(z).clamp(-HYPER_MAX, HYPER_MAX).int()
        present, first = 0, 0
        for g, size in enumerate(self.cfg.groups):
            peak = flat[:, first : first + size].abs().max()
            present |= int(bool(peak >= PRESENT)) << g
            first += size
        index_z = self.hyper_index(quality).to(torch.uint8).expand_as(zs).contiguous()
        zs = torch.where(index_z >= FIRST_CODED, zs, torch.zeros_like(zs))
        if not present:
            return b"", []
        passes: Passes = [(zs.flatten().numpy(), index_z.flatten().numpy())]
        cfg = self.cfg
        groups = list(torch.split(flat, list(cfg.groups), -1))
        groups[cfg.coarse :] = [shuffled(v, h, w) for v in groups[cfg.coarse :]]
        weights: list[Tensor | None] = [None] * len(groups)
        if weight is not None:  # the quadrants of a channel share their step, so their weight
            parts = zip(torch.split(weight, list(cfg.groups)), cfg.sizes, strict=True)
            weights = [w[:c] for w, c in parts]

        def source(g: int, at: Tensor, mean: Tensor, index: Tensor) -> Tensor:
            r = groups[g].index_select(0, at).sub_(mean, alpha=1 / 16)
            s = self.quantise(r, index, weights[g])
            passes.append((s.flatten().numpy(), index.flatten().numpy()))
            return s

        self.walk(zs, quality, h, w, present, source)
        return bytes([present]) + self.coder.encode(passes), passes

    @torch.no_grad()
    def decode(
        self, payload: bytes, quality: int, h: int, w: int, *, groups: int | None = None
    ) -> list[Tensor]:
        """Payload -> each group's latents in sixteenths of a step, int32 `(h * w, g)`.

        Only the first `groups` ones, if given: what follows in the code is not looked at.
        `BadFile` if the payload is not what an encoder writes for these dimensions.
        """
        sizes = self.cfg.groups[:groups]
        present = payload[0] if payload else 0
        if present >> len(self.cfg.groups) or (payload and not present):
            raise BadFile("a tile group names latent groups that its model does not have")
        wanted = present & ((1 << len(sizes)) - 1)
        if not wanted:
            return [torch.zeros(h * w, g, dtype=torch.int32) for g in sizes]
        decoder = self.coder.decoder(payload[1:])
        zh, zw = -(-h // 2), -(-w // 2)
        index_z = self.hyper_index(quality).to(torch.uint8).expand(zh, zw, -1)
        z = torch.from_numpy(decoder.decode(index_z.flatten().numpy()))
        if int(z.abs().max()) > HYPER_MAX:
            raise BadFile("a hyper-latent is larger than the format allows")

        def source(g: int, at: Tensor, mean: Tensor, index: Tensor) -> Tensor:
            symbols = decoder.decode(index.flatten().numpy())
            return torch.from_numpy(symbols).view(index.shape)

        out = self.walk(z.view(zh, zw, -1), quality, h, w, wanted, source)
        if wanted == present:
            decoder.finish()
        return out[: len(sizes)]


def export_entropy(model: Any, tables: Tables) -> dict[str, Tensor]:
    """Integer tensors of a trained `EntropyModel`, as `IntegerEntropy` reads them."""
    out: dict[str, Tensor] = {}
    layers: dict[str, IntLinear] = {n: getattr(model, n) for n in ("hs", "lift1", "lift2")}
    for name, net in model.nets().items():
        layers |= {f"{name}.{n}": getattr(net, n) for n in ("fc1", "fc2", "out")}
    for name, layer in layers.items():
        out |= {f"{name}.{k}": v for k, v in export_linear(layer).items()}
    out["base"] = torch.round(model.base.detach() * 16).int()
    out["hyper_base"] = torch.round(model.hyper_base.detach() * 16).int()
    v = torch.arange(FEATURE_SIZE, dtype=torch.float64) / 16
    out["feature"] = torch.round(12 * torch.asinh(2 * v)).clamp(0, ACT_MAX).to(torch.int8)
    out["tables"] = torch.from_numpy(np.concatenate(tables.counts).astype(np.int32))
    out["table_sizes"] = torch.tensor([len(c) for c in tables.counts], dtype=torch.int32)
    return out
