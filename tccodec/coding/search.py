"""From a target (quality, bit rate, size, PSNR or another score) to a setting of a file.

The logarithm of the bytes rises almost linearly with the setting, and so does PSNR. Other scores
do on the axis of their `Scale`. Each measurement costs an encode. So the search keeps a bracket,
takes the secant inside it, and bisects when the secant makes small steps. Three to five encodes hit
a target.

A file is never larger than asked, and a score never worse. If a picture cannot meet a target, it
gets the nearest that is possible, and a remark says what was reached. Only a size is a promise, so
only a size can be refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from tccodec.arguments import check_choice, check_flag, check_number
from tccodec.coding.quality import Quality, to_setting
from tccodec.container import MAX_SETTING, Setting
from tccodec.errors import BadOption, BadTarget

# Whether no setting between two that were measured is worth a try.
Adjacent = Callable[[Setting, Setting], bool]
# What a `Target` says: quality 0 .. 100, bits per pixel, size in bytes, a score, or lossless.
TargetKind = Literal[
    "quality", "bpp", "size", "psnr", "ms-ssim", "lpips", "ssimulacra2", "lossless"
]
DEFAULT_QUALITY = 50.0
# Kind of a target -> its least and its greatest value, and both in words.
RANGES: dict[str, tuple[float, float, str]] = {
    "quality": (0.0, 100.0, "from 0 to 100"),
    "bpp": (1e-4, 1e3, "from 0.0001 to 1000 bits per pixel"),
    "size": (1.0, 2.0**40, "from 1 byte to 1 TiB"),
    "psnr": (1.0, 100.0, "from 1 to 100 dB"),
    "ms-ssim": (0.01, 1.0, "from 0.01 to 1"),
    "lpips": (0.0, 1.0, "from 0 to 1"),
    "ssimulacra2": (-100.0, 100.0, "from -100 to 100"),
    "lossless": (1.0, 1.0, "1"),
}
_SLOPE_BYTES = 0.0045  # natural logarithm of bytes per step, a first guess
_CLOSE_BYTES = math.log(1.005)  # near enough to end the search
_MISS_BYTES = math.log(1.02)  # a miss by more than this gets a remark
_TOP = 100.0  # dB; stands for the infinite PSNR of equal pictures


@dataclass(frozen=True, slots=True)
class Scale:
    """How a score is searched for.

    text, digits: a score as people read it. slope: how much its value on the axis rises per step,
    a first guess. close: how far above the goal on the axis ends the search. miss: by how much gets
    a remark. axis: the score as a number that rises almost linearly with the setting. falls:
    whether better pictures have lower scores.
    """

    text: str
    slope: float
    close: float
    miss: float
    axis: Callable[[float], float] = float
    falls: bool = False
    digits: int = 4


def _decibels(gap: float) -> float:
    """A distance from the best score, 0 .. 1, as dB, at most 100."""
    return -10 * math.log10(max(gap, 1e-10))


SCALES: dict[str, Scale] = {
    "psnr": Scale("{} dB", 0.018, 0.05, 0.1, axis=lambda score: min(score, _TOP)),
    "ms-ssim": Scale("MS-SSIM {}", 0.016, 0.05, 0.1, axis=lambda score: _decibels(1 - score)),
    "lpips": Scale("LPIPS {}", 0.014, 0.05, 0.1, axis=_decibels, falls=True, digits=3),
    "ssimulacra2": Scale("SSIMULACRA2 {}", 0.15, 0.3, 0.6),
}


@dataclass(frozen=True, slots=True)
class Target:
    """What a file should have.

    kind: quality, bpp, size, psnr, ms-ssim, lpips, ssimulacra2 or lossless. value: the quality,
    0 .. 100; the bits per pixel of the whole file; its size in bytes; the PSNR in dB; the other
    score; or 1 for lossless.
    """

    kind: TargetKind
    value: float

    def __post_init__(self) -> None:
        """`BadOption` for a value out of its range, `WrongType` for what is no number."""
        check_choice("the kind of a target", self.kind, get_args(TargetKind))
        low, high, words = RANGES[self.kind]
        value = check_number(self.kind, self.value, low=low, high=high, words=words)
        object.__setattr__(self, "value", value)

    @classmethod
    def of(
        cls,
        *,
        quality: float | None = None,
        bpp: float | None = None,
        size: float | None = None,
        psnr: float | None = None,
        ms_ssim: float | None = None,
        lpips: float | None = None,
        ssimulacra2: float | None = None,
        lossless: bool = False,
    ) -> Target:
        """The target that is given: `quality`, `bpp`, `size`, `psnr`, `ms_ssim`, `lpips`,
        `ssimulacra2` or `lossless`; quality 50 if none is.

        Raises `BadOption` for two targets, or for a value out of its range.
        """
        given: list[tuple[TargetKind, float | None]] = [
            ("quality", quality),
            ("bpp", bpp),
            ("size", size),
            ("psnr", psnr),
            ("ms-ssim", ms_ssim),
            ("lpips", lpips),
            ("ssimulacra2", ssimulacra2),
            ("lossless", 1 if check_flag("lossless", lossless) else None),
        ]
        chosen = [(kind, value) for kind, value in given if value is not None]
        if len(chosen) > 1:
            names = " and ".join(kind for kind, _ in chosen)
            raise BadOption(f"only one target at a time: not {names} together")
        return cls(*chosen[0]) if chosen else cls("quality", DEFAULT_QUALITY)

    def byte_budget(self, pixels: int) -> float | None:
        """The most bytes that the file of a picture with this number of pixels may have.

        None for a target of kind quality or lossless, and for a score.
        """
        if self.kind == "bpp":
            return bytes_for(self.value, pixels)
        return self.value if self.kind == "size" else None

    @property
    def setting(self) -> Setting:
        """The setting of a target of kind quality."""
        return to_setting(Quality(self.value))


def bytes_for(bpp: float, pixels: int) -> int:
    """The whole bytes of `bpp` bits per pixel, at least one.

    If the rate was computed from a file's size and rounded, it gives at least that size.
    """
    return max(1, math.floor(bpp * pixels / 8 * (1 + 1e-9)))


def all_differ(low: Setting, high: Setting) -> bool:
    """An `Adjacent` if every setting may give another file."""
    return False


def find_size(
    measure: Callable[[Setting], int],
    goal: float,
    *,
    start: Setting | None = None,
    adjacent: Adjacent = all_differ,
) -> Setting:
    """Setting whose file is as large as possible, but never above `goal` bytes.

    `measure` gives the bytes at a setting, `start` is a first guess. Raises `BadTarget` if setting
    0 is above the goal. If even the highest setting is below it, that one is returned.
    """
    sizes = _measured_sizes(measure, goal, start=start, adjacent=adjacent)
    setting = _largest(sizes, goal)
    if sizes[setting] > goal:
        raise BadTarget(
            f"the picture takes at least {sizes[setting]} bytes, more than the {goal:.0f} asked"
        )
    return setting


def find_bpp(
    measure: Callable[[Setting], int],
    goal: float,
    *,
    pixels: int,
    start: Setting | None = None,
    adjacent: Adjacent = all_differ,
) -> tuple[Setting, str]:
    """Setting whose file has as many bits per pixel as possible, but never more than `goal`.

    If every file has more, it is the setting of the smallest. The second result is a remark on
    what was reached; "" if the goal is met.
    """
    budget = bytes_for(goal, pixels)
    sizes = _measured_sizes(measure, budget, start=start, adjacent=adjacent)
    setting = _largest(sizes, budget)
    size = sizes[setting]
    reached = f"{size * 8 / pixels:.4g} bpp"
    if size > budget:
        return setting, above_bpp(goal, size * 8 / pixels)
    if math.log(budget / size) <= _MISS_BYTES:
        return setting, ""
    if setting == MAX_SETTING:
        return setting, f"{goal:g} bpp asked, but the best quality takes only {reached}"
    return setting, f"{goal:g} bpp asked, {reached} reached: the next larger file has more"


def above_bpp(goal: float, reached: float) -> str:
    """The remark if every file of a picture has more than `goal` bits per pixel."""
    asked, reached_text = _apart(goal, reached, digits=(6, 4))
    return f"{asked} bpp asked, but the smallest file has {reached_text} bpp"


def _apart(asked: float, reached: float, *, digits: tuple[int, int]) -> tuple[str, str]:
    """Both numbers as texts of so many digits; of more where they would read the same."""
    while True:
        one, other = (f"{value:.{n}g}" for value, n in zip((asked, reached), digits, strict=True))
        if float(one) != float(other) or asked == reached:
            return one, other
        digits = digits[0] + 1, digits[1] + 1


def find_score(
    measure: Callable[[Setting], float],
    goal: float,
    *,
    scale: Scale,
    start: Setting | None = None,
    adjacent: Adjacent = all_differ,
) -> tuple[Setting, str]:
    """Setting whose score (`measure`) is the nearest to `goal` that is not worse.

    If all are worse, it is the setting of the best score. The second result is a remark on what was
    reached; "" if the goal is met.
    """
    wanted = scale.axis(goal)
    scores: dict[Setting, float] = {}

    def on_axis(setting: Setting) -> float:
        scores[setting] = measure(setting)
        return scale.axis(scores[setting])

    close = (0.0, scale.close)
    values = _search(
        on_axis, wanted, slope=scale.slope, close=close, start=start, adjacent=adjacent
    )
    more, less = ("less", "more") if scale.falls else ("more", "less")

    def texts(setting: Setting) -> tuple[str, str]:
        score, digits = min(scores[setting], _TOP), (scale.digits, scale.digits)
        asked, reached = map(scale.text.format, _apart(goal, score, digits=digits))
        return f"{asked} asked", reached

    enough = [setting for setting, value in values.items() if value >= wanted]
    if not enough:
        best = max(values, key=lambda setting: (values[setting], -setting))
        asked, reached = texts(best)
        return best, f"{asked}, but no {more} than {reached} reached"
    setting = min(enough, key=lambda setting: (values[setting], setting))
    if values[setting] - wanted <= scale.miss:
        return setting, ""
    asked, reached = texts(setting)
    if setting == 0:
        return setting, f"{asked}, but even the smallest file has {reached}"
    return setting, f"{asked}, {reached} reached: the next smaller file has {less}"


def _measured_sizes(
    measure: Callable[[Setting], int],
    goal: float,
    *,
    start: Setting | None,
    adjacent: Adjacent,
) -> dict[Setting, int]:
    """Search for the largest file of at most `goal` bytes: bytes of all files tried, by setting."""
    sizes: dict[Setting, int] = {}

    def logarithm(setting: Setting) -> float:
        sizes[setting] = measure(setting)
        return math.log(sizes[setting])

    close = (_CLOSE_BYTES, 0.0)
    _search(
        logarithm, math.log(goal), slope=_SLOPE_BYTES, close=close, start=start, adjacent=adjacent
    )
    return sizes


def _largest(sizes: dict[Setting, int], goal: float) -> Setting:
    """The setting of the largest file of at most `goal` bytes, of the smallest if all are above."""
    fitting = [setting for setting, size in sizes.items() if size <= goal]
    if fitting:
        return max(fitting, key=lambda setting: (sizes[setting], -setting))
    return min(sizes, key=lambda setting: (sizes[setting], -setting))


def _search(
    measure: Callable[[Setting], float],
    goal: float,
    *,
    slope: float,
    close: tuple[float, float],
    start: Setting | None,
    adjacent: Adjacent,
) -> dict[Setting, float]:
    """Measure settings until one is close to the goal or none is left; all values, by setting.

    slope: the first guess of how much the value rises per step. close: how far below and above the
    goal is near enough. start: the first setting. adjacent: see `Adjacent`.
    """
    measured: dict[Setting, float] = {}
    # Every setting <= low is below the goal, every one >= high above it.
    low, high = Setting(-1), Setting(MAX_SETTING + 1)
    guess, small_steps = MAX_SETTING // 2 if start is None else start, 0
    while high - low > 1 and not ({low, high} <= measured.keys() and adjacent(low, high)):
        setting = Setting(min(max(guess, low + 1), high - 1))
        value = measured[setting] = measure(setting)
        if -close[0] <= value - goal <= close[1]:
            break
        before = high - low
        if value < goal:
            low = setting
        else:
            high = setting
        # The secant may approach from one side for ever. After two small steps, bisect.
        small_steps = small_steps + 1 if high - low > before * 0.5 else 0
        if small_steps >= 2:
            guess, small_steps = (low + high) // 2, 0
        elif low in measured and high in measured and measured[high] > measured[low]:
            share = (goal - measured[low]) / (measured[high] - measured[low])
            guess = round(low + share * (high - low))
        else:
            guess = setting + (round((goal - value) / slope) or (1 if value < goal else -1))
    return measured
