"""The entropy model in integers: what encoder and decoder run. No floating point at all.

`docs/reference/format.md` specifies every operation; `reference.py` is the same in plain Python.
Encoder and decoder walk the same passes (`IntegerEntropy.walk`); they differ only in where the
symbols come from. All matrix products are exact: int8 x int8 -> int32, with a self-test.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tccodec.config import ModelConfig
from tccodec.container import Setting
from tccodec.container.varint import decode_varint, encode_varint
from tccodec.entropy.coder import LARGEST_SYMBOL, SymbolCoder
from tccodec.entropy.context import Halves, Raster
from tccodec.entropy.groups import (
    context_hidden,
    context_inputs,
    in_one_pass,
    lift_inputs,
    may_be_present,
)
from tccodec.entropy.halves import halved, joined
from tccodec.entropy.hyper import HYPER_MAX
from tccodec.entropy.integer_layers import FEATURE_SIZE, Layer, interpolate
from tccodec.entropy.layers import ACT_MAX
from tccodec.entropy.networks import PRESENT
from tccodec.entropy.order import (
    DIAGONAL,
    DIAGONALLY,
    DIRECT,
    FAR,
    neighbourhood,
    neighbours,
    passes,
    places,
    shifted,
)
from tccodec.entropy.products import choose_matmul
from tccodec.entropy.rate import CENTROID_LIMIT, CENTROIDS
from tccodec.entropy.tables import FIRST_CODED, SCALES, Tables
from tccodec.errors import BadFile, BadModel
from tccodec.transform.layout import shuffle, unshuffle

MEAN_LIMIT = 32767
INDEX_BITS = 3  # of a unit of output: a unit is eight tables
PRICED = 24  # magnitudes up to this one are weighed against a smaller one
BYTE_GROUPS = 8  # so many groups are told present by one byte; more of them by a varint
# (group, which of its passes, means in sixteenths (S, c), table indices (S, c)) -> symbols (S, c)
Source = Callable[[int, int, Tensor, Tensor], Tensor]
Passes = list[tuple[NDArray[np.int32], NDArray[np.uint8]]]
# (group, pass, network, context (S, inputs)) -> latents of the pass in sixteenths (S, c)
Coded = Callable[[int, int, str, Tensor], Tensor]
Net = tuple[Layer, Layer, Layer]


class IntegerEntropy:
    """Encodes and decodes the latents of one tile group at a time."""

    def __init__(self, cfg: ModelConfig, tensors: dict[str, Tensor]) -> None:
        self.cfg = cfg
        self.matmul = choose_matmul()
        self.feature = tensors["feature"]
        if self.feature.shape != (FEATURE_SIZE,):
            raise BadModel("the model's feature table has a wrong size")
        self.base, self.hyper_base = tensors["base"], tensors["hyper_base"]
        self.centroids = _centroids(tensors) if cfg.centroids else None
        self.use_tables(Tables.of(tensors["tables"].numpy(), tensors["table_sizes"].tolist()))
        hidden = cfg.hidden
        self.hs = Layer(tensors, "hs", 9 * cfg.hyper, 4 * hidden)
        self.lift1 = Layer(tensors, "lift1", lift_inputs(cfg), hidden)
        self.lift2 = Layer(tensors, "lift2", hidden, 4 * cfg.fine_hidden)
        names = {f"groups.{g}": g for g in range(len(cfg.groups))} | {FAR: 0, DIAGONALLY: 0}
        self.nets = {name: self._net(tensors, g, name) for name, g in names.items()}

    def _net(self, tensors: dict[str, Tensor], g: int, name: str) -> Net:
        hidden, inputs = context_hidden(self.cfg, g), context_inputs(self.cfg, g)
        return (
            Layer(tensors, f"{name}.fc1", inputs, hidden),
            Layer(tensors, f"{name}.fc2", hidden, hidden),
            Layer(tensors, f"{name}.out", hidden, 2 * self.cfg.sizes[g], finer=INDEX_BITS),
        )

    def use_tables(self, tables: Tables) -> None:
        """Code with `tables` from now on (a model's own, or others while it is calibrated)."""
        self.coder = SymbolCoder(tables)
        prices = tables.prices(PRICED)
        # Bits between a magnitude and the next lesser one, `(64, PRICED + 1)`.
        self.savings = np.diff(prices, axis=1, prepend=prices[:, :1])

    def _scaled(self, x: Tensor, layer: Layer, setting: Setting) -> Tensor:
        """Inputs `(S, n)`; if n is less than the layer's, those at the end are zero."""
        # In place: a pass through memory each, and no new memory for it.
        sums = self.matmul(x, layer.weight_for(x.shape[1])).add_(layer.bias(setting))
        return sums.bitwise_right_shift_(layer.shift)

    def _hidden(self, x: Tensor, layer: Layer, setting: Setting) -> Tensor:
        return self._scaled(x, layer, setting).clamp_(0, ACT_MAX).to(torch.int8)

    def _features(self, v16: Tensor, group: int) -> Tensor:
        at = v16.abs().clamp_max_(FEATURE_SIZE - 1).flatten()
        mag = self.feature.index_select(0, at).view(v16.shape)  # three times as fast as [at]
        if group < self.cfg.signed_groups:
            return torch.cat([torch.where(v16 < 0, -mag, mag), mag], -1)
        return mag

    def hyper_index(self, setting: Setting) -> Tensor:
        """Table index of each hyper-latent channel `(hyper,)`."""
        return ((interpolate(self.hyper_base, setting) + 8) >> 4).clamp(0, SCALES - 1)

    def hyper_features(self, z: Tensor, setting: Setting, h: int, w: int) -> Tensor:
        """Hyper-latents int `(zh, zw, hyper)` -> int8 `(1, h, w, hidden)`."""
        zh, zw, _ = z.shape
        x = neighbourhood((4 * z).to(torch.int8)[None])[0].flatten(0, 1)
        t = self._hidden(x, self.hs, setting).view(1, zh, zw, -1)
        return shuffle(t, 2)[:, :h, :w]

    def lift(self, hyper: Tensor, coarse: list[Tensor], setting: Setting) -> Tensor:
        """Features of hyper-latents and of coarse groups `(1, h, w, .)` -> of four quadrants in a
        row, int8 `(1, h, w, 4 * fine_hidden)`."""
        square = neighbourhood(torch.cat(coarse, -1))
        x = torch.cat([hyper, square], -1).flatten(0, 2)
        t = self._hidden(self._hidden(x, self.lift1, setting), self.lift2, setting)
        return t.view(*hyper.shape[:3], -1)

    def walk(
        self, z: Tensor, setting: Setting, h: int, w: int, present: int, source: Source
    ) -> list[Tensor]:
        """All passes in coding order, for the encoder and the decoder alike.

        `source(group, turn, mean16 (S, c), index (S, c))` returns the symbols `(S, c)` of one of
        the group's passes, c channels at a site. Returns each group's latents in sixteenths of a
        step, int32 `(h * w, g)`.
        """
        cfg = self.cfg
        bases = torch.split(interpolate(self.base, setting) + 8, list(cfg.sizes))
        last = present.bit_length()  # of what follows the last present group nothing is needed

        def coded(g: int, turn: int, net: str, context: Tensor) -> Tensor:
            mean, index = self._predicted(context, self.nets[net], bases[g], setting)
            symbols = source(g, turn, mean, index)
            return self._points(mean.add(symbols, alpha=16), symbols, index)

        out: list[Tensor] = []
        features = self.hyper_features(z, setting, h, w)
        known: list[Tensor] = []
        for g, size in enumerate(cfg.groups[: min(last, cfg.coarse)]):
            v16 = torch.zeros(1, h, w, size, dtype=torch.int32)
            if present >> g & 1:
                around = [neighbours(known[-1])] if g else []
                self._coarse(g, v16, torch.cat([features, *known, *around], -1), coded)
            known.append(self._features(v16, g))
            out.append(v16)
        if last > cfg.coarse:
            quadrants = self.lift(features, known, setting)
            out += self._fine(quadrants, present, coded)
        out = [v16.view(h * w, -1) for v16 in out]
        return out + [torch.zeros(h * w, n, dtype=torch.int32) for n in cfg.groups[last:]]

    def _coarse(self, g: int, v16: Tensor, context: Tensor, coded: Coded) -> None:
        """The passes of a group at 1/32: sets its latents `v16 (1, h, w, n)`."""
        h, w = v16.shape[1:3]
        order = passes(g)
        for turn, (sites, at) in enumerate(zip(order, places(order, h, w), strict=True)):
            if not len(at):
                continue
            t = context.flatten(0, 2).index_select(0, at)
            if turn:  # before, nothing is known
                around = DIRECT if g else DIRECT + DIAGONAL
                own = shifted(self._features(v16, g), around, sites.distance)
                t = torch.cat([t, own.flatten(0, 2).index_select(0, at)], 1)
            v16.flatten(0, 2)[at] = coded(g, turn, sites.net, t)

    def _fine(self, features: Tensor, present: int, coded: Coded) -> list[Tensor]:
        """The groups at 1/16, from the features of four quadrants in a row `(1, h, w, 4 F)`:
        latents `(1, h, w, n)` of each up to the last present one."""
        cfg, last = self.cfg, present.bit_length()
        on_board = min(last, cfg.one_pass or last)
        width = max(context_inputs(cfg, g) for g in range(cfg.coarse, on_board))
        halves = Halves(features, width)
        _, h, w, _ = features.shape
        out: list[Tensor] = []
        before: list[Tensor] = []
        for g in range(cfg.coarse, on_board):
            parts = [torch.zeros(2 * h, w, cfg.sizes[g], dtype=torch.int32)] * 2
            first = None
            if present >> g & 1:
                for half in (0, 1):
                    end = halves.known
                    if before:
                        end = halves.put_beside(half, before[1 - half], end)
                    if half:
                        first = self._features(parts[0], g)
                        end = halves.put_beside(half, first, end)
                    v16 = coded(g, half, f"groups.{g}", halves.seen(half, end))
                    parts[half] = v16.view(2 * h, w, -1)
            out.append(joined(torch.stack(parts)[:, None]))
            if g + 1 < last:
                first = self._features(parts[0], g) if first is None else first
                before = [first, self._features(parts[1], g)]
                halves.add(before)
        if on_board == last:
            return out
        width = max(context_inputs(cfg, g) for g in range(on_board, last))
        sites = Raster(halves, width)
        one = sites.newest(before[0].shape[-1])
        for g in range(on_board, last):
            v16 = torch.zeros(2 * h, 2 * w, cfg.sizes[g], dtype=torch.int32)
            if present >> g & 1:
                end = sites.put_mean_around(one)
                v16 = coded(g, 0, f"groups.{g}", sites.seen(end)).view(v16.shape)
            out.append(unshuffle(v16[None], 2))
            if g + 1 < last:
                one = self._features(v16, g)
                sites.add(one)
        return out

    def _predicted(
        self, context: Tensor, net: Net, base: Tensor, setting: Setting
    ) -> tuple[Tensor, Tensor]:
        """Context `(S, inputs)` -> means in sixteenths, int32, uint8 table indices, `(S, g)`."""
        fc1, fc2, head = net
        t = self._hidden(self._hidden(context, fc1, setting), fc2, setting)
        mean, index = self._scaled(t, head, setting).chunk(2, 1)
        index = (index + base).bitwise_right_shift_(4).clamp_(0, SCALES - 1).to(torch.uint8)
        return mean.clamp_(-MEAN_LIMIT, MEAN_LIMIT), index

    def _points(self, v16: Tensor, symbols: Tensor, index: Tensor) -> Tensor:
        """Latents in sixteenths, `mean + 16 symbol`, moved to the centroids of their bins."""
        if self.centroids is None:
            return v16
        s, tables, v = (t.contiguous().view(-1).numpy() for t in (symbols, index, v16))
        at = np.flatnonzero(s)
        s = s[at]
        v[at] += np.sign(s) * self.centroids[np.minimum(np.abs(s), CENTROIDS), tables[at]]
        return v16

    def quantise(self, r: Tensor, index: Tensor, weight: Tensor | None) -> Tensor:
        """Residuals in steps `(S, g)`, table indices, uint8 -> symbols, int32.

        Rate-distortion optimised: of the nearest integer and the next one towards zero, the
        one with the lesser `bits + weight * error**2`, the bits from the tables themselves.
        """
        residuals, tables = r.flatten().numpy(), index.flatten().numpy()
        out = np.zeros(len(residuals), np.int32)
        # Nearly all are zero: what follows looks at the others.
        at = np.flatnonzero((np.abs(residuals) >= 0.5) & (tables >= FIRST_CODED))
        signed, table = residuals[at], tables[at]
        magnitude = np.minimum(np.abs(signed), np.float32(LARGEST_SYMBOL))
        s = np.floor(magnitude + np.float32(0.5)).astype(np.int32)
        if weight is not None:
            near = magnitude - s.astype(np.float32)
            far = near + 1
            if self.centroids is not None:
                near -= self.centroids[np.minimum(s, CENTROIDS), table] / np.float32(16)
                far -= self.centroids[np.minimum(s - 1, CENTROIDS), table] / np.float32(16)
            saved = self.savings[table, np.minimum(s, PRICED)]
            gain = (far * far - near * near) * weight.numpy()[at % len(weight)]
            s -= (s <= PRICED) & (saved > gain)
        out[at] = np.where(signed < 0, -s, s)
        return torch.from_numpy(out).view(index.shape)

    def _in_order(self, v: Tensor, g: int) -> list[Tensor]:
        """A group's latents `(h, w, n)` as its passes code them, `(S, c)` each."""
        h, w, _ = v.shape
        if g < self.cfg.coarse:
            return [v.flatten(0, 1).index_select(0, at) for at in places(passes(g), h, w)]
        if in_one_pass(self.cfg, g):
            return [shuffle(v[None], 2).flatten(0, 2)]
        return [half.flatten(0, 2) for half in halved(v[None])]

    @torch.no_grad()
    def encode(
        self, v: Tensor, z: Tensor, setting: Setting, *, weight: Tensor | None = None
    ) -> tuple[bytes, Passes]:
        """Latents in steps, fp32 `(h, w, C)`, and hyper-latents `(zh, zw, hyper)` -> payload.

        `weight (C,)` is what a squared error of one step costs, in bits. With it every symbol
        is chosen for the least cost (see `quantise`), without it rounded to the nearest.
        Also returns the passes as coded, for rate accounting.
        """
        h, w, _ = v.shape
        cfg = self.cfg
        groups = torch.split(v, list(cfg.groups), -1)
        peaks = [float(x.abs().max()) for x in groups]
        present = sum(1 << g for g, peak in enumerate(peaks) if peak >= PRESENT)
        present &= may_be_present(cfg, setting)
        zs = torch.round(z).clamp(-HYPER_MAX, HYPER_MAX).int()
        index_z = self.hyper_index(setting).to(torch.uint8).expand_as(zs).contiguous()
        zs = torch.where(index_z >= FIRST_CODED, zs, torch.zeros_like(zs))
        if not present:
            return b"", []
        coded: Passes = [(zs.flatten().numpy(), index_z.flatten().numpy())]
        weights: list[Tensor | None] = [None] * len(groups)
        if weight is not None:  # the quadrants of a channel share their step, so their weight
            parts = zip(torch.split(weight, list(cfg.groups)), cfg.sizes, strict=True)
            weights = [w[:c] for w, c in parts]
        targets = [self._in_order(x, g) if present >> g & 1 else [] for g, x in enumerate(groups)]

        def source(g: int, turn: int, mean: Tensor, index: Tensor) -> Tensor:
            r = torch.sub(targets[g][turn], mean, alpha=1 / 16)
            s = self.quantise(r, index, weights[g])
            coded.append((s.flatten().numpy(), index.flatten().numpy()))
            return s

        self.walk(zs, setting, h, w, present, source)
        return self._names(present) + self.coder.encode(coded), coded

    def _names(self, present: int) -> bytes:
        """How a payload begins: the groups that are present."""
        if len(self.cfg.groups) > BYTE_GROUPS:
            return encode_varint(present)
        return bytes([present])

    def present(self, payload: bytes) -> tuple[int, int]:
        """Which groups a payload names as present, bit g for group g, and where its code begins.

        `BadFile` for groups that the model does not have, or none.
        """
        if not payload:
            return 0, 0
        present, at = payload[0], 1
        if len(self.cfg.groups) > BYTE_GROUPS:
            present, at = decode_varint(payload, 0)
        if present >> len(self.cfg.groups) or not present:
            raise BadFile("a tile group names latent groups that its model does not have")
        return present, at

    @torch.no_grad()
    def decode(
        self, payload: bytes, setting: Setting, h: int, w: int, *, groups: int | None = None
    ) -> list[Tensor]:
        """Payload -> each group's latents in sixteenths of a step, int32 `(h * w, g)`.

        Only the first `groups` ones, if given: what follows in the code is not looked at.
        `BadFile` if the payload is not what an encoder writes for these dimensions.
        """
        sizes = self.cfg.groups[:groups]
        present, at = self.present(payload)
        if present & ~may_be_present(self.cfg, setting):
            raise BadFile("a tile group names latent groups that its setting does not have")
        wanted = present & ((1 << len(sizes)) - 1)
        if not wanted:
            return [torch.zeros(h * w, g, dtype=torch.int32) for g in sizes]
        decoder = self.coder.decoder(payload[at:])
        zh, zw = -(-h // 2), -(-w // 2)
        index_z = self.hyper_index(setting).to(torch.uint8).expand(zh, zw, -1)
        z = torch.from_numpy(decoder.decode(index_z.flatten().numpy()))
        if int(z.abs().max()) > HYPER_MAX:
            raise BadFile("a hyper-latent is larger than the format allows")

        def source(g: int, turn: int, mean: Tensor, index: Tensor) -> Tensor:
            symbols = decoder.decode(index.flatten().numpy())
            return torch.from_numpy(symbols).view(index.shape)

        out = self.walk(z.view(zh, zw, -1), setting, h, w, wanted, source)
        if wanted == present:
            decoder.finish()
        return out[: len(sizes)]


def _centroids(tensors: dict[str, Tensor]) -> NDArray[np.int32]:
    """By magnitude, 0 to 3, and table: what is added to a symbol's point, in sixteenths."""
    table = tensors.get("centroids", torch.empty(0))
    if table.shape != (CENTROIDS, SCALES) or int(table.abs().max()) > CENTROID_LIMIT:
        raise BadModel("the model's table of centroids is damaged")
    return np.pad(table.numpy().astype(np.int32), ((1, 0), (0, 0)))
