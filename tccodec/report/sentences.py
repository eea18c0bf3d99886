"""The report's findings in plain words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tccodec.report.peers import as_setting

if TYPE_CHECKING:
    from tccodec.report.result import Report
    from tccodec.report.summary import Matched


def size(count: float) -> str:
    """Bytes for people: 812 B, 71 kB, 1.2 MB (powers of ten)."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale * 0.9995:
            value = count / scale
            return f"{value:.0f} {unit}" if value >= 99.5 else f"{value:.3g} {unit}"
    return f"{count:.0f} B"


def duration(seconds: float) -> str:
    """Seconds for people."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def percent(ratio: float) -> str:
    """A ratio of bytes as '23 % fewer' or '8 % more'."""
    change = round(abs(ratio - 1) * 100)
    if change == 0:
        return "as many"
    return f"{change} % {'fewer' if ratio < 1 else 'more'}"


def headline_metric(report: Report) -> str | None:
    """The metric that sentences speak of first: PSNR if it was computed."""
    names = [m.name for m in report.metrics if m.per_picture]
    return "psnr" if "psnr" in names else (names[0] if names else None)


def reference_quality(report: Report, codec: str, metric: str) -> float | None:
    """The anchor's setting that examples use: the one nearest to 0.5 bits per pixel."""
    curve = [p for p in report.summary.curves.get(codec, []) if metric in p.axis]
    if not curve:
        return None
    return min(curve, key=lambda p: abs(math.log(p.bpp / 0.5))).quality


def sentences(report: Report) -> list[str]:
    """One sentence each: bytes at equal quality, the folder as an example, and speed."""
    summary = report.summary
    focus, anchor = summary.focus, summary.anchor
    if focus is None or focus not in summary.curves:
        return []
    first, second = report.label(focus), report.label(anchor)
    said = []
    parts = []
    for info in report.metrics:
        found = summary.matched.get(info.name, {}).get(focus)
        if found:
            parts.append((percent(found.ratio), info.label, found))
    if parts:
        words = [f"{change} at equal {label}" for change, label, _ in parts]
        lead = parts[0][2]
        plural = "s" if lead.pictures != 1 else ""
        said.append(
            f"Bytes that {first} needs against {second}: {_join(words)} (geometric means; "
            f"{lead.pairs} matched pairs in {lead.pictures} picture{plural})."
        )
        said.append(_smaller(lead, parts[0][1], first))
    said += _example(report, focus, anchor)
    speed = summary.speed.get(focus), summary.speed.get(anchor)
    if speed[0] and speed[1] and all(math.isfinite(v) for s in speed if s for v in s):
        said.append(
            f"{first} takes {speed[0][0]:.2g} s per megapixel to encode and {speed[0][1]:.2g} s "
            f"to decode, {second} {speed[1][0]:.2g} s and {speed[1][1]:.2g} s "
            f"({_threads(report)})."
        )
    return said


def _smaller(found: Matched, label: str, codec: str) -> str:
    if found.smaller in (0.0, 1.0):
        which = "every" if found.smaller else "no"
        return f"{codec} is the smaller of the two at equal {label} on {which} picture."
    share = f"{found.smaller * 100:.0f} %"
    return f"{codec} is the smaller of the two at equal {label} on {share} of the pictures."


def _threads(report: Report) -> str:
    threads = int(report.environment.get("threads_per_job", 1))
    return "one thread each" if threads == 1 else f"{threads} threads each"


def _example(report: Report, focus: str, anchor: str) -> list[str]:
    metric = headline_metric(report)
    if metric is None:
        return []
    quality = reference_quality(report, anchor, metric)
    by_quality = report.summary.savings.get(metric, {}).get(anchor, {})
    saving = by_quality.get(quality, {}).get(focus) if quality is not None else None
    if saving is None or not saving.pictures or quality is None:
        return []
    first, second = report.label(focus), report.label(anchor)
    whole = saving.pictures == report.summary.pictures
    which = "the folder takes" if whole else f"{saving.pictures} of the pictures take"
    if not whole and saving.pictures == 1:
        which = "one of the pictures takes"
    ratio = saving.bytes / saving.reference_bytes
    gain = f"{abs(1 - ratio) * 100:.0f} % {'saved' if ratio <= 1 else 'more'}"
    return [
        f"If you now use {second} at {as_setting(quality)}, {which} "
        f"{size(saving.reference_bytes)}; at the same {report.metric(metric).label} {first} takes "
        f"{size(saving.bytes)}: {gain}."
    ]


def _join(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
