"""The entropy decoder in numpy: payloads -> latents, as in `docs/reference/format.md`, section 8.

Matrix products are those of floats, which numpy has fast, and yet exact: integers below 2^24 do
not round in 32 bits. A layer whose sums could be larger computes in 64 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tccodec.config import ModelConfig
from tccodec.container.varint import decode_varint
from tccodec.entropy.coder import SymbolCoder, SymbolDecoder
from tccodec.entropy.points import Points
from tccodec.entropy.tables import Tables
from tccodec.errors import BadFile
from tccodec.transform.reference import Tensors

Ints = NDArray[np.int32]
Map = NDArray[np.float32]  # (height, width, channels), whole numbers
Sites = tuple[NDArray[np.intp], NDArray[np.intp]]  # rows and columns
Offsets = tuple[tuple[int, int], ...]  # (down, right)

DIRECT: Offsets = ((-1, 0), (1, 0), (0, -1), (0, 1))
DIAGONAL: Offsets = ((-1, -1), (-1, 1), (1, -1), (1, 1))
HERE: Offsets = ((0, 0),)
WINDOW: Offsets = tuple((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1))
BORDER = 2  # zeros around a map: the largest offset of a neighbour
HYPER_MAX = 31
MEAN_LIMIT = 32767
INDEX_BITS = 3  # bits by which table indices are finer than means
MAX_BYTE_GROUPS = 8  # more groups are named by a varint
MAX_EXACT = 1 << 24  # integers up to here are 32-bit floats


@dataclass(frozen=True, kw_only=True)
class Layer:
    """weight `(inputs, outputs)` in floats that hold all sums; shift and half of a unit."""

    weight: NDArray[np.floating]
    shift: Ints
    half: Ints
    table: Ints  # biases, one row or one for each knot


@dataclass(frozen=True)
class Pass:
    """Sites that are coded together, how far away their neighbours are, and their network."""

    includes: Callable[[Ints, Ints], NDArray[np.bool_]]
    distance: int
    net: str


LATTICE = (
    Pass(lambda y, x: (y % 4 == 0) & (x % 4 == 0), 2, "far"),
    Pass(lambda y, x: (y % 4 == 2) & (x % 4 == 2), 2, "far"),
    Pass(lambda y, x: (y % 2 == 0) & (x % 2 == 0) & ((y % 4 == 0) != (x % 4 == 0)), 2, "far"),
    Pass(lambda y, x: (y % 2 == 1) & (x % 2 == 1), 1, "diagonal"),
    Pass(lambda y, x: (y + x) % 2 == 1, 1, "groups.0"),
)


def passes(cfg: ModelConfig, g: int) -> tuple[Pass, ...]:
    """The passes of a group."""
    net = f"groups.{g}"
    if not g:
        return LATTICE
    if cfg.one_pass and g >= cfg.one_pass:
        return (Pass(lambda y, x: y >= 0, 1, net),)
    return (
        Pass(lambda y, x: (y + x) % 2 == 0, 1, net),
        Pass(lambda y, x: (y + x) % 2 == 1, 1, net),
    )


def at_offsets(m: Map, sites: Sites, offsets: Offsets, *, distance: int = 1) -> list[Map]:
    """For each offset, the values at `distance` times it from the sites of a map with border."""
    y, x = sites
    return [m[y + BORDER + distance * i, x + BORDER + distance * j] for i, j in offsets]


def bordered(height: int, width: int, *, channels: int) -> Map:
    """A map of zeros, with zeros around it."""
    return np.zeros((height + 2 * BORDER, width + 2 * BORDER, channels), np.float32)


def inside(m: Map) -> Map:
    """A map without its border."""
    return m[BORDER:-BORDER, BORDER:-BORDER]


def grid(height: int, width: int) -> Sites:
    """All sites of a map, row by row."""
    y, x = np.divmod(np.arange(height * width), width)
    return y, x


class Entropy:
    """Decodes tile groups of one model."""

    def __init__(self, cfg: ModelConfig, tensors: Tensors) -> None:
        """`tensors`: those of `model.safetensors`. `BadModel` if its tables are damaged."""
        self.cfg = cfg
        self.tensors = tensors
        self.span = 1000 // (cfg.knots - 1)
        self.feature = tensors["int.feature"].astype(np.float32)
        sizes = tensors["int.table_sizes"].tolist()
        tables = Tables.of(tensors["int.tables"], sizes)
        self._coder = SymbolCoder(tables, trellis=cfg.trellis)
        names = {n.removesuffix(".weight") for n in tensors if n.startswith("int.")}
        self.layers = {n: self._layer(n) for n in names if f"{n}.weight" in tensors}
        centroids = tensors["int.centroids"] if cfg.centroids else None
        self.points = Points(trellis=cfg.trellis, spacing=cfg.spacing, centroids=centroids)

    def _layer(self, name: str) -> Layer:
        weight = self.tensors[f"{name}.weight"]
        shift = self.tensors[f"{name}.shift"].astype(np.int32)
        if name.endswith(".out"):
            shift[len(shift) // 2 :] -= INDEX_BITS
        largest = int(np.abs(weight.astype(np.int64)).sum(1).max()) * 128
        kind = np.float32 if largest < MAX_EXACT else np.float64
        half = np.left_shift(1, shift - 1, dtype=np.int32)
        bias = self.tensors[f"{name}.bias"]
        return Layer(weight=weight.T.astype(kind), shift=shift, half=half, table=bias)

    def present(self, payload: bytes) -> tuple[int, int]:
        """Which groups a payload names as present, bit by bit, and where its code begins.

        `BadFile` for groups that the model does not have, or none.
        """
        if not payload:
            return 0, 0
        count = len(self.cfg.groups)
        present, at = decode_varint(payload, 0) if count > MAX_BYTE_GROUPS else (payload[0], 1)
        if present >> count or not present:
            raise BadFile("a tile group names latent groups that its model does not have")
        return present, at

    def decode(
        self, payload: bytes, setting: int, *, h: int, w: int, groups: int | None = None
    ) -> tuple[Ints, Ints]:
        """Payload -> latents in sixteenths of a step, `(h, w, A)` and `(2 h, 2 w, E)`.

        Only those of the first `groups` groups, if given. `BadFile` if the payload is not what an
        encoder writes for these dimensions.
        """
        cfg = self.cfg
        present, at = self.present(payload)
        if any(present >> g & 1 and setting < start for g, start in enumerate(cfg.start)):
            raise BadFile("a tile group names latent groups that its setting does not have")
        wanted = present & ((1 << (groups or len(cfg.groups))) - 1)
        tile = _Tile(self, setting=setting, h=h, w=w)
        if wanted:
            symbols = self._coder.decoder(payload[at:])
            tile.decode(symbols, wanted)
            if wanted == present:
                symbols.finish()
        return tile.coarse, tile.fine


class _Tile:
    """One tile group, whose latents `coarse (h, w, A)` and `fine (2 h, 2 w, E)` get filled."""

    def __init__(self, model: Entropy, *, setting: int, h: int, w: int) -> None:
        self.model, self.cfg = model, model.cfg
        self.setting, self.h, self.w = setting, h, w
        a = sum(self.cfg.groups[: self.cfg.coarse])
        self.coarse = np.zeros((h, w, a), np.int32)
        self.fine = np.zeros((2 * h, 2 * w, self.cfg.channels - a), np.int32)

    def decode(self, decoder: SymbolDecoder, wanted: int) -> None:
        """Decode the groups up to the last of `wanted`, a bit each; the others stay zero."""
        cfg = self.cfg
        hyper = self._hyper_features(decoder)
        known: list[Map] = []
        features, first, channel = hyper, 0, 0
        base = self._at_setting(self.model.tensors["int.base"]) + 8
        for g, n in enumerate(cfg.sizes[: wanted.bit_length()]):
            if g == cfg.coarse:
                features, first = self._lift(hyper, known), g
            a = self.coarse.shape[2]
            out, start = (self.coarse, channel) if g < cfg.coarse else (self.fine, channel - a)
            of_group = bordered(*out.shape[:2], channels=2 * n if g < cfg.signed_groups else n)
            if wanted >> g & 1:
                self._group(
                    decoder,
                    g,
                    known=[features, *known[first:]],
                    features=of_group,
                    latents=out[..., start : start + n],
                    base=base[channel : channel + n],
                )
            known.append(of_group)
            channel += n

    def _at_setting(self, table: Ints) -> Ints:
        """The row of integers at a setting, rounded down."""
        if len(table) == 1:
            only: Ints = table[0]
            return only
        span = self.model.span
        k = min(self.setting // span, len(table) - 2)
        f = self.setting - k * span
        rows = table[k : k + 2].astype(np.int64)
        mixed = rows[0] * (span - f) + rows[1] * f + span // 2
        row: Ints = (mixed // span).astype(np.int32)
        return row

    def _scaled(self, name: str, x: Map) -> Ints:
        layer = self.model.layers[f"int.{name}"]
        bias = self._at_setting(layer.table) + layer.half
        # Inputs that the pass lacks are the last ones, and zero.
        sums = x.astype(layer.weight.dtype, copy=False) @ layer.weight[: x.shape[1]]
        result: Ints = np.right_shift(sums.astype(np.int32) + bias, layer.shift)
        return result

    def _hidden(self, name: str, x: Map) -> Map:
        return np.clip(self._scaled(name, x), 0, 127).astype(np.float32)

    def _hyper_features(self, decoder: SymbolDecoder) -> Map:
        """The features of the hyper-latents at the latent sites, with a border."""
        n = self.cfg.hyper
        zh, zw = -(-self.h // 2), -(-self.w // 2)
        row = self._at_setting(self.model.tensors["int.hyper_base"])
        index = np.clip((row + 8) >> 4, 0, 63).astype(np.uint8)
        z = decoder.decode(np.tile(index, zh * zw))
        if np.abs(z).max() > HYPER_MAX:
            raise BadFile("a hyper-latent is larger than the format allows")
        m = bordered(zh, zw, channels=n)
        inside(m)[:] = 4 * z.reshape(zh, zw, n)
        x = np.concatenate(at_offsets(m, grid(zh, zw), WINDOW), 1)
        return self._quadrants(self._hidden("hs", x), (zh, zw), size=(self.h, self.w))

    def _lift(self, hyper: Map, coarse: list[Map]) -> Map:
        """The features that fine sites get from the hyper-latents and all coarse groups."""
        sites = grid(self.h, self.w)
        windows = [p for offset in WINDOW for m in coarse for p in at_offsets(m, sites, (offset,))]
        x = np.concatenate([*at_offsets(hyper, sites, HERE), *windows], 1)
        t = self._hidden("lift2", self._hidden("lift1", x))
        return self._quadrants(t, (self.h, self.w), size=(2 * self.h, 2 * self.w))

    def _quadrants(self, t: Map, sites: tuple[int, int], *, size: tuple[int, int]) -> Map:
        """Results of `rows x columns` sites, of four quadrants each -> a map of `size` `(h, w)`."""
        rows, columns = sites
        h, w = size
        t = t.reshape(rows, columns, 2, 2, -1).swapaxes(1, 2).reshape(2 * rows, 2 * columns, -1)
        m = bordered(h, w, channels=t.shape[-1])
        inside(m)[:] = t[:h, :w]
        return m

    def _group(
        self,
        decoder: SymbolDecoder,
        g: int,
        *,
        known: list[Map],
        features: Map,
        latents: Ints,
        base: Ints,
    ) -> None:
        """The passes of a group: fills `latents (rows, columns, n)` and the map of its `features`.

        known: maps of features of the hyper-latents and of the groups before it.
        """
        cfg, before = self.cfg, known[1:]
        rows, columns = latents.shape[:2]
        all_sites = grid(rows, columns)
        one_pass = bool(cfg.one_pass) and g >= cfg.one_pass
        for number, sites_pass in enumerate(passes(cfg, g)):
            mask = sites_pass.includes(*(i.astype(np.int32) for i in all_sites))
            sites = all_sites[0][mask], all_sites[1][mask]
            if not len(sites[0]):
                continue
            parts = [part for m in known for part in at_offsets(m, sites, HERE)]
            if before and one_pass:
                parts.append(np.floor((sum(at_offsets(before[-1], sites, DIRECT)) + 2) / 4))
            elif before:
                parts += at_offsets(before[-1], sites, DIRECT)
            if number and not one_pass:  # in the first pass nothing of the group is known
                offsets = DIRECT if g else DIRECT + DIAGONAL
                parts += at_offsets(features, sites, offsets, distance=sites_pass.distance)
            t = self._hidden(f"{sites_pass.net}.fc1", np.concatenate(parts, 1))
            t = self._hidden(f"{sites_pass.net}.fc2", t)
            mean, index = np.split(self._scaled(f"{sites_pass.net}.out", t), 2, 1)
            index = np.clip((index + base) >> 4, 0, 63).astype(np.uint8)
            symbols, tables = decoder.decode_chains(index.ravel())
            distances = self.model.points.of(symbols, tables).reshape(index.shape)
            v = distances + np.clip(mean, -MEAN_LIMIT, MEAN_LIMIT)
            latents[sites] = v
            feature = self.model.feature[np.minimum(np.abs(v), len(self.model.feature) - 1)]
            if g < cfg.signed_groups:
                feature = np.concatenate([np.where(v < 0, -feature, feature), feature], 1)
            inside(features)[sites] = feature
