"""Conclusions from the points: BD figures with intervals, bytes at equal quality, speed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tccodec.metrics import MetricInfo, bd
from tccodec.report.curves import (
    TINY_PIXELS,
    MeanPoint,
    PointTable,
    Record,
    SetScores,
    axis_points,
    complete_pictures,
    without_tiny,
)

# Draws of pictures for each interval, and their seed: equal reports have equal intervals.
DRAWS = 500
_SEED = 20_010_401
# Fewer pictures than this give too few different draws.
MIN_PICTURES = 3
# With fewer pictures than this the intervals are rather too narrow.
ENOUGH_PICTURES = 10


@dataclass(frozen=True)
class Saving:
    """The folder in another codec, at the score that `reference` has at one quality.

    Sums over the `pictures` for which the other codec reaches that score.
    """

    reference_bytes: int
    bytes: int
    pictures: int


@dataclass
class Summary:
    """All conclusions of a report."""

    anchor: str
    focus: str | None
    pictures: int = 0
    curves: dict[str, list[MeanPoint]] = field(default_factory=dict)
    # metric -> codec -> {"rate": Delta, "quality": Delta}
    bd: dict[str, dict[str, dict[str, bd.Delta]]] = field(default_factory=dict)
    # metric -> reference codec -> quality -> codec -> Saving
    savings: dict[str, dict[str, dict[float, dict[str, Saving]]]] = field(default_factory=dict)
    # metric -> picture -> codec -> bytes over the anchor's: the picture's own BD-rate
    ratios: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    # codec -> (encode, decode) CPU seconds per megapixel: totals of all points
    speed: dict[str, tuple[float, float]] = field(default_factory=dict)
    # metric -> pictures that its figures are over
    measured: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for results.json; NaN becomes null."""
        plain = asdict(self)
        plain["curves"] = {c: [p.as_dict() for p in ps] for c, ps in self.curves.items()}
        plain["savings"] = {
            metric: {
                ref: [
                    {"quality": q, "codec": codec} | asdict(saving)
                    for q, by_codec in by_quality.items()
                    for codec, saving in by_codec.items()
                ]
                for ref, by_quality in by_ref.items()
            }
            for metric, by_ref in self.savings.items()
        }
        plain["speed"] = {
            c: {"encode_cpu_s_per_mp": e, "decode_cpu_s_per_mp": d}
            for c, (e, d) in self.speed.items()
        }
        cleaned: dict[str, Any] = without_nan(plain)
        return cleaned


def without_nan(value: Any) -> Any:
    """Plain data with None in place of NaN and infinities, which JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {k: without_nan(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(v) for v in value]
    return value


def summarise(
    records: Sequence[Record],
    *,
    codecs: Sequence[str],
    infos: Sequence[MetricInfo],
    anchor: str,
    focus: str | None,
    window: bd.Interval | None,
    set_scores: Mapping[str, SetScores],
) -> Summary:
    """Draw all conclusions. `codecs`: those with at least one point, with the anchor.

    `window`: the range of bits per pixel for BD figures. `set_scores`: by metric.
    """
    summary = Summary(anchor, focus)
    _tiny_note(summary, records)
    records = without_tiny(records)
    complete = complete_pictures(records, codecs)
    if complete:
        used = [r for r in records if r["picture"] in complete]
        all_pictures = {r["picture"] for r in records}
        if len(complete) < len(all_pictures):
            summary.notes.append(
                f"Means and totals are over the {len(complete)} of {len(all_pictures)} pictures "
                "that have every point of every codec."
            )
    else:
        used = list(records)
        if used:
            summary.notes.append(
                "No picture has every point yet: the means compare different pictures and are "
                "only a first impression."
            )
    pixels = {r["picture"]: r["width"] * r["height"] for r in used}
    indices = {name: i for i, name in enumerate(pixels)}
    summary.pictures = len(pixels)
    tables = {}
    for codec in codecs:
        of_codec = [r for r in used if r["codec"] == codec]
        tables[codec] = PointTable(
            of_codec,
            pictures=indices,
            pixels=np.array(list(pixels.values()), np.float64),
            infos=infos,
        )
        summary.speed[codec] = _speed(of_codec)
    _limit_to_common_pictures(summary, tables, infos, set_scores)
    sets = [(info, set_scores[info.name]) for info in infos if info.name in set_scores]
    for codec, table in tables.items():
        summary.curves[codec] = table.points(codec, sets, pictures=indices)
    for info in infos:
        summary.bd[info.name] = _bd_figures(summary.curves, info.name, anchor=anchor, window=window)
        if info.per_picture:
            _add_intervals(
                summary.bd[info.name], tables, metric=info.name, anchor=anchor, window=window
            )
            summary.ratios[info.name] = _ratios(
                tables, indices, metric=info.name, anchor=anchor, window=window
            )
            summary.savings[info.name] = _savings(tables, info.name)
    _nothing_note(summary, window)
    return summary


def _tiny_note(summary: Summary, records: Sequence[Record]) -> None:
    names = {r["picture"]: r["width"] * r["height"] < TINY_PIXELS for r in records}
    tiny = [name for name, small in names.items() if small]
    if not tiny:
        return
    which = ", ".join(tiny[:3]) + (f" and {len(tiny) - 3} more" if len(tiny) > 3 else "")
    out = "" if len(tiny) == len(names) else "; left out of all means and totals"
    summary.notes.append(
        f"With fewer than {TINY_PIXELS:,} pixels, so that files are all headers: {which}{out}."
    )


def _nothing_note(summary: Summary, window: bd.Interval | None) -> None:
    others = [
        deltas["rate"]
        for by_codec in summary.bd.values()
        for codec, deltas in by_codec.items()
        if codec != summary.anchor
    ]
    if not others or any(math.isfinite(delta.value) for delta in others):
        return
    where = f" from {window[0]:g} to {window[1]:g} bits per pixel, the window" if window else ""
    reasons = dict.fromkeys(warning for delta in others for warning in delta.warnings)
    summary.notes.append(f"Nothing can be compared{where}: {', or '.join(reasons)}.")


def _speed(records: Sequence[Record]) -> tuple[float, float]:
    megapixels = sum(r["megapixels"] for r in records)
    if not megapixels:
        return math.nan, math.nan
    return (
        sum(r["encode_cpu_s"] for r in records) / megapixels,
        sum(r["decode_cpu_s"] for r in records) / megapixels,
    )


def _limit_to_common_pictures(
    summary: Summary,
    tables: Mapping[str, PointTable],
    infos: Sequence[MetricInfo],
    set_scores: Mapping[str, SetScores],
) -> None:
    """Limit each metric to the pictures for which all points have it, if there are any.

    They are counted in `summary.measured`, and a note says so if they are not all.
    """
    for info in infos:
        where = ""
        if info.per_picture:
            every = np.all([t.defined(info.name) for t in tables.values()], axis=0)
            if every.any():
                where = " at every point"
                for table in tables.values():
                    table.keep(info.name, every)
            scored = [np.isfinite(t.axis[info.name]).any(axis=0) for t in tables.values()]
            count = int(np.any(scored, axis=0).sum())
        else:
            found = set_scores.get(info.name)
            count = len(found.pictures) if found and found.scores else 0
        summary.measured[info.name] = count
        if not count and summary.pictures:
            summary.notes.append(f"{info.label} is defined on none of the pictures.")
        elif count < summary.pictures:
            summary.notes.append(
                f"{info.label} is over the {count} of {summary.pictures} pictures on which it is "
                f"defined{where}."
            )


def _bd_figures(
    curves: Mapping[str, Sequence[MeanPoint]],
    metric: str,
    *,
    anchor: str,
    window: bd.Interval | None,
) -> dict[str, dict[str, bd.Delta]]:
    base = axis_points(curves.get(anchor, []), metric)
    deltas = {}
    for codec, curve in curves.items():
        test = axis_points(curve, metric)
        deltas[codec] = {
            "rate": bd.bd_rate(*base, *test, window=window),
            "quality": bd.bd_quality(*base, *test, window=window),
        }
    return deltas


def _add_intervals(
    deltas: dict[str, dict[str, bd.Delta]],
    tables: Mapping[str, PointTable],
    *,
    metric: str,
    anchor: str,
    window: bd.Interval | None,
) -> None:
    """Add to each BD-rate the interval of 95 % of its values over resampled pictures."""
    if anchor not in tables:
        return
    pictures = tables[anchor].defined(metric)
    count = int(pictures.sum())
    if count < MIN_PICTURES:
        return
    random = np.random.default_rng(_SEED)
    counts = random.multinomial(count, np.full(count, 1 / count), DRAWS).astype(np.float64)
    base = tables[anchor].resampled(metric, pictures, counts)
    for codec, table in tables.items():
        same = np.array_equal(table.defined(metric), pictures)
        if codec == anchor or not same or not math.isfinite(deltas[codec]["rate"].value):
            continue
        test = table.resampled(metric, pictures, counts)
        values = [
            bd.bd_rate(*sides, window=window).value for sides in zip(*base, *test, strict=True)
        ]
        finite = np.array([v for v in values if math.isfinite(v)])
        if len(finite) >= 0.95 * DRAWS:
            low, high = np.percentile(finite, (2.5, 97.5))
            interval = float(low), float(high)
            deltas[codec]["rate"] = replace(deltas[codec]["rate"], interval=interval)


def _ratios(
    tables: Mapping[str, PointTable],
    indices: Mapping[str, int],
    *,
    metric: str,
    anchor: str,
    window: bd.Interval | None,
) -> dict[str, dict[str, float]]:
    ratios: dict[str, dict[str, float]] = {}
    for picture, at in indices.items():
        base = tables[anchor].picture(metric, at) if anchor in tables else ([], [])
        ratios[picture] = {}
        for codec, table in tables.items():
            value = bd.bd_rate(*base, *table.picture(metric, at), window=window).value
            if math.isfinite(value):
                ratios[picture][codec] = 1 + value / 100
    return ratios


def _savings(
    tables: Mapping[str, PointTable], metric: str
) -> dict[str, dict[float, dict[str, Saving]]]:
    """Bytes of all codecs for the scores that pictures have in one codec at one quality."""
    savings: dict[str, dict[float, dict[str, Saving]]] = {}
    for reference, table in sorted(tables.items()):
        sizes = {
            codec: table.bytes if codec == reference else _sizes(other, table, metric)
            for codec, other in sorted(tables.items())
        }
        for row, quality in enumerate(table.qualities):
            for codec, size in sizes.items():
                known = np.isfinite(size[row])
                if known.any():
                    total, other_total = (float(x[row, known].sum()) for x in (table.bytes, size))
                    saving = Saving(round(total), round(other_total), int(known.sum()))
                    savings.setdefault(reference, {}).setdefault(quality, {})[codec] = saving
    return savings


def _sizes(codec: PointTable, reference: PointTable, metric: str) -> NDArray[np.float64]:
    """Bytes that a codec takes for the scores of another one's points: (qualities, pictures).

    NaN where its curve does not reach them.
    """
    sizes = np.full(reference.bytes.shape, math.nan)
    for at, pixels in enumerate(reference.pixels):
        rates = bd.rate_at(*codec.picture(metric, at), reference.axis[metric][:, at])
        sizes[:, at] = rates * pixels / 8
    return sizes
