"""Mode decision: latents, blocks without latents, or both, for one picture at one setting.

As in a video encoder, each mode is tried and the one of least Lagrangian cost is taken:
bits + lambda * squared error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from tccodec.coding.block_coder import (
    LARGE,
    TRIAL_SPEED,
    BlockCoder,
    CodedBlocks,
    Errors,
    are_neighbours,
    faster,
    speed_of,
    squared_error,
    takes_av1,
)
from tccodec.coding.coded import CodedPicture
from tccodec.coding.drawn import clean_share, drawn_blocks, filled
from tccodec.coding.effort import Tune
from tccodec.container import MAX_SETTING, Section, Setting, Tag, make_section, tile_box
from tccodec.container.blocks import BLOCK, METHODS, block_grid
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
class Mode:
    """One way to code a picture, at one setting.

    rgb: the pixels to code as latents; None if there are none. mask: the blocks that are coded
    without latents, as `coded`; None if there are none. latents: `rgb` coded at the default effort,
    if modes were compared.
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
        """The share of the picture that is coded without latents, 0 .. 1."""
        return 0.0 if self.mask is None else float(self.mask.mean())

    @property
    def method(self) -> str:
        """The format of the blocks that are not latents; "" if there are none, or if exact."""
        return METHODS[self.coded.method] if self.coded and not self.exact else ""

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
        """`coded` with empty payloads where blocks without latents cover a tile group."""
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
class Candidate:
    """Blocks that may be coded without latents.

    alone: there are no latents beside them, so the mask is full. photograph: only AV1 is tried. It
    is taken where it looks as good as latents in fewer bytes, or, at high settings, where it costs
    less at no larger error. since: the setting from which on that is tried; if it is not 0, AV1
    runs faster, so that a little more quality does not take many times as long.
    """

    mask: Mask
    alone: bool = False
    photograph: bool = False
    since: int = 0

    def coder(self, rgb: Pixels, *, grey: bool, speed: int, has_av1: bool) -> BlockCoder:
        """A coder for these blocks of uint8 `rgb (H, W, 3)`. speed: of AV1, if `since` is 0."""
        speed = faster(speed) if self.since else speed
        return BlockCoder(rgb, self.mask, grey=grey, speed=speed, has_av1=has_av1)


class ModeDecision:
    """The modes for one picture, compared at each setting by their cost in bits.

    lossy: latents only. screen: no latents at all. Without these two:

    - where blocks look drawn, either these or all blocks may do without latents; all of them by AV1
      only, unless a quarter of them or the picture as a whole looks drawn;
    - photographs may be coded by AV1: those with clean edges, and at high settings all, up to 24
      megapixels and to AV1's largest side;
    - everything else is coded as latents.

    A large picture is coded in the mode that costs least for a sample of it.
    """

    def __init__(
        self,
        core: NeuralCodec,
        picture: Picture,
        *,
        lossy: bool,
        screen: bool,
        effort: int,
        tune: Tune,
    ) -> None:
        self.core, self.picture, self.lossy = core, picture, lossy
        rgb, pixels = picture.rgb, picture.width * picture.height
        everything = np.ones(block_grid(picture.width, picture.height), np.bool_)
        drawn = everything if screen else np.zeros_like(everything) if lossy else drawn_blocks(rgb)
        candidates: list[Candidate] = []
        has_av1 = takes_av1(rgb)
        if drawn.mean() >= _MOSTLY or (not lossy and looks_drawn(rgb)):
            candidates.append(Candidate(everything, alone=True))
        elif not lossy and has_av1 and pixels <= _LARGEST:
            since = 0 if drawn.any() or clean_share(rgb) >= _CLEAN else _HIGH
            candidates.append(Candidate(everything, alone=True, photograph=True, since=since))
        if drawn.any() and not drawn.all():
            candidates.append(Candidate(drawn))
        for_blocks = repeat_over_hidden(picture) if candidates else rgb
        self._photograph = any(candidate.photograph for candidate in candidates)
        self._whole = Comparison(
            core,
            rgb,
            for_blocks,
            candidates,
            grey=picture.grey,
            speed=speed_of(effort, pixels),
            latents=not screen,
            has_av1=has_av1,
            tune=tune,
        )
        self._sample = self._whole.sampled() if candidates and pixels > LARGE else None
        self._modes: dict[Setting, Mode] = {}

    def at(self, setting: Setting) -> Mode:
        """The mode of least cost at a setting."""
        if setting not in self._modes:
            mode = self._like_sample(setting) if self._sample else None
            self._modes[setting] = mode or self._whole.best(setting)[1]
        return self._modes[setting]

    def adjacent(self, low: Setting, high: Setting) -> bool:
        """Whether the files at two settings have no latents, and neighbouring levels.

        A setting between them gives one of the two files, but for rare exceptions.
        """
        one, other = self.at(low), self.at(high)
        if one.rgb is not None or other.rgb is not None or not (one.coded and other.coded):
            return False
        return are_neighbours(one.coded, other.coded, every_quality=self._photograph)

    def _like_sample(self, setting: Setting) -> Mode | None:
        """The best mode for the sample, for the whole picture.

        None if it costs much more than expected, or cannot be done to the whole picture.
        """
        assert self._sample
        candidate, best = self._sample.best(setting)
        if candidate is None or best.coded is None:
            return Mode(self.picture.rgb)
        coded = self._whole.recode(candidate, best.coded)
        if coded is None:
            return None
        if not self._whole.candidates[candidate].photograph:
            lam = _lam(self.core, setting)
            expected = (
                best.coded.cost(lam) * self._whole.area(candidate) / self._sample.area(candidate)
            )
            if coded.cost(lam) > _SURPRISE * expected:
                return None
        return self._whole.mode(candidate, coded)


class Comparison:
    """Compares the modes for uint8 `rgb (H, W, 3)`.

    for_blocks: the same picture for what is coded without latents; it differs where a pixel is
    fully transparent. candidates: the blocks that may do so. speed: of AV1. latents: whether
    latents alone are a mode. has_av1: whether AV1 takes the whole picture. tune: what errors of
    latents count.
    """

    def __init__(
        self,
        core: NeuralCodec,
        rgb: Pixels,
        for_blocks: Pixels,
        candidates: Sequence[Candidate],
        *,
        grey: bool,
        speed: int,
        latents: bool,
        has_av1: bool,
        tune: Tune,
    ) -> None:
        self._core, self._rgb, self._grey, self._latents = core, rgb, grey, latents
        self._for_blocks, self.candidates, self._tune = for_blocks, candidates, tune
        self._has_av1 = has_av1
        self._coders = [
            candidate.coder(for_blocks, grey=grey, speed=speed, has_av1=has_av1)
            for candidate in candidates
        ]
        self._backgrounds: dict[int, Pixels] = {}

    def sampled(self) -> Comparison | None:
        """The same comparison of a sample; None if a candidate has no blocks in it."""
        height, width = self._rgb.shape[:2]
        rgb = sampled(self._rgb, width=width, height=height)
        for_blocks = sampled(self._for_blocks, width=width, height=height)
        candidates = [
            replace(candidate, mask=sampled(candidate.mask, width=width, height=height))
            for candidate in self.candidates
        ]
        if not all(candidate.mask.any() for candidate in candidates):
            return None
        return Comparison(
            self._core,
            rgb,
            for_blocks,
            candidates,
            grey=self._grey,
            speed=TRIAL_SPEED,
            latents=self._latents,
            has_av1=self._has_av1,
            tune=self._tune,
        )

    def area(self, candidate: int) -> int:
        """Pixels in the blocks of a candidate."""
        height, width = self._rgb.shape[:2]
        return int(pixel_mask(self.candidates[candidate].mask, width=width, height=height).sum())

    def recode(self, candidate: int, coded: CodedBlocks) -> CodedBlocks | None:
        """A candidate's blocks by the method and level of others; None if that is not possible."""
        return self._coders[candidate].recode(coded)

    def mode(self, candidate: int, coded: CodedBlocks) -> Mode:
        """The mode with these blocks."""
        mask = self.candidates[candidate].mask
        if self.candidates[candidate].alone:
            return Mode(None, mask, coded)
        if candidate not in self._backgrounds:
            self._backgrounds[candidate] = filled(self._rgb, mask)
        return Mode(self._backgrounds[candidate], mask, coded)

    def best(self, setting: Setting) -> tuple[int | None, Mode]:
        """The mode of least cost at a setting, and its candidate; None if it is latents alone."""
        tried = [
            index for index, candidate in enumerate(self.candidates) if setting >= candidate.since
        ]
        if not tried:
            return None, Mode(self._rgb)
        lam = _lam(self._core, setting)
        modes: list[tuple[int | None, Mode]] = [
            (index, self.mode(index, self._coders[index].best(lam)))
            for index in tried
            if not self.candidates[index].photograph
        ]
        if self._latents:
            modes.append((None, Mode(self._rgb)))
        photograph = next((index for index in tried if self.candidates[index].photograph), None)
        least, best, shown = math.inf, modes[0], self._rgb
        for candidate, mode in modes:
            cost = mode.coded.cost(lam) if mode.coded else 0.0
            if mode.rgb is not None:
                latents = mode.visible(self._core.encode(mode.rgb, setting, tune=self._tune))
                mode = replace(mode, latents=latents)
                cost += 8 * sum(len(payload) for payload in latents.payloads)
                if cost < least or photograph is not None:  # else there is no need to decode
                    shown = self._core.decode(latents)
                    cost += lam * squared_error(self._rgb, shown, self._outside(mode)) / 3
            if cost < least:
                least, best = cost, (candidate, mode)
        if photograph is not None:
            coded = self._as_photograph(photograph, setting, max_cost=least, by_latents=shown)
            if coded:
                best = photograph, self.mode(photograph, coded)
        return best

    def _as_photograph(
        self, candidate: int, setting: Setting, *, max_cost: float, by_latents: Pixels
    ) -> CodedBlocks | None:
        """AV1 of the whole picture, if it is better than latents, which show `by_latents`.

        None if it is not, or if it costs `max_cost` or more.
        """
        lam, coder = _lam(self._core, setting), self._coders[candidate]
        if setting >= _HIGH:
            max_error = squared_error(self._rgb, by_latents)
            return coder.av1_at_once(lam, max_cost=max_cost, max_error=max_error)
        errors = Errors.of(by_latents, self._rgb)
        max_bytes = (max_cost - lam * errors.squared / 3) / 8
        return coder.av1_like(errors, lam, max_bytes=max_bytes)

    def _outside(self, mode: Mode) -> Mask | None:
        """The pixels that latents show; None if they are all."""
        height, width = self._rgb.shape[:2]
        return None if mode.mask is None else ~pixel_mask(mode.mask, width=width, height=height)


def _lam(core: NeuralCodec, setting: Setting) -> float:
    """Lambda at a setting, in mode decision."""
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
