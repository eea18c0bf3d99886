"""What the points say: BD figures, bytes at equal quality, speed, and sentences about them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tccodec.report import bd
from tccodec.report.curves import (
    MeanPoint,
    PictureCurve,
    Record,
    Window,
    axis_points,
    complete_pictures,
    geometric_mean,
    mean_curve,
)
from tccodec.report.metrics import MetricInfo


@dataclass(frozen=True)
class Matched:
    """Bytes of a codec over the anchor's at equal quality, over matched (picture, setting) pairs.

    ``ratio`` is the geometric mean, ``smaller`` the share of pictures with a ratio below 1.
    """

    ratio: float
    pairs: int
    pictures: int
    smaller: float


@dataclass(frozen=True)
class Saving:
    """The folder in another codec at the quality that ``reference`` has at one setting.

    Sums over the ``pictures`` where the other codec reaches that quality.
    """

    reference_bytes: int
    bytes: int
    pictures: int


@dataclass
class Summary:
    """Everything a report concludes from its points; see the fields of each part."""

    anchor: str
    focus: str | None
    pictures: int = 0
    curves: dict[str, list[MeanPoint]] = field(default_factory=dict)
    #: metric -> codec -> {"rate": Delta, "quality": Delta}
    bd: dict[str, dict[str, dict[str, bd.Delta]]] = field(default_factory=dict)
    #: metric -> codec -> Matched
    matched: dict[str, dict[str, Matched]] = field(default_factory=dict)
    #: metric -> reference codec -> quality -> codec -> Saving
    savings: dict[str, dict[str, dict[float, dict[str, Saving]]]] = field(default_factory=dict)
    #: metric -> picture -> codec -> bytes over the anchor's (geometric mean over its settings)
    ratios: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    #: codec -> (encode, decode) seconds per megapixel, geometric mean over all points
    speed: dict[str, tuple[float, float]] = field(default_factory=dict)
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
            c: {"encode_s_per_mp": e, "decode_s_per_mp": d} for c, (e, d) in self.speed.items()
        }
        cleaned: dict[str, Any] = without_nan(plain)
        return cleaned


def without_nan(value: Any) -> Any:
    """Plain data with NaN and infinities replaced by None, which JSON can say."""
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
    window: Window | None,
    set_scores: Mapping[tuple[str, float], Mapping[str, float]],
) -> Summary:
    """Draw all conclusions; ``codecs`` are those with at least one point, the anchor among them.

    ``window`` limits the mean curves to a range of bits per pixel before BD figures are taken.
    """
    summary = Summary(anchor, focus)
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
    summary.pictures = len({r["picture"] for r in used})
    by_codec: dict[str, list[Record]] = defaultdict(list)
    for r in used:
        by_codec[r["codec"]].append(r)
    for codec in codecs:
        extra = {q: s for (c, q), s in set_scores.items() if c == codec}
        summary.curves[codec] = mean_curve(by_codec[codec], infos, extra)
        summary.speed[codec] = (
            geometric_mean([r["encode_s_per_mp"] for r in by_codec[codec]]),
            geometric_mean([r["decode_s_per_mp"] for r in by_codec[codec]]),
        )
    for info in infos:
        summary.bd[info.name] = _bd(summary.curves, info.name, anchor, window)
    _per_picture(summary, used, codecs, [i for i in infos if i.per_picture])
    return summary


def _bd(
    curves: Mapping[str, Sequence[MeanPoint]], metric: str, anchor: str, window: Window | None
) -> dict[str, dict[str, bd.Delta]]:
    base = axis_points(curves.get(anchor, []), metric, window)
    deltas = {}
    for codec, curve in curves.items():
        test = axis_points(curve, metric, window)
        deltas[codec] = {
            "rate": bd.bd_rate(*base, *test),
            "quality": bd.bd_quality(*base, *test),
        }
    return deltas


def _per_picture(
    summary: Summary, records: Sequence[Record], codecs: Sequence[str], infos: Sequence[MetricInfo]
) -> None:
    """Fill ``matched``, ``ratios`` and ``savings``: all compare within one picture."""
    pictures: dict[str, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for r in records:
        pictures[r["picture"]][r["codec"]].append(r)
    for info in infos:
        logs: dict[str, list[float]] = defaultdict(list)
        ratios: dict[str, dict[str, float]] = {}
        sums: dict[tuple[str, float, str], list[float]] = defaultdict(lambda: [0.0, 0.0, 0])
        for picture, by_codec in pictures.items():
            curves = {c: PictureCurve(by_codec[c], info) for c in codecs if c in by_codec}
            ratios[picture] = {}
            for ref in curves:
                points = [r for r in by_codec[ref] if r.get(info.name) is not None]
                if not points:
                    continue
                wanted = np.array([info.axis_value(r[info.name]) for r in points])
                own = np.array([r["bytes"] for r in points], dtype=np.float64)
                for codec, curve in curves.items():
                    size = own if codec == ref else curve.bytes_at(wanted)
                    good = np.isfinite(size)
                    for r, o, s in zip(points, own, size, strict=True):
                        if math.isfinite(s):
                            total = sums[ref, r["quality"], codec]
                            total[0] += o
                            total[1] += s
                            total[2] += 1
                    if ref == summary.anchor and good.any():
                        found = np.log(size[good] / own[good])
                        logs[codec] += found.tolist()
                        ratios[picture][codec] = float(np.exp(found.mean()))
        summary.ratios[info.name] = ratios
        summary.matched[info.name] = {
            codec: _matched(logs[codec], [r[codec] for r in ratios.values() if codec in r])
            for codec in codecs
            if logs[codec]
        }
        savings: dict[str, dict[float, dict[str, Saving]]] = defaultdict(lambda: defaultdict(dict))
        for (ref, quality, codec), (own_sum, size_sum, count) in sorted(sums.items()):
            savings[ref][quality][codec] = Saving(round(own_sum), round(size_sum), int(count))
        summary.savings[info.name] = {ref: dict(qs) for ref, qs in savings.items()}


def _matched(logs: Sequence[float], per_picture: Sequence[float]) -> Matched:
    return Matched(
        ratio=float(np.exp(np.mean(logs))),
        pairs=len(logs),
        pictures=len(per_picture),
        smaller=float(np.mean([r < 1 for r in per_picture])),
    )
