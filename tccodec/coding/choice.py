"""Latents, blocks coded apart, or both: the choice for one picture at one setting."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tccodec.coding.apart import LARGE, TRIAL_SPEED, Apart, Coded, squared_error
from tccodec.coding.coded import CodedPicture
from tccodec.coding.drawn import drawn_blocks, filled, has_clean_edges
from tccodec.container import Section, Setting, Tag, make_section, tile_box
from tccodec.container.blocks import BLOCK, block_grid
from tccodec.picture import Picture, Pixels, looks_drawn
from tccodec.picture.blocks import AV1, Blocks, Mask, pack_blocks, pixel_mask

if TYPE_CHECKING:
    from tccodec.coding.neural import NeuralCodec


_MOSTLY = 0.25  # share of drawn blocks from which on the whole picture may do without latents
_LARGEST = 24_000_000  # pixels of a photograph that AV1 is tried on: it takes 40 bytes for each
_SAMPLES, _SAMPLE_SIDE = 4, 256  # squares in each direction, and their pixels


@dataclass(frozen=True, slots=True)
class Way:
    """One way to code a picture.

    rgb: what the latents are made of; None if there are none. mask: the blocks that are coded
    apart, as `coded`; None if there are none. latents: `rgb` coded at the default effort, if that
    was needed to compare ways.
    """

    rgb: Pixels | None
    mask: Mask | None = None
    coded: Coded | None = None
    latents: CodedPicture | None = None

    @property
    def exact(self) -> bool:
        """Whether all pixels are stored lossless: exact AV1 is not, as conversions may differ."""
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
        blocks = Blocks(self.coded.method, self.mask, self.coded.file)
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


class Chooser:
    """The ways to code one picture, compared at each setting by their cost in bits.

    lossy: latents only. apart: no latents, all blocks apart. Else most photographs have one way.
    Where blocks look drawn, these or all may be coded apart; all by AV1 only, unless they are a
    quarter of the picture. So may photographs with many clean edges.
    """

    def __init__(
        self, core: NeuralCodec, picture: Picture, *, lossy: bool, apart: bool, effort: int
    ) -> None:
        self.core, self.picture, self.lossy = core, picture, lossy
        self._with_latents = not apart
        rgb = picture.rgb
        everything = np.ones(block_grid(picture.width, picture.height), np.bool_)
        drawn = everything if apart else np.zeros_like(everything) if lossy else drawn_blocks(rgb)
        part = functools.partial(Apart, rgb, grey=picture.grey, effort=effort)
        self._parts: list[tuple[Apart, Pixels | None]] = []
        self._photograph: Apart | None = None
        self._sample: Apart | None = None  # of the photograph, if it is large
        if drawn.mean() >= _MOSTLY or (not lossy and looks_drawn(rgb)):
            self._parts.append((part(everything), None))
        elif picture.width * picture.height <= _LARGEST and (
            drawn.any() or (not lossy and has_clean_edges(rgb))
        ):
            self._photograph = part(everything, photograph=True)
            self._parts.append((self._photograph, None))
            if picture.width * picture.height > LARGE:
                sample = _sampled(rgb)
                whole = np.ones(block_grid(sample.shape[1], sample.shape[0]), np.bool_)
                self._sample = Apart(
                    sample, whole, grey=picture.grey, effort=effort, photograph=True
                )
        if drawn.any() and not drawn.all():
            self._parts.append((part(drawn), filled(rgb, drawn)))
        self._ways: dict[Setting, Way] = {}

    def at(self, setting: Setting) -> Way:
        """The way of least cost at a setting."""
        if setting not in self._ways:
            self._ways[setting] = self._best(setting) if self._parts else Way(self.picture.rgb)
        return self._ways[setting]

    def _best(self, setting: Setting) -> Way:
        lam = self.core.cfg.lam(float(setting))
        ways: list[tuple[float, Way]] = []
        for part, rgb in self._parts:
            if self._sample and part is self._photograph:
                coded = self._by_sample(part, self._sample, setting)
            else:
                coded = part.best(lam)
            if coded:
                ways.append((coded.cost(lam), Way(rgb, part.mask, coded)))
        if self._with_latents:
            ways.append((0.0, Way(self.picture.rgb)))
        least, best = math.inf, ways[0][1]
        for cost, way in ways:
            if way.rgb is not None:
                latents = way.visible(self.core.encode(way.rgb, setting))
                way = replace(way, latents=latents)
                cost += _bits(latents)
                if cost < least:  # else there is no need to decode
                    cost += lam * self._error(way, latents) / 3
            if cost < least:
                least, best = cost, way
        return best

    def _by_sample(self, photograph: Apart, sample: Apart, setting: Setting) -> Coded | None:
        """A large photograph as AV1, at the quality that suits a sample of it.

        None if latents cost less there.
        """
        lam = self.core.cfg.lam(float(setting))
        quality = sample.av1_quality(lam)
        if quality is None:
            return None
        latents = self.core.encode(sample.source, setting)
        cost: float = _bits(latents)
        cost += lam * squared_error(sample.source, self.core.decode(latents)) / 3
        if cost <= sample.av1(quality, TRIAL_SPEED).cost(lam):
            return None
        return photograph.av1(quality, photograph.speed)

    def _error(self, way: Way, latents: CodedPicture) -> int:
        """The squared error of what the latents show."""
        outside = None
        if way.mask is not None:
            outside = ~pixel_mask(way.mask, width=latents.width, height=latents.height)
        return squared_error(self.picture.rgb, self.core.decode(latents), outside)


def _bits(latents: CodedPicture) -> int:
    return 8 * sum(len(payload) for payload in latents.payloads)


def _sampled(rgb: Pixels) -> Pixels:
    """Squares of uint8 `(H, W, 3)`, evenly taken, side by side; where it is narrow, all of it."""
    tops, lefts = (
        np.linspace(0, n - _SAMPLE_SIDE, _SAMPLES).astype(int)
        if n > _SAMPLES * _SAMPLE_SIDE
        else range(0, n, _SAMPLE_SIDE)
        for n in rgb.shape[:2]
    )
    side = _SAMPLE_SIDE
    rows = [np.concatenate([rgb[y : y + side, x : x + side] for x in lefts], 1) for y in tops]
    return np.concatenate(rows)
