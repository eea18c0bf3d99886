"""The report's findings in plain words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tccodec.files.text import rounded, size_text
from tccodec.metrics import bd
from tccodec.report.codecs.base import plain_number
from tccodec.report.summary import ENOUGH_PICTURES, MIN_PICTURES

if TYPE_CHECKING:
    from tccodec.report.curves import MeanPoint
    from tccodec.report.result import Report

_MARKS = {
    bd.LITTLE_OVERLAP: "*",
    bd.FEW_POINTS: "\N{DAGGER}",
    bd.FEW_INSIDE: "\N{DOUBLE DAGGER}",
}


def duration(seconds: float) -> str:
    """Seconds as text, with a fitting unit."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def percent(change: float) -> str:
    """A change of bytes in per cent as '23.1 % fewer' or '8.0 % more'."""
    if round(abs(change), 1) == 0:
        return "as many"
    return f"{abs(change):.1f} % {'fewer' if change < 0 else 'more'}"


def headline_metric(report: Report) -> str | None:
    """The metric that sentences speak of first: PSNR if it was computed."""
    names = [m.name for m in report.metrics if m.per_picture]
    return "psnr" if "psnr" in names else (names[0] if names else None)


def reference_quality(report: Report, codec: str, *, metric: str) -> float | None:
    """The quality of `codec` for examples: the one nearest to 0.5 bits per pixel.

    Those whose scores the subject reaches on most pictures are preferred. With a window, it is the
    quality nearest to its middle, or None if none is in it.
    """
    low, high = report.window or (0.0, math.inf)
    middle = math.sqrt(max(low, 1e-3) * high) if report.window else 0.5
    curve = report.summary.curves.get(codec, [])
    usable = [p for p in curve if metric in p.axis and low <= p.bpp <= high]
    if not usable:
        return None
    savings = report.summary.savings.get(metric, {}).get(codec, {})

    def order(point: MeanPoint) -> tuple[int, float]:
        saving = savings.get(point.quality, {}).get(report.summary.focus or codec)
        return -saving.pictures if saving else 0, abs(math.log(point.bpp / middle))

    return min(usable, key=order).quality


def sentences(report: Report) -> list[str]:
    """Sentences on bytes at equal quality, on the folder as an example, and on speed."""
    summary = report.summary
    focus, anchor = summary.focus, summary.anchor
    if focus is None or focus not in summary.curves:
        return []
    first, second = report.label(focus), report.label(anchor)
    texts = []
    parts = []
    for info in report.metrics:
        deltas = summary.bd.get(info.name, {}).get(focus)
        if deltas and math.isfinite(deltas["rate"].value):
            parts.append((info, deltas["rate"]))
    if parts:
        low, high = (f(d.anchor_bpp[i] for _, d in parts) for i, f in ((0, min), (1, max)))
        words = [f"{percent(d.value)} at equal {info.label}{_within(d)}" for info, d in parts]
        texts.append(
            f"Bytes that {first} needs against {second}, as BD-rates from {rounded(low, 2)} to "
            f"{rounded(high, 2)} bits per pixel: {_join(words)}."
        )
        texts += _smaller(report, focus, metric=parts[0][0].name)
    texts += _example(report, focus, anchor=anchor)
    speed = summary.speed.get(focus), summary.speed.get(anchor)
    if speed[0] and speed[1] and all(math.isfinite(v) for s in speed if s for v in s):
        texts.append(
            f"{first} takes {rounded(speed[0][0], 2)} CPU seconds per megapixel to encode and "
            f"{rounded(speed[0][1], 2)} to decode, {second} {rounded(speed[1][0], 2)} and "
            f"{rounded(speed[1][1], 2)}."
        )
    return texts


def _within(delta: bd.Delta) -> str:
    """The interval of a BD-rate in brackets, or "" if it has none."""
    if delta.interval is None:
        return ""
    low, high = delta.interval
    return f" ({signed(low, 1)} to {signed(high, 1)} %)"


def signed(value: float, digits: int) -> str:
    """A number with its sign, a true minus; never '-0'."""
    if not math.isfinite(value):
        return "\N{EN DASH}"
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        return f"{0:.{digits}f}"
    return ("+" if value > 0 else "") + text.replace("-", "\N{MINUS SIGN}")


def _smaller(report: Report, codec: str, *, metric: str) -> list[str]:
    """A sentence that says for how many pictures the codec needs fewer bytes."""
    ratios = report.summary.ratios.get(metric, {})
    factors = [by_codec[codec] for by_codec in ratios.values() if codec in by_codec]
    if not factors:
        return []
    count = sum(r < 1 for r in factors)
    which = f"{count} of {len(factors)} pictures"
    if len(factors) > 1 and count in (0, len(factors)):
        which = f"every one of {count} pictures" if count else f"none of {len(factors)} pictures"
    if len(factors) < report.summary.pictures:
        which = f"{count} of the {len(factors)} pictures that can be compared"
    elif len(factors) == 1:
        which = "the one picture" if count else "no picture"
    label = report.metric(metric).label
    return [f"{report.label(codec)} is the smaller of the two at equal {label} on {which}."]


def _example(report: Report, focus: str, *, anchor: str) -> list[str]:
    metric = headline_metric(report)
    if metric is None:
        return []
    quality = reference_quality(report, anchor, metric=metric)
    by_quality = report.summary.savings.get(metric, {}).get(anchor, {})
    saving = by_quality.get(quality, {}).get(focus) if quality is not None else None
    if saving is None or not saving.pictures or quality is None:
        return []
    first, second = report.label(focus), report.label(anchor)
    whole = saving.pictures == report.summary.pictures
    which = "the folder takes" if whole else f"{saving.pictures} of the pictures take"
    if not whole and saving.pictures == 1:
        which = "one of the pictures takes"
    point = next(p for p in report.summary.curves[anchor] if p.quality == quality)
    change = round((saving.bytes / saving.reference_bytes - 1) * 100, 1)
    gain = f"{abs(change):.1f} % {'saved' if change < 0 else 'more'}" if change else "as many"
    return [
        f"At one setting, as an example: if you now use {second} at {plain_number(quality)} "
        f"({rounded(point.bpp, 2)} bits per pixel), {which} {size_text(saving.reference_bytes)}; "
        f"at the same {report.metric(metric).label} {first} takes {size_text(saving.bytes)}: "
        f"{gain}."
    ]


def mark(warning: str) -> str:
    """The sign of a footnote for a BD figure's warning."""
    return _MARKS[warning]


def footnotes(report: Report) -> list[str]:
    """Explanations of the signs that occur at BD-rates, and notes below the figures."""
    deltas = [
        by_codec[codec]["rate"]
        for by_codec in report.summary.bd.values()
        for codec in by_codec
        if codec != report.summary.anchor and math.isfinite(by_codec[codec]["rate"].value)
    ]
    notes = [
        f"{mark(warning)} {warning}"
        for warning in _MARKS
        if any(warning in delta.warnings for delta in deltas)
    ]
    if any(delta.interval for delta in deltas):
        few = (
            "; of so few pictures a rough guide"
            if report.summary.pictures < ENOUGH_PICTURES
            else ""
        )
        notes.append(
            "The range below a figure holds 95 % of its values over resampled sets of the "
            f"pictures{few}."
        )
    if any(delta.interval is None for delta in deltas):
        notes.append(
            f"A figure without a range: that takes {MIN_PICTURES} pictures, and that nearly all "
            "resampled sets of them can be compared."
        )
    return notes


def _join(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
