"""From a target (quality, bit rate, size, PSNR) to a setting of a file.

Bytes rise with quality, nearly straight on a logarithmic scale, and so does PSNR; each look at
a setting costs an encode. So: a bracket, the secant inside it, bisection when the secant
creeps, and everything seen is remembered. Three to five encodes hit a target.

A target is met from its good side: a file is never larger than asked, a PSNR never lower. Where a
picture cannot do that, it gets the nearest it can, and a remark says what was reached; only a
size is a promise, so only a size can be refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from tccodec.arguments import choice, number
from tccodec.coding.quality import to_setting
from tccodec.container import MAX_SETTING, Setting
from tccodec.errors import BadOption, BadTarget

# What a `Target` says: quality 0 .. 100, bits per pixel, size in bytes, or PSNR in dB.
TargetKind = Literal["quality", "bpp", "size", "psnr"]
DEFAULT_QUALITY = 50.0
_RANGES: dict[str, tuple[float, float, str]] = {
    "quality": (0.0, 100.0, "from 0 to 100"),
    "bpp": (1e-4, 1e3, "from 0.0001 to 1000 bits per pixel"),
    "size": (1.0, 2.0**40, "from 1 byte to 2**40 bytes"),
    "psnr": (1.0, 100.0, "from 1 to 100 dB"),
}
_SLOPE_BYTES = 0.0045  # natural logarithm of bytes per step, a first guess
_SLOPE_PSNR = 0.018  # dB per step
_CLOSE_BYTES, _CLOSE_PSNR = math.log(1.005), 0.05  # near enough: the search ends
_MISS_BYTES, _MISS_PSNR = math.log(1.02), 0.1  # farther away than this deserves a remark
_TOP_PSNR = 100.0  # of equal pictures it is infinite, and no search can reckon with that


@dataclass(frozen=True, slots=True)
class Target:
    """What a file is to have.

    kind: quality, bpp, size or psnr. value: the quality, 0 .. 100; the bits per pixel of the whole
    file; its size in bytes; or the PSNR in dB.
    """

    kind: TargetKind
    value: float

    def __post_init__(self) -> None:
        """`BadOption` for a value out of its range, `WrongType` for what is no number."""
        choice("the kind of a target", self.kind, get_args(TargetKind))
        low, high, words = _RANGES[self.kind]
        value = number(self.kind, self.value, low=low, high=high, words=words)
        object.__setattr__(self, "value", value)

    @classmethod
    def of(
        cls,
        *,
        quality: float | None = None,
        bpp: float | None = None,
        size: float | None = None,
        psnr: float | None = None,
    ) -> Target:
        """The target that is given: `quality`, `bpp`, `size` or `psnr`; quality 50 if none is.

        Raises `BadOption` for two targets, or for a value out of its range.
        """
        given: list[tuple[TargetKind, float | None]] = [
            ("quality", quality),
            ("bpp", bpp),
            ("size", size),
            ("psnr", psnr),
        ]
        chosen = [(kind, value) for kind, value in given if value is not None]
        if len(chosen) > 1:
            names = " and ".join(kind for kind, _ in chosen)
            raise BadOption(f"only one target at a time: not {names} together")
        return cls(*chosen[0]) if chosen else cls("quality", DEFAULT_QUALITY)

    def room(self, pixels: int) -> float | None:
        """Bytes that the file of a picture of so many `pixels` may have.

        None for a target of kind quality or psnr.
        """
        if self.kind == "bpp":
            return bytes_for(self.value, pixels)
        return self.value if self.kind == "size" else None

    @property
    def setting(self) -> Setting:
        """The setting that a file stores, of a target of kind quality."""
        return to_setting(self.value)


def bytes_for(bpp: float, pixels: int) -> int:
    """Whole bytes that `bpp` bits per pixel leave, at least one.

    A rate that was computed from a file's bytes leaves all of them, however it was rounded.
    """
    return max(1, math.floor(bpp * pixels / 8 * (1 + 1e-9)))


def find_size(
    measure: Callable[[Setting], int], goal: float, *, start: Setting | None = None
) -> Setting:
    """Setting whose file is as large as possible, but never above `goal` bytes.

    `measure` gives the bytes at a setting, `start` is a first guess. Raises `BadTarget` when
    setting 0 is above the goal; a picture that stays below it even at the highest is coded there.
    """
    seen = _sizes(measure, goal, start)
    found = _largest(seen, goal)
    if seen[found] > goal:
        least = seen[found]
        raise BadTarget(f"the picture takes at least {least} bytes, more than the {goal:.0f} asked")
    return found


def find_bpp(
    measure: Callable[[Setting], int], goal: float, *, pixels: int, start: Setting | None = None
) -> tuple[Setting, str]:
    """Setting whose file has as many bits per pixel as possible, but never more than `goal`.

    The smallest file there is where all have more. With it a remark, or "": what was reached
    where that is not what was asked.
    """
    room = bytes_for(goal, pixels)
    seen = _sizes(measure, room, start)
    found = _largest(seen, room)
    reached = f"{seen[found] * 8 / pixels:.4g} bpp"
    if seen[found] > room:
        return found, above_bpp(goal, seen[found] * 8 / pixels)
    if math.log(room / seen[found]) <= _MISS_BYTES:
        return found, ""
    if found == MAX_SETTING:
        return found, f"{goal:g} bpp asked, but the best quality takes only {reached}"
    return found, f"{goal:g} bpp asked, {reached} reached: the next larger file has more"


def above_bpp(goal: float, reached: float) -> str:
    """The remark on a picture of which every file has more than `goal` bits per pixel."""
    return f"{goal:g} bpp asked, but the smallest file has {reached:.4g} bpp"


def find_psnr(
    measure: Callable[[Setting], float], goal: float, *, start: Setting | None = None
) -> tuple[Setting, str]:
    """Setting whose PSNR (`measure`, dB) is the nearest to `goal` that is not below it.

    The best there is where all are below. With it a remark, or "": what was reached where that
    is not what was asked.
    """
    seen = _search(
        lambda q: min(measure(q), _TOP_PSNR),
        goal,
        slope=_SLOPE_PSNR,
        close=(0.0, _CLOSE_PSNR),
        start=start,
    )
    enough = [q for q, value in seen.items() if value >= goal]
    if not enough:
        best = max(seen, key=lambda q: (seen[q], -q))
        return best, f"{goal:g} dB asked, but no more than {seen[best]:.4g} dB reached"
    found = min(enough, key=lambda q: (seen[q], q))
    if seen[found] - goal <= _MISS_PSNR:
        return found, ""
    if found == 0:
        return found, f"{goal:g} dB asked, but even the smallest file has {seen[found]:.4g} dB"
    return found, f"{goal:g} dB asked, {seen[found]:.4g} dB reached: the next smaller file has less"


def _sizes(
    measure: Callable[[Setting], int], goal: float, start: Setting | None
) -> dict[Setting, int]:
    """Bytes of the files seen on the way to the largest of at most `goal` bytes, by setting."""
    sizes: dict[Setting, int] = {}

    def logarithm(setting: Setting) -> float:
        sizes[setting] = measure(setting)
        return math.log(sizes[setting])

    close = (_CLOSE_BYTES, 0.0)
    _search(logarithm, math.log(goal), slope=_SLOPE_BYTES, close=close, start=start)
    return sizes


def _largest(sizes: dict[Setting, int], goal: float) -> Setting:
    """The setting of the largest file of at most `goal` bytes, of the smallest if all are above."""
    fitting = [q for q, size in sizes.items() if size <= goal]
    if fitting:
        return max(fitting, key=lambda q: (sizes[q], -q))
    return min(sizes, key=lambda q: (sizes[q], -q))


def _search(
    measure: Callable[[Setting], float],
    goal: float,
    *,
    slope: float,
    close: tuple[float, float],
    start: Setting | None,
) -> dict[Setting, float]:
    """All that was measured, by setting, until one is close or the bracket is empty.

    close: how far below and above the goal is near enough. start: the first guess.
    """
    seen: dict[Setting, float] = {}
    # Every setting <= low is below the goal, every one >= high above it.
    low, high = Setting(-1), Setting(MAX_SETTING + 1)
    guess, creeping = MAX_SETTING // 2 if start is None else start, 0
    while high - low > 1:
        setting = Setting(min(max(guess, low + 1), high - 1))
        value = seen[setting] = measure(setting)
        if -close[0] <= value - goal <= close[1]:
            break
        before = high - low
        if value < goal:
            low = setting
        else:
            high = setting
        # The secant may approach from one side for ever; after two small steps, bisect.
        creeping = creeping + 1 if high - low > before * 0.5 else 0
        if creeping >= 2:
            guess, creeping = (low + high) // 2, 0
        elif low in seen and high in seen and seen[high] > seen[low]:
            share = (goal - seen[low]) / (seen[high] - seen[low])
            guess = round(low + share * (high - low))
        else:
            guess = setting + (round((goal - value) / slope) or (1 if value < goal else -1))
    return seen
