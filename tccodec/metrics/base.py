"""What every metric says about itself, and the two shapes a metric can have."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Array8 = NDArray[np.uint8]
# How a score becomes the axis of a curve. `db`: -10 log10(1 - x); `negative`: -x.
Axis = Literal["value", "db", "negative"]

# SSIM-like scores of identical pictures would be infinite dB; 1e-10 off one is 100 dB.
_SMALLEST_GAP = 1e-10


@dataclass(frozen=True)
class MetricInfo:
    """Name, unit, direction and definition of a metric, as the report's footer prints them.

    `axis` says which transform of the per-picture score is averaged and used for BD figures.
    `digits` is the number of decimals worth showing.
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
        """The score as a number that grows with quality and suits interpolation."""
        if self.axis == "db":
            return -10 * math.log10(max(1 - score, _SMALLEST_GAP))
        return -score if self.axis == "negative" else score

    def axis_label(self) -> str:
        """Title of a curve's vertical axis."""
        if self.axis == "db":
            return f"{self.label}, dB"
        return f"{self.label}, {self.unit}" if self.unit else self.label

    def as_dict(self) -> dict[str, Any]:
        """Plain data for results.json."""
        return asdict(self)


class Metric(Protocol):
    """A metric of one picture pair."""

    info: MetricInfo

    def prepare(self, original: Array8) -> Any:
        """Whatever can be computed once per original; handed back to `score`."""

    def score(self, original: Array8, decoded: Array8, prepared: Any) -> float | None:
        """The score, or None where the metric is not defined (a picture too small, say)."""


class SetMetric(Protocol):
    """A metric of two sets of pictures, computed from per-picture features."""

    info: MetricInfo

    def features(self, picture: Array8) -> NDArray[np.float16]:
        """Features (patches, dimensions) of one picture."""

    def distance(
        self, originals: NDArray[np.float16], decoded: NDArray[np.float16]
    ) -> float | None:
        """Distance of two feature sets, stacked over pictures."""
