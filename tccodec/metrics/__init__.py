"""Picture quality metrics: classes with their definitions, found by name.

A metric compares an original and a decoded picture, both uint8 arrays (H, W, 3) in RGB. Torch and
the optional libraries are imported when a metric is first used, not with this module.
"""

from __future__ import annotations

from tccodec.metrics.base import Array8, Metric, MetricInfo, Scores, SetMetric
from tccodec.metrics.registry import (
    METRICS,
    describe,
    make_metric,
    metric_names,
    picture_metric,
    set_metric,
)

__all__ = [
    "METRICS",
    "Array8",
    "Metric",
    "MetricInfo",
    "Scores",
    "SetMetric",
    "describe",
    "make_metric",
    "metric_names",
    "picture_metric",
    "set_metric",
]
