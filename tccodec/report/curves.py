"""The mean curve of each codec over a folder, and resampled curves.

A folder counts as one large picture: rates are total bytes over total pixels, and scores are means
weighted by pixels. Tiny pictures do not count, unless there are no others.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tccodec.metrics import MetricInfo
from tccodec.metrics.bd import Array

Record = dict[str, Any]
# A file with fewer pixels than this is nearly all header and says nothing about coding.
TINY_PIXELS = 32 * 32
Curve = tuple[list[float], list[float]]


@dataclass(frozen=True)
class MeanPoint:
    """One codec at one quality over the pictures of a folder.

    `bpp` is over all of them, `rates` over those for which a metric is defined. `scores` are means
    of the metric itself, `axis` means of its axis value (dB for SSIM).
    """

    quality: float
    pictures: int
    bpp: float
    total_bytes: int
    scores: dict[str, float]
    axis: dict[str, float]
    rates: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Flat plain data: `psnr` and, where they differ, `psnr:axis` and `psnr:bpp`."""
        flat: dict[str, Any] = {
            "quality": self.quality,
            "pictures": self.pictures,
            "bpp": self.bpp,
            "total_bytes": self.total_bytes,
        }
        for name, score in self.scores.items():
            flat[name] = score
            if self.axis[name] != score:
                flat[f"{name}:axis"] = self.axis[name]
            if self.rates[name] != self.bpp:
                flat[f"{name}:bpp"] = self.rates[name]
        return flat


@dataclass(frozen=True)
class SetScores:
    """A metric of sets: its scores by codec and quality, and the pictures that it is over."""

    pictures: set[str]
    scores: dict[tuple[str, float], float] = field(default_factory=dict)


def complete_pictures(records: Iterable[Record], codecs: Sequence[str]) -> set[str]:
    """Pictures with every point of `codecs` that any picture has.

    Means are taken over these only. With other pictures at each quality, a mean would compare
    pictures, not codecs.
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


def without_tiny(records: Sequence[Record]) -> list[Record]:
    """The records of pictures that are not tiny, or all records if all pictures are."""
    kept = [r for r in records if r["width"] * r["height"] >= TINY_PIXELS]
    return kept or list(records)


class PointTable:
    """All points of one codec as arrays (qualities, pictures); NaN for missing ones."""

    def __init__(
        self,
        records: Sequence[Record],
        *,
        pictures: Mapping[str, int],
        pixels: Array,
        infos: Sequence[MetricInfo],
    ) -> None:
        self.qualities = sorted({r["quality"] for r in records})
        self.pixels = pixels
        shape = (len(self.qualities), len(pixels))
        self.bytes = np.full(shape, np.nan)
        self.scores = {info.name: np.full(shape, np.nan) for info in infos if info.per_picture}
        rows = {quality: i for i, quality in enumerate(self.qualities)}
        for r in records:
            at = rows[r["quality"]], pictures[r["picture"]]
            self.bytes[at] = r["bytes"]
            for name, values in self.scores.items():
                if r.get(name) is not None:
                    values[at] = r[name]
        self.axis = {
            info.name: _map(info.axis_value, self.scores[info.name])
            for info in infos
            if info.per_picture
        }

    def keep(self, metric: str, pictures: NDArray[np.bool_]) -> None:
        """Drop the scores of `metric`, except for these pictures (a mask)."""
        self.scores[metric][:, ~pictures] = np.nan
        self.axis[metric][:, ~pictures] = np.nan

    def points(
        self,
        codec: str,
        sets: Sequence[tuple[MetricInfo, SetScores]],
        *,
        pictures: Mapping[str, int],
    ) -> list[MeanPoint]:
        """Means by quality, and the scores of `codec` that metrics of `sets` have."""
        of_sets = [np.array([p in s.pictures for p in pictures], np.bool_) for _, s in sets]
        means = []
        for i, quality in enumerate(self.qualities):
            coded = np.isfinite(self.bytes[i])
            total = self.bytes[i][coded].sum()
            bpp = float(8 * total / self.pixels[coded].sum())
            scores: dict[str, float] = {}
            axis: dict[str, float] = {}
            rates: dict[str, float] = {}
            for name, values in self.scores.items():
                good = np.isfinite(values[i])
                if good.any():
                    weights = self.pixels[good]
                    scores[name] = float(np.average(values[i][good], weights=weights))
                    axis[name] = float(np.average(self.axis[name][i][good], weights=weights))
                    rates[name] = float(8 * self.bytes[i][good].sum() / weights.sum())
            for (info, found), of_set in zip(sets, of_sets, strict=True):
                good = coded & of_set
                if (codec, quality) in found.scores and good.any():
                    scores[info.name] = found.scores[codec, quality]
                    axis[info.name] = info.axis_value(scores[info.name])
                    rates[info.name] = float(
                        8 * self.bytes[i][good].sum() / self.pixels[good].sum()
                    )
            means.append(
                MeanPoint(
                    quality=quality,
                    pictures=int(coded.sum()),
                    bpp=bpp,
                    total_bytes=int(total),
                    scores=scores,
                    axis=axis,
                    rates=rates,
                )
            )
        return means

    def picture(self, metric: str, index: int) -> Curve:
        """The curve of one picture: bits per pixel and axis values."""
        good = np.isfinite(self.axis[metric][:, index])
        rates = 8 * self.bytes[good, index] / self.pixels[index]
        return rates.tolist(), self.axis[metric][good, index].tolist()

    def defined(self, metric: str) -> NDArray[np.bool_]:
        """The pictures (a mask) for which `metric` is defined at every quality."""
        return np.asarray(np.isfinite(self.axis[metric]).all(axis=0))

    def resampled(
        self, metric: str, pictures: NDArray[np.bool_], counts: Array
    ) -> tuple[Array, Array]:
        """Rates and axis values (draws, qualities) for `counts` (draws, of these `pictures`)."""
        weights = counts * self.pixels[pictures]
        total = weights.sum(axis=1, keepdims=True)
        rates = 8 * counts @ self.bytes[:, pictures].T / total
        return rates, weights @ self.axis[metric][:, pictures].T / total


def _map(function: Any, values: Array) -> Array:
    mapped = [function(v) if math.isfinite(v) else math.nan for v in values.ravel()]
    return np.array(mapped, dtype=np.float64).reshape(values.shape)


def axis_points(curve: Sequence[MeanPoint], metric: str) -> Curve:
    """(bpp, axis value) of a mean curve."""
    kept = [p for p in curve if metric in p.axis]
    return [p.rates[metric] for p in kept], [p.axis[metric] for p in kept]
