"""From points to curves: means per setting, and the curve of each single picture."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tccodec.report.bd import Array, PiecewiseCubic, frontier
from tccodec.report.metrics import MetricInfo

Record = dict[str, Any]
Window = tuple[float, float]


@dataclass(frozen=True)
class MeanPoint:
    """Means over pictures of one codec at one setting.

    ``scores`` are means of the metric as it is, ``axis`` means of its axis value (dB for SSIM);
    seconds are per megapixel, geometric means.
    """

    quality: float
    pictures: int
    bpp: float
    total_bytes: int
    scores: dict[str, float]
    axis: dict[str, float]
    encode_s_per_mp: float
    decode_s_per_mp: float

    def as_dict(self) -> dict[str, Any]:
        """Flat plain data: ``psnr``, ``ms-ssim`` and, where the axis differs, ``ms-ssim:axis``."""
        flat: dict[str, Any] = {
            "quality": self.quality,
            "pictures": self.pictures,
            "bpp": self.bpp,
            "total_bytes": self.total_bytes,
            "encode_s_per_mp": self.encode_s_per_mp,
            "decode_s_per_mp": self.decode_s_per_mp,
        }
        axis = {f"{name}:axis": value for name, value in self.axis.items()}
        return flat | self.scores | {k: v for k, v in axis.items() if v != self.scores[k[:-5]]}


def complete_pictures(records: Iterable[Record], codecs: Sequence[str]) -> set[str]:
    """Pictures that have every point that any picture has of ``codecs``.

    Means are taken over these only: a mean over other pictures at each setting would compare the
    pictures, not the codecs.
    """
    have: dict[str, set[tuple[str, float]]] = defaultdict(set)
    for r in records:
        if r["codec"] in codecs:
            have[r["picture"]].add((r["codec"], r["quality"]))
    if not have:
        return set()
    wanted = set().union(*have.values())
    if {codec for codec, _ in wanted} != set(codecs):
        return set()
    return {picture for picture, points in have.items() if points == wanted}


def mean_curve(
    records: Iterable[Record],
    infos: Sequence[MetricInfo],
    extra: Mapping[float, Mapping[str, float]],
) -> list[MeanPoint]:
    """Means per quality of one codec's records; ``extra`` holds set metrics by quality."""
    groups: dict[float, list[Record]] = defaultdict(list)
    for r in records:
        groups[r["quality"]].append(r)
    points = []
    for quality, group in sorted(groups.items()):
        scores: dict[str, float] = {}
        axis: dict[str, float] = {}
        for info in infos:
            values = [r[info.name] for r in group if r.get(info.name) is not None]
            if info.per_picture and values:
                scores[info.name] = float(np.mean(values))
                axis[info.name] = float(np.mean([info.axis_value(v) for v in values]))
            elif info.name in extra.get(quality, {}):
                scores[info.name] = extra[quality][info.name]
                axis[info.name] = info.axis_value(scores[info.name])
        points.append(
            MeanPoint(
                quality=quality,
                pictures=len(group),
                bpp=float(np.mean([r["bpp"] for r in group])),
                total_bytes=int(sum(r["bytes"] for r in group)),
                scores=scores,
                axis=axis,
                encode_s_per_mp=geometric_mean([r["encode_s_per_mp"] for r in group]),
                decode_s_per_mp=geometric_mean([r["decode_s_per_mp"] for r in group]),
            )
        )
    return points


def geometric_mean(values: Sequence[float]) -> float:
    """NaN for no values; zeros (a clock too coarse) count as a microsecond."""
    if not values:
        return math.nan
    return float(np.exp(np.mean(np.log(np.maximum(values, 1e-6)))))


def axis_points(
    curve: Sequence[MeanPoint], metric: str, window: Window | None = None
) -> tuple[list[float], list[float]]:
    """(bpp, axis value) of a mean curve, within ``window`` of bits per pixel."""
    low, high = window or (0.0, math.inf)
    kept = [p for p in curve if metric in p.axis and low <= p.bpp <= high]
    return [p.bpp for p in kept], [p.axis[metric] for p in kept]


class PictureCurve:
    """Bytes of one codec on one picture as a function of a metric's axis value."""

    def __init__(self, records: Sequence[Record], info: MetricInfo) -> None:
        pairs = [(r["bytes"], r.get(info.name)) for r in records]
        usable = [(b, info.axis_value(v)) for b, v in pairs if v is not None]
        sizes, values = frontier([b for b, _ in usable], [v for _, v in usable])
        self._curve = PiecewiseCubic(values, np.log(sizes), "pchip") if len(sizes) >= 2 else None

    def bytes_at(self, values: Array) -> Array:
        """Bytes for the axis ``values``; NaN where the codec was not measured that low or high."""
        if self._curve is None:
            return np.full(np.shape(values), np.nan)
        return np.asarray(np.exp(self._curve(values)))
