"""Blocks of a picture coded without latents. Only encoding loads torch.

Screens, text and drawings have few colours and clean edges. A palette in a lossless WebP file holds
them in a fraction of the bytes that latents take. At low rates, and for pictures that were JPEGs
once, AV1 takes fewer still. All codings are compared by their cost in bits: bits + lambda * squared
error.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from tccodec.picture import av1
from tccodec.picture.blocks import AV1, Mask, pixel_mask
from tccodec.picture.embedded import PNG, WEBP, WEBP_SIDE, embed
from tccodec.picture.types import Pixels

COLOURS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
QUALITIES = (0, 3, 6, 10, 15, 20, 26, 32, 40, 48, 56, 64, 72, 80, 85, 90, 94, 97, 100)  # of AV1
_SPEEDS = {1: 6, 2: 4, 3: 3, 4: 2}  # of AV1, by effort; 1 for higher efforts
TRIAL_SPEED, FAST_TRIAL_SPEED = 6, 9  # of AV1, during the search for its quality
NEARLY = 0.95  # share of the allowed errors from which on the search for a quality ends
_POWERS = 0.6, 1.5  # AV1's bytes fall at least and at most with this power of its errors
_ERROR_STEP = 0.06  # one step of AV1's quality lowers the logarithm of its errors by about this
LARGE = 2_000_000  # pixels above which AV1 is two speeds faster: speed 4 takes seven times as long
_LOSSLESS_GAIN = 0.9  # a lossless coding may take a tenth more bytes
# After a trial, another quality and a slower speed lower AV1's cost at most by the first factor.
# The slower speed alone lowers a photograph's bytes, usually by 2 to 4 %, at most by the second.
_TRIAL_GAIN, _SPEED_GAIN = 0.8, 0.95
_FAST_ERROR = 0.88  # error of a photograph at `TRIAL_SPEED`, relative to `FAST_TRIAL_SPEED`
_FORBIDDEN = 100.0  # weight of the errors above the allowed ones
_SAMPLE = 1 << 17  # pixels from which a palette is made


def visible_error(one: Pixels, other: Pixels) -> float:
    """`distortion.visible_error`; decoders import this module where torch is not installed."""
    from tccodec.coding import distortion

    return distortion.visible_error(one, other)


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors of a decoded picture.

    squared: the sum of squares. structural: `distortion.visible_error`.
    """

    squared: int
    structural: float

    @classmethod
    def of(cls, decoded: Pixels, source: Pixels) -> Errors:
        """The errors of `decoded`, uint8 `(H, W, 3)` as `source`."""
        return cls(squared_error(source, decoded), visible_error(decoded, source))

    def relative_to(self, other: Errors) -> float:
        """The mean of both errors, each divided by that of another picture; 0 / 0 is 0."""
        pairs = (self.squared, other.squared), (self.structural, other.structural)
        return sum(mine / max(theirs, 1e-9) for mine, theirs in pairs) / 2


@dataclass(frozen=True, slots=True)
class CodedBlocks:
    """The blocks of a mask, coded in one way.

    level: the quality of AV1, or the number of colours of a palette, 0 for all. error: the sum of
    squared errors over all samples of the blocks.
    """

    method: int
    level: int
    file: bytes
    error: int

    def cost(self, lam: float) -> float:
        """Bits + lambda * squared error, the mean over the three samples of each pixel."""
        gain = 1.0 if self.error else _LOSSLESS_GAIN
        return 8 * len(self.file) * gain + lam * self.error / 3


def are_neighbours(one: CodedBlocks, other: CodedBlocks, *, every_quality: bool) -> bool:
    """Whether no level is tried between those of two codings.

    every_quality: of AV1, all are tried, not only `QUALITIES`.
    """
    if one.method != other.method:
        return False
    av1_levels = range(101) if every_quality else QUALITIES
    levels = list(av1_levels) if one.method == AV1 else [*COLOURS, 0]
    return abs(levels.index(one.level) - levels.index(other.level)) <= 1


def takes_av1(rgb: Pixels) -> bool:
    """Whether there is an encoder for AV1, and a picture is not too large for it."""
    return av1.available() and max(rgb.shape[:2]) <= av1.SIDE


def speed_of(effort: int, pixels: int) -> int:
    """The speed of AV1 at an effort, for a picture of so many pixels."""
    speed = _SPEEDS.get(effort, 1)
    return faster(speed) if pixels > LARGE else speed


def faster(speed: int) -> int:
    """Two speeds of AV1 faster, but none above that of trials."""
    return min(speed + 2, TRIAL_SPEED)


class BlockCoder:
    """The blocks of one mask, coded in the ways that are asked for, each once.

    speed: of AV1. has_av1: whether AV1 may be among the ways.
    """

    def __init__(
        self, rgb: Pixels, mask: Mask, *, grey: bool, speed: int, has_av1: bool = True
    ) -> None:
        height, width = rgb.shape[:2]
        self.mask, self.grey, self.speed, self.has_av1 = mask, grey, speed, has_av1
        self._trial = max(speed, TRIAL_SPEED)
        self._inside = pixel_mask(mask, width=width, height=height)
        self.source = rgb
        self._palettes: dict[int, CodedBlocks] = {}  # by number of colours
        self._av1: dict[tuple[int, int], CodedBlocks] = {}  # by quality and speed
        self._structural: dict[tuple[int, int], float] = {}  # of AV1, by the same

    def best(self, lam: float) -> CodedBlocks:
        """The coding of least cost."""
        few = [n for n in COLOURS if n < len(self._colours[0])]
        palettes = [*few, 0]
        at = _least(lambda i: self.palette(palettes[i]).cost(lam), len(palettes), start=_start(lam))
        palette = self.palette(palettes[at])
        other = self.best_av1(lam, max_cost=palette.cost(lam))
        return other if other and other.cost(lam) < palette.cost(lam) else palette

    def recode(self, coded: CodedBlocks) -> CodedBlocks | None:
        """This coder's blocks by the method and level of `coded`; None if that is not possible."""
        if coded.method != AV1:
            return self.palette(coded.level)
        return self.av1(coded.level, self.speed) if self.has_av1 else None

    def best_av1(self, lam: float, *, max_cost: float) -> CodedBlocks | None:
        """AV1 of least cost; None if it may not be used or will not cost less than `max_cost`."""
        if not self.has_av1:
            return None

        def trial(index: int) -> float:
            return self.av1(QUALITIES[index], self._trial).cost(lam)

        at = _start_av1(lam)
        if _TRIAL_GAIN * trial(at) < max_cost:
            at = _least(trial, len(QUALITIES), start=at)
        return self.av1(QUALITIES[at], self.speed) if _TRIAL_GAIN * trial(at) < max_cost else None

    def av1_at_once(self, lam: float, *, max_cost: float, max_error: int) -> CodedBlocks | None:
        """AV1 that costs least of those with a squared error of at most `max_error`.

        Found at a very fast speed. None if it does not cost less than `max_cost`.
        """
        speed = max(self.speed, FAST_TRIAL_SPEED)

        def trial(step: int, index: int) -> float:
            coded = self.av1(step * index, speed)
            excess = max(0.0, _FAST_ERROR * coded.error - max_error)
            return coded.cost(lam) + _FORBIDDEN * lam * excess

        quality = QUALITIES[_start_av1(lam)]
        for step in (8, 4, 2, 1):
            cost = functools.partial(trial, step)
            quality = step * _least(cost, 100 // step + 1, start=quality // step)
        if _TRIAL_GAIN * self.av1(quality, speed).cost(lam) >= max_cost:
            return None
        coded = self.av1(quality, self.speed)
        return coded if coded.cost(lam) < max_cost else None

    def av1_like(self, errors: Errors, lam: float, *, max_bytes: float) -> CodedBlocks | None:
        """AV1 of the whole picture that looks as good as what has `errors`.

        Found at a fast speed, beginning at the quality for `lam`. None if it needs `max_bytes` or
        more.
        """
        if max_bytes <= 0:
            return None
        low, high = -1, 101  # not good enough, good enough
        quality = QUALITIES[_start_av1(lam)]
        while high - low > 1:
            ratio = max(self._errors(quality, self._trial).relative_to(errors), 1e-9)
            expected = len(self.av1(quality, self._trial).file) * min(ratio**k for k in _POWERS)
            if _SPEED_GAIN * expected >= max_bytes:
                return None
            low, high = (quality, high) if ratio > 1 else (low, quality)
            if NEARLY < ratio <= 1:
                break
            step = round(math.log(ratio) / _ERROR_STEP)
            quality = max(low + 1, min(quality + step, high - 1))
        coded = self.av1(high, self.speed) if high <= 100 else None
        return coded if coded and len(coded.file) < max_bytes else None

    def _errors(self, quality: int, speed: int) -> Errors:
        coded = self.av1(quality, speed)
        if (quality, speed) not in self._structural:
            height, width = self.source.shape[:2]
            decoded = av1.decode(coded.file, width=width, height=height)
            self._structural[quality, speed] = visible_error(decoded, self.source)
        return Errors(coded.error, self._structural[quality, speed])

    def palette(self, count: int) -> CodedBlocks:
        """A lossless file of the picture in `count` colours; 0: of the picture as it is."""
        if count not in self._palettes:
            rgb = self._background
            if count:
                sample = Image.fromarray(self._sample)
                made = sample.quantize(
                    count, Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE
                )
                palette = np.array(made.getpalette(), np.uint8).reshape(-1, 3)
                values, _, where = self._colours
                rgb = rgb.copy()
                rgb[self._inside] = palette[_nearest(values, palette)][where]
            method = WEBP if max(rgb.shape[:2]) <= WEBP_SIDE else PNG
            file = embed(Image.fromarray(rgb), method, quality=75)[1:]
            self._palettes[count] = self._made(method, count, file=file, decoded=rgb)
        return self._palettes[count]

    def av1(self, quality: int, speed: int) -> CodedBlocks:
        """AV1 of libavif's `quality` and `speed`."""
        if (quality, speed) not in self._av1:
            rgb = self._background
            file = av1.encode(rgb, quality=quality, speed=speed, grey=self.grey)
            decoded = av1.decode(file, width=rgb.shape[1], height=rgb.shape[0])
            self._av1[quality, speed] = self._made(AV1, quality, file=file, decoded=decoded)
        return self._av1[quality, speed]

    def _made(self, method: int, level: int, *, file: bytes, decoded: Pixels) -> CodedBlocks:
        inside = None if self.mask.all() else self._inside
        return CodedBlocks(method, level, file, squared_error(self.source, decoded, inside))

    @functools.cached_property
    def _colours(self) -> tuple[Pixels, npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Colours `(U, 3)` of the blocks, how often each occurs, and each pixel's `(N,)`."""
        wide = self.source[self._inside].astype(np.uint32)
        packed = wide[:, 0] << 16 | wide[:, 1] << 8 | wide[:, 2]
        values, where, counts = np.unique(packed, return_inverse=True, return_counts=True)
        parts = np.stack([values >> 16, values >> 8 & 255, values & 255], 1)
        return parts.astype(np.uint8), counts, where

    @functools.cached_property
    def _background(self) -> Pixels:
        """The picture, with the mask's most frequent colour in all blocks outside the mask."""
        if self.mask.all():
            return self.source
        values, counts, _ = self._colours
        rgb: Pixels = np.where(self._inside[..., None], self.source, values[counts.argmax()])
        return rgb

    @functools.cached_property
    def _sample(self) -> Pixels:
        """Pixels of the blocks, evenly taken, as a picture one pixel wide."""
        pixels = self.source[self._inside]
        return pixels[:: -(-len(pixels) // _SAMPLE), None]


def squared_error(one: Pixels, other: Pixels, inside: Mask | None = None) -> int:
    """Sum of squared differences of uint8 `(H, W, ...)`; `inside`: at these pixels `(H, W)` only.

    In strips, to save memory; the integers make it exact.
    """
    total = 0
    for top in range(0, len(one), 256):
        strip = slice(top, top + 256)
        difference = one[strip].astype(np.int32) - other[strip]
        if inside is not None:
            difference *= inside[strip][..., None]  # faster than to index them
        total += int(np.square(difference).sum(dtype=np.int64))
    return total


def _nearest(values: Pixels, palette: Pixels) -> npt.NDArray[np.intp]:
    """For each of `(U, 3)` the index of the nearest of `(K, 3)`."""
    wide, nearest = palette.astype(np.float32), []
    for at in range(0, len(values), 1 << 14):
        part = values[at : at + (1 << 14)].astype(np.float32)
        # The squared distance less that of the value from zero, which changes no minimum.
        distance = np.square(wide).sum(1) - 2 * part @ wide.T
        nearest.append(distance.argmin(1))
    return np.concatenate(nearest)


def _start(lam: float) -> int:
    """The index in `COLOURS` where the search begins: about the best one for screens.

    `COLOURS` and `QUALITIES` are both about logarithmic in the error.
    """
    return round(8 + 4.5 * (math.log10(lam) + 1.73))


def _start_av1(lam: float) -> int:
    """The index in `QUALITIES` where the search begins."""
    return max(0, min(_start(lam) + 1, len(QUALITIES) - 1))


def _least(cost: Callable[[int], float], count: int, *, start: int) -> int:
    """The index, below `count`, of a local minimum of `cost`: downhill from `start`."""
    best = first = max(0, min(start, count - 1))
    for step in (1, -1):
        while 0 <= best + step < count and cost(best + step) < cost(best):
            best += step
        if best != first:
            break
    return best
