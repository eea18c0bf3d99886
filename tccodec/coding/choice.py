"""Latents, blocks coded apart, or both: the choice for one picture at one setting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from tccodec.coding.apart import (
    LARGE,
    TRIAL_SPEED,
    BlockCoder,
    CodedBlocks,
    Errors,
    are_neighbours,
    faster,
    speed_of,
    squared_error,
)
from tccodec.coding.coded import CodedPicture
from tccodec.coding.drawn import clean_share, drawn_blocks, filled
from tccodec.container import MAX_SETTING, Section, Setting, Tag, make_section, tile_box
from tccodec.container.blocks import BLOCK, block_grid
from tccodec.picture import Picture, Pixels, looks_drawn
from tccodec.picture.blocks import AV1, BlocksSection, Mask, pack_blocks, pixel_mask
from tccodec.picture.hidden import repeat_over_hidden

if TYPE_CHECKING:
    from tccodec.coding.neural import NeuralCodec


Array = TypeVar("Array", Pixels, Mask)

_MOSTLY = 0.25  # share of drawn blocks from which on the whole picture may do without latents
# AV1 is tried on photographs of which this share of blocks is smooth but for edges, and from
# setting `_HIGH` on, quality 62.5, on all: docs/research/kinds.md. From `_NEAR` on lambda rises
# faster, until no error is visible. Latents never get there where there is fine detail.
_CLEAN = 0.12
_HIGH, _NEAR = 700, 900
_RISE = 1.3  # decades of lambda, from `_NEAR` to the highest setting
_LARGEST = 24_000_000  # pixels of a photograph that AV1 is tried on: it takes 40 bytes for each
_SAMPLES, _SAMPLE_SIDE = 4, 256  # squares in each direction, and their pixels, whole blocks
# From so many times the cost expected from it on, a sample does not represent the picture.
_SURPRISE = 1.3


@dataclass(frozen=True, slots=True)
class Way:
    """One way to code a picture.

    rgb: the pixels to code as latents; None if there are none. mask: the blocks that are coded
    apart, as `coded`; None if there are none. latents: `rgb` coded at the default effort, if ways
    were compared.
    """

    rgb: Pixels | None
    mask: Mask | None = None
    coded: CodedBlocks | None = None
    latents: CodedPicture | None = None

    @property
    def exact(self) -> bool:
        """Whether all pixels are stored lossless. AV1 never counts: its conversions may differ."""
        if self.rgb is not None or self.coded is None:
            return False
        return not self.coded.error and self.coded.method != AV1

    @property
    def share(self) -> float:
        """The part of the picture that is coded apart, 0 .. 1."""
        return 0.0 if self.mask is None else float(self.mask.mean())

    @property
    def sections(self) -> list[Section]:
        """The section that holds the blocks, if there are any."""
        if self.mask is None or self.coded is None:
            return []
        if self.exact:
            return [make_section(Tag.EXACT, bytes([self.coded.method]) + self.coded.file)]
        blocks = BlocksSection(self.coded.method, self.mask, self.coded.file)
        return [make_section(Tag.BLOCKS, pack_blocks(blocks))]

    def visible(self, coded: CodedPicture) -> CodedPicture:
        """`coded` with empty payloads where blocks that are coded apart cover a tile group."""
        if self.mask is None:
            return coded
        payloads = []
        for index, payload in enumerate(coded.payloads):
            left, top, right, bottom = tile_box(coded.width, coded.height, index=index)
            rows = slice(top // BLOCK, -(-bottom // BLOCK))
            columns = slice(left // BLOCK, -(-right // BLOCK))
            payloads.append(b"" if self.mask[rows, columns].all() else payload)
        return replace(coded, payloads=payloads)


@dataclass(frozen=True, slots=True)
class Part:
    """Blocks that may be coded apart.

    alone: there are no latents beside them, so the mask is full. photograph: only AV1 is tried. It
    is taken where it looks as good as latents in fewer bytes, or, at high settings, where it costs
    less at no larger error. since: the setting from which on that is tried; if it is not 0, AV1
    runs faster, so that a little more quality does not take many times as long.
    """

    mask: Mask
    alone: bool = False
    photograph: bool = False
    since: int = 0

    def coder(self, rgb: Pixels, *, grey: bool, speed: int) -> BlockCoder:
        """A coder for these blocks of uint8 `rgb (H, W, 3)`. speed: of AV1, if `since` is 0."""
        return BlockCoder(rgb, self.mask, grey=grey, speed=faster(speed) if self.since else speed)


class Chooser:
    """The ways to code one picture, compared at each setting by their cost in bits.

    lossy: latents only. apart: no latents, all blocks apart. Without these two:

    - where blocks look drawn, either these or all blocks may be coded apart; all of them by AV1
      only, unless a quarter of them or the picture as a whole looks drawn;
    - photographs may be coded by AV1: those with clean edges, and at high settings all, up to 24
      megapixels;
    - everything else is coded as latents.

    A large picture is coded in the way that costs least for a sample of it.
    """

    def __init__(
        self, core: NeuralCodec, picture: Picture, *, lossy: bool, apart: bool, effort: int
    ) -> None:
        self.core, self.picture, self.lossy = core, picture, lossy
        rgb, pixels = picture.rgb, picture.width * picture.height
        everything = np.ones(block_grid(picture.width, picture.height), np.bool_)
        drawn = everything if apart else np.zeros_like(everything) if lossy else drawn_blocks(rgb)
        parts: list[Part] = []
        if drawn.mean() >= _MOSTLY or (not lossy and looks_drawn(rgb)):
            parts.append(Part(everything, alone=True))
        elif not lossy and pixels <= _LARGEST:
            since = 0 if drawn.any() or clean_share(rgb) >= _CLEAN else _HIGH
            parts.append(Part(everything, alone=True, photograph=True, since=since))
        if drawn.any() and not drawn.all():
            parts.append(Part(drawn))
        for_blocks = repeat_over_hidden(picture) if parts else rgb
        self._photograph = any(part.photograph for part in parts)
        self._whole = Comparison(
            core,
            rgb,
            for_blocks,
            parts,
            grey=picture.grey,
            speed=speed_of(effort, pixels),
            latents=not apart,
        )
        self._sample = self._whole.sampled() if parts and pixels > LARGE else None
        self._ways: dict[Setting, Way] = {}

    def at(self, setting: Setting) -> Way:
        """The way of least cost at a setting."""
        if setting not in self._ways:
            way = self._like_sample(setting) if self._sample else None
            self._ways[setting] = way or self._whole.best(setting)[1]
        return self._ways[setting]

    def adjacent(self, low: Setting, high: Setting) -> bool:
        """Whether the files at two settings have no latents, and neighbouring levels.

        A setting between them gives one of the two files, but for rare exceptions.
        """
        one, other = self.at(low), self.at(high)
        if one.rgb is not None or other.rgb is not None or not (one.coded and other.coded):
            return False
        return are_neighbours(one.coded, other.coded, every_quality=self._photograph)

    def _like_sample(self, setting: Setting) -> Way | None:
        """The best way for the sample, for the whole picture.

        None if it costs much more than expected, or cannot be done to the whole picture.
        """
        assert self._sample
        part, best = self._sample.best(setting)
        if part is None or best.coded is None:
            return Way(self.picture.rgb)
        coded = self._whole.recode(part, best.coded)
        if coded is None:
            return None
        if not self._whole.parts[part].photograph:
            lam = _lam(self.core, setting)
            expected = best.coded.cost(lam) * self._whole.area(part) / self._sample.area(part)
            if coded.cost(lam) > _SURPRISE * expected:
                return None
        return self._whole.way(part, coded)


class Comparison:
    """Compares the ways to code uint8 `rgb (H, W, 3)`.

    apart: the same picture for what is coded apart; it differs where a pixel is fully transparent.
    parts: what may be coded apart. speed: of AV1. latents: whether latents alone are a way.
    """

    def __init__(
        self,
        core: NeuralCodec,
        rgb: Pixels,
        apart: Pixels,
        parts: Sequence[Part],
        *,
        grey: bool,
        speed: int,
        latents: bool,
    ) -> None:
        self._core, self._rgb, self._grey, self._latents = core, rgb, grey, latents
        self._picture_apart, self.parts = apart, parts
        self._coders = [part.coder(apart, grey=grey, speed=speed) for part in parts]
        self._backgrounds: dict[int, Pixels] = {}

    def sampled(self) -> Comparison | None:
        """The same comparison of a sample; None if a part has no blocks in it."""
        height, width = self._rgb.shape[:2]
        rgb = sampled(self._rgb, width=width, height=height)
        apart = sampled(self._picture_apart, width=width, height=height)
        parts = [
            replace(part, mask=sampled(part.mask, width=width, height=height))
            for part in self.parts
        ]
        if not all(part.mask.any() for part in parts):
            return None
        return Comparison(
            self._core, rgb, apart, parts, grey=self._grey, speed=TRIAL_SPEED, latents=self._latents
        )

    def area(self, part: int) -> int:
        """Pixels in the blocks of a part."""
        height, width = self._rgb.shape[:2]
        return int(pixel_mask(self.parts[part].mask, width=width, height=height).sum())

    def recode(self, part: int, coded: CodedBlocks) -> CodedBlocks | None:
        """The blocks of a part by the method and level of others; None if that is not possible."""
        return self._coders[part].recode(coded)

    def way(self, part: int, coded: CodedBlocks) -> Way:
        """The way with these blocks apart."""
        mask = self.parts[part].mask
        if self.parts[part].alone:
            return Way(None, mask, coded)
        if part not in self._backgrounds:
            self._backgrounds[part] = filled(self._rgb, mask)
        return Way(self._backgrounds[part], mask, coded)

    def best(self, setting: Setting) -> tuple[int | None, Way]:
        """The way of least cost at a setting, and its part; None if it is latents alone."""
        tried = [index for index, part in enumerate(self.parts) if setting >= part.since]
        if not tried:
            return None, Way(self._rgb)
        lam = _lam(self._core, setting)
        ways: list[tuple[int | None, Way]] = [
            (index, self.way(index, self._coders[index].best(lam)))
            for index in tried
            if not self.parts[index].photograph
        ]
        if self._latents:
            ways.append((None, Way(self._rgb)))
        photograph = next((index for index in tried if self.parts[index].photograph), None)
        least, best, shown = math.inf, ways[0], self._rgb
        for part, way in ways:
            cost = way.coded.cost(lam) if way.coded else 0.0
            if way.rgb is not None:
                latents = way.visible(self._core.encode(way.rgb, setting))
                way = replace(way, latents=latents)
                cost += 8 * sum(len(payload) for payload in latents.payloads)
                if cost < least or photograph is not None:  # else there is no need to decode
                    shown = self._core.decode(latents)
                    cost += lam * squared_error(self._rgb, shown, self._outside(way)) / 3
            if cost < least:
                least, best = cost, (part, way)
        if photograph is not None:
            coded = self._as_photograph(photograph, setting, max_cost=least, by_latents=shown)
            if coded:
                best = photograph, self.way(photograph, coded)
        return best

    def _as_photograph(
        self, part: int, setting: Setting, *, max_cost: float, by_latents: Pixels
    ) -> CodedBlocks | None:
        """AV1 of the whole picture, if it is better than latents, which show `by_latents`.

        None if it is not, or if it costs `max_cost` or more.
        """
        lam, coder = _lam(self._core, setting), self._coders[part]
        if setting >= _HIGH:
            max_error = squared_error(self._rgb, by_latents)
            return coder.av1_at_once(lam, max_cost=max_cost, max_error=max_error)
        errors = Errors.of(by_latents, self._rgb)
        max_bytes = (max_cost - lam * errors.squared / 3) / 8
        return coder.av1_like(errors, lam, max_bytes=max_bytes)

    def _outside(self, way: Way) -> Mask | None:
        """The pixels that latents show; None if they are all."""
        height, width = self._rgb.shape[:2]
        return None if way.mask is None else ~pixel_mask(way.mask, width=width, height=height)


def _lam(core: NeuralCodec, setting: Setting) -> float:
    """Lambda at a setting, in the choice."""
    rise = max(0, setting - _NEAR) / (MAX_SETTING - _NEAR)
    return core.cfg.lam(float(setting)) * 10 ** (_RISE * rise)


def _starts(length: int) -> list[int]:
    """Where the squares of a sample begin along a side of `length` pixels: where blocks do.

    They are evenly taken; a short side is covered.
    """
    if length <= _SAMPLES * _SAMPLE_SIDE:
        return list(range(0, length, _SAMPLE_SIDE))
    even = np.linspace(0, length - _SAMPLE_SIDE, _SAMPLES)
    return [int(at) // BLOCK * BLOCK for at in even]


def sampled(values: Array, *, width: int, height: int) -> Array:
    """The squares of a sample side by side, of the pixels `(H, W, ...)` of a picture or its blocks.

    width, height: of the picture, in pixels.
    """
    unit = 1 if values.shape[:2] == (height, width) else BLOCK
    side = _SAMPLE_SIDE // unit
    rows = []
    for top in _starts(height):
        strip = values[top // unit :][:side]
        squares = [strip[:, left // unit :][:, :side] for left in _starts(width)]
        rows.append(np.concatenate(squares, 1))
    return np.concatenate(rows)
