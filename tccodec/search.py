"""From a target (quality, bit rate, size, PSNR) to a setting of a file.

Bytes rise with quality, nearly straight on a logarithmic scale, and so does PSNR; each look at
a setting costs an encode. So: a bracket, the secant inside it, bisection when the secant
creeps, and everything seen is remembered. Three to five encodes hit a target.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tccodec.container.layout import MAX_QUALITY
from tccodec.errors import BadOption, BadTarget
from tccodec.quality import to_setting

Kind = Literal["quality", "bpp", "size", "psnr"]
DEFAULT_QUALITY = 50.0
_RANGES: dict[Kind, tuple[float, float, str]] = {
    "quality": (0.0, 100.0, "from 0 to 100"),
    "bpp": (1e-4, 1e3, "a positive number of bits per pixel"),
    "size": (1.0, 2.0**40, "a positive number of bytes"),
    "psnr": (1.0, 100.0, "from 1 to 100 dB"),
}
_SLOPE_BYTES = 0.0045  # natural logarithm of bytes per step, a first guess
_SLOPE_PSNR = 0.018  # dB per step
_CLOSE_BYTES, _MISS_BYTES = math.log(1.005), math.log(1.02)  # stop looking; call it a miss
_CLOSE_PSNR, _MISS_PSNR = 0.03, 0.1


@dataclass(frozen=True, slots=True)
class Target:
    """What to aim at. quality: 0 .. 100; bpp: of the whole file; size: bytes; psnr: dB."""

    kind: Kind
    value: float

    @classmethod
    def of(
        cls,
        *,
        quality: float | None = None,
        bpp: float | None = None,
        size: float | None = None,
        psnr: float | None = None,
    ) -> Target:
        """The one that is given, quality 50 if none is; `BadOption` for two or out of range."""
        given: list[tuple[Kind, float | None]] = [
            ("quality", quality),
            ("bpp", bpp),
            ("size", size),
            ("psnr", psnr),
        ]
        chosen = [(kind, value) for kind, value in given if value is not None]
        if len(chosen) > 1:
            names = " and ".join(kind for kind, _ in chosen)
            raise BadOption(f"only one target at a time: not {names} together")
        kind, value = chosen[0] if chosen else ("quality", DEFAULT_QUALITY)
        low, high, words = _RANGES[kind]
        if not low <= value <= high:  # false for NaN too
            raise BadOption(f"{kind} must be {words}, not {value:g}")
        return cls(kind, float(value))

    def room(self, pixels: int) -> float | None:
        """Bytes that a file may have, of a target that says so."""
        rooms = {"size": self.value, "bpp": self.value * pixels / 8}
        return rooms.get(self.kind)

    @property
    def setting(self) -> int:
        """The setting that a file stores, of a target of kind quality."""
        return to_setting(self.value)


def find_size(measure: Callable[[int], int], goal: float, *, start: int | None = None) -> int:
    """Setting whose file is as large as possible, but never above `goal` bytes.

    `measure` gives the bytes at a quality, `start` is a first guess. Raises `BadTarget` when
    quality 0 is above the goal; a picture that stays below it even at 100 is coded at 100.
    """
    close = (_CLOSE_BYTES, 0.0)
    aim = math.log(goal)
    seen = _search(
        lambda q: math.log(measure(q)), aim, slope=_SLOPE_BYTES, close=close, start=start
    )
    fitting = [q for q, value in seen.items() if value <= math.log(goal)]
    if not fitting:
        least = measure(min(seen))
        raise BadTarget(f"the picture takes at least {least} bytes, more than the {goal:.0f} asked")
    return max(fitting, key=lambda q: (seen[q], -q))


def find_bpp(
    measure: Callable[[int], int], goal: float, *, pixels: int, start: int | None = None
) -> int:
    """Setting that is nearest to `goal` bits per pixel of the whole file.

    Raises `BadTarget` when the nearest is more than 2 % off.
    """
    aim = math.log(goal * pixels / 8)
    close = (_CLOSE_BYTES, _CLOSE_BYTES)
    seen = _search(
        lambda q: math.log(measure(q)), aim, slope=_SLOPE_BYTES, close=close, start=start
    )
    best = min(seen, key=lambda q: abs(seen[q] - aim))
    if abs(seen[best] - aim) > _MISS_BYTES:
        raise BadTarget(
            _miss({q: math.exp(v) * 8 / pixels for q, v in seen.items()}, goal, unit="bpp")
        )
    return best


def find_psnr(measure: Callable[[int], float], goal: float, *, start: int | None = None) -> int:
    """Setting whose PSNR (`measure`, dB) is nearest to `goal`.

    Raises `BadTarget` when the nearest is more than 0.1 dB off.
    """
    seen = _search(measure, goal, slope=_SLOPE_PSNR, close=(_CLOSE_PSNR, _CLOSE_PSNR), start=start)
    best = min(seen, key=lambda q: abs(seen[q] - goal))
    if abs(seen[best] - goal) > _MISS_PSNR:
        raise BadTarget(_miss(seen, goal, unit="dB"))
    return best


def _search(
    measure: Callable[[int], float],
    goal: float,
    *,
    slope: float,
    close: tuple[float, float],
    start: int | None,
) -> dict[int, float]:
    """All that was measured, `{quality: value}`, until one is close or the bracket is empty.

    close: how far below and above the goal is near enough. start: the first guess.
    """
    seen: dict[int, float] = {}
    low, high = -1, MAX_QUALITY + 1  # every quality <= low is below the goal, >= high above it
    quality, creeping = MAX_QUALITY // 2 if start is None else start, 0
    while high - low > 1:
        quality = min(max(quality, low + 1), high - 1)
        value = seen[quality] = measure(quality)
        if -close[0] <= value - goal <= close[1]:
            break
        before = high - low
        if value < goal:
            low = quality
        else:
            high = quality
        # The secant may approach from one side for ever; after two small steps, bisect.
        creeping = creeping + 1 if high - low > before * 0.5 else 0
        if creeping >= 2:
            quality, creeping = (low + high) // 2, 0
        elif low in seen and high in seen and seen[high] > seen[low]:
            share = (goal - seen[low]) / (seen[high] - seen[low])
            quality = round(low + share * (high - low))
        else:
            quality += round((goal - value) / slope) or (1 if value < goal else -1)
    return seen


def _miss(seen: dict[int, float], goal: float, *, unit: str) -> str:
    """What is reachable, in a sentence."""
    below = [v for v in seen.values() if v < goal]
    above = [v for v in seen.values() if v > goal]
    if not below:
        return f"{goal:g} {unit} is out of reach: this picture has at least {min(above):.4g} {unit}"
    if not above:
        return f"{goal:g} {unit} is out of reach: this picture has at most {max(below):.4g} {unit}"
    near = f"{max(below):.4g} and {min(above):.4g} {unit}"
    return f"{goal:g} {unit} cannot be hit: the nearest are {near}"
