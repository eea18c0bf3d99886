"""Tile groups: where they are in a picture, and their latents <-> their payloads."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from tccodec.coding.coded import CodedPicture
from tccodec.coding.devices import place
from tccodec.coding.requests import Progress
from tccodec.coding.visibility import ErrorWeights
from tccodec.config import ModelConfig
from tccodec.container import TILE_SIDE, Setting
from tccodec.entropy.hyper import HyperAnalysis
from tccodec.entropy.integer import CodedPasses, IntegerEntropy
from tccodec.errors import BadModel
from tccodec.model.weights import part_of
from tccodec.transform.reach import Span
from tccodec.transform.rows import Rows, regrouped

TILE_LATENTS = TILE_SIDE // 32  # latents per side of a tile group


class Tile(NamedTuple):
    """The place of a tile group in its picture, in latents."""

    y: int
    x: int
    h: int
    w: int


def tiles(width: int, height: int) -> list[Tile]:
    """The tile groups of a picture of `width x height` pixels, in raster order."""
    h, w = -(-height // 32), -(-width // 32)
    return [
        Tile(y, x, min(TILE_LATENTS, h - y), min(TILE_LATENTS, w - x))
        for y in range(0, h, TILE_LATENTS)
        for x in range(0, w, TILE_LATENTS)
    ]


class TileCoder:
    """The entropy path of a model, on the CPU: latents of tile groups <-> payloads."""

    def __init__(
        self, cfg: ModelConfig, tensors: dict[str, Tensor], *, precision: torch.dtype
    ) -> None:
        self.cfg = cfg
        with torch.random.fork_rng(devices=[]):  # initial values are drawn
            self.hyper = HyperAnalysis(cfg).float()
        self.hyper.load_state_dict(part_of(tensors, "hyper"))
        place(self.hyper, torch.device("cpu"), precision)
        self.entropy = IntegerEntropy(cfg, part_of(tensors, "int"))

    def encode(
        self, v: Tensor, setting: Setting, *, knot_weights: Tensor, weights: ErrorWeights | None
    ) -> tuple[bytes, CodedPasses]:
        """Latents of a tile group in steps `(h, w, C)` -> its payload and passes.

        `knot_weights (1, knots)` at `setting`. weights: what errors cost; None rounds to the
        nearest. `BadModel` for latents or hyper-latents that are not finite.
        """
        with torch.inference_mode():
            z = self.hyper(v[None], knot_weights)[0]
        if not (v.isfinite().all() and z.isfinite().all()):
            raise BadModel("the model's weights lead to numbers that are not finite")
        v = v.contiguous()
        if weights is None:
            return self.entropy.encode(v, z, setting)
        weight, sites = weights.channels, weights.by_site(v)
        return self.entropy.encode(v, z, setting, weight=weight, sites=sites)

    def encode_rows(
        self, rows: Rows, setting: Setting, *, knot_weights: Tensor, weights: ErrorWeights | None
    ) -> Iterator[tuple[bytes, CodedPasses]]:
        """Latents in steps `(1, r, w, C)` in pieces -> payload and passes of each tile group.

        The arguments and errors are those of `encode`.
        """
        regular = regrouped(rows, TILE_LATENTS)
        tile_rows = (row for x, _ in regular for row in torch.split(x[0], TILE_LATENTS))
        for row in tile_rows:
            for tile in torch.split(row, TILE_LATENTS, 1):
                yield self.encode(tile, setting, knot_weights=knot_weights, weights=weights)

    def decode_rows(
        self,
        coded: CodedPicture,
        *,
        rows: Span | None = None,
        columns: Span | None = None,
        groups: int | None = None,
        progress: Progress | None = None,
    ) -> Rows:
        """Decode latents in sixteenths of a step, int32 `(1, r, w, c)`, a row of tile groups each.

        Only `rows` and `columns` of latents, and only the first `groups`, all by default. c covers
        the groups up to the last one present in any tile group of the file (0 if none is).
        `BadFile` if one of the tile groups that are decoded is damaged, or if any names groups that
        the model does not have.
        """
        places = tiles(coded.width, coded.height)
        payloads = list(itertools.chain(*coded.tile_rows()))
        present = max(self.entropy.present(p)[0].bit_length() for p in payloads)
        count = min(present, groups or present)
        channels = sum(self.cfg.groups[:count])
        y0, y1 = rows or (0, -(-coded.height // 32))
        x0, x1 = columns or (0, -(-coded.width // 32))
        wanted = [
            (*tile, payload)
            for tile, payload in zip(places, payloads, strict=True)
            if tile.y < y1 and tile.y + tile.h > y0 and tile.x < x1 and tile.x + tile.w > x0
        ]
        done = 0
        for y, row in itertools.groupby(wanted, key=lambda t: t[0]):
            parts = []
            for _, x, h, w, payload in row:
                decoded = self.entropy.decode(payload, coded.setting, h=h, w=w, groups=groups)
                part = torch.cat(decoded, -1)[:, :channels].view(1, h, w, channels)
                parts.append(part[:, max(y0 - y, 0) : y1 - y, max(x0 - x, 0) : x1 - x])
                done += 1
                if progress:
                    progress(done / len(wanted))
            yield torch.cat(parts, 2), done == len(wanted)
