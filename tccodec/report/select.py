"""The choice of pictures and rates for the page's viewer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tccodec.report.curves import MeanPoint
from tccodec.report.summary import Summary

# Rates at which codecs differ visibly.
_LOWEST, _HIGHEST = 0.05, 1.0
RATES = 4


@dataclass(frozen=True)
class Choice:
    """A picture for the viewer, and why it was chosen."""

    name: str
    reason: str


def choose_pictures(
    summary: Summary, names: Sequence[str], *, metric: str | None, count: int
) -> list[Choice]:
    """Worst and best pictures of the focus codec against the anchor, in turn.

    They are ranked by bytes at equal quality. Without such figures, or for one picture, the first
    pictures are taken.
    """
    ratios = summary.ratios.get(metric or "", {})
    focus = summary.focus or summary.anchor
    ranked = sorted(
        ((ratios[name][focus], name) for name in names if focus in ratios.get(name, {})),
        reverse=True,
    )
    if len(ranked) < 2 or focus == summary.anchor:
        return [Choice(name, "") for name in names[:count]]
    worst = [Choice(name, f"worst {i}") for i, (_, name) in enumerate(ranked, start=1)]
    best = [Choice(name, f"best {i}") for i, (_, name) in enumerate(reversed(ranked), start=1)]
    chosen: dict[str, Choice] = {}
    for pair in zip(worst, best, strict=True):
        for choice in pair:
            if len(chosen) < count:
                chosen.setdefault(choice.name, choice)
    return list(chosen.values())


def choose_rates(curves: Sequence[Sequence[MeanPoint]]) -> list[float]:
    """Rates in bits per pixel that most codecs reach, in even steps of log rate, two digits."""
    curves = [c for c in curves if c]
    if not curves:
        return []
    low = max(_LOWEST, float(np.median([min(p.bpp for p in c) for c in curves])))
    high = min(_HIGHEST, float(np.median([max(p.bpp for p in c) for c in curves])))
    if high <= low:
        return [_two_digits(low)]
    return list(dict.fromkeys(_two_digits(r) for r in np.geomspace(low, high, RATES)))


def _two_digits(value: float) -> float:
    digits = 1 - math.floor(math.log10(value))
    return round(float(value), digits)
