"""The description of a metric, and the two kinds of metrics."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Array8 = NDArray[np.uint8]
Scores = dict[str, float | None]  # by metric; None where it is not defined
# How a score x becomes a coordinate of a curve. `db`: -10 log10(1 - x); `negative`: -x.
Axis = Literal["value", "db", "negative"]

# Identical pictures would have infinite dB; 1e-10 below 1 is 100 dB.
_SMALLEST_GAP = 1e-10


@dataclass(frozen=True)
class MetricInfo:
    """Name, unit, direction and definition of a metric, as the report prints them.

    `axis` is the transform of a picture's score that is averaged and used for BD figures.
    `digits` is the number of decimals to show.
    """

    name: str
    label: str
    unit: str
    higher_better: bool
    axis: Axis
    digits: int
    definition: str
    version: str
    per_picture: bool = True

    def axis_value(self, score: float) -> float:
        """The score as a number that grows with quality and can be interpolated well."""
        if self.axis == "db":
            return -10 * math.log10(max(1 - score, _SMALLEST_GAP))
        return -score if self.axis == "negative" else score

    def axis_label(self) -> str:
        """Title of the vertical axis."""
        if self.axis == "db":
            return f"{self.label}, dB"
        return f"{self.label}, {self.unit}" if self.unit else self.label

    def as_dict(self) -> dict[str, Any]:
        """Plain data for results.json."""
        return asdict(self)


class Metric(Protocol):
    """A metric of a pair of pictures."""

    info: MetricInfo

    def prepare(self, original: Array8) -> Any:
        """What can be computed once per original, for `score`."""

    def score(self, original: Array8, decoded: Array8, prepared: Any) -> float | None:
        """The score, or None if the metric is not defined, as for a picture too small."""


class SetMetric(Protocol):
    """A metric of two sets of pictures, computed from per-picture features."""

    info: MetricInfo

    def features(self, picture: Array8) -> NDArray[np.float16]:
        """Features (patches, dimensions) of one picture."""

    def distance(
        self, originals: NDArray[np.float16], decoded: NDArray[np.float16]
    ) -> float | None:
        """Distance of two sets of features, stacked over pictures."""
