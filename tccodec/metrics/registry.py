"""Metrics by name."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path

from tccodec.errors import UnknownMetric
from tccodec.metrics.base import Metric, MetricInfo, SetMetric
from tccodec.metrics.frechet import FrechetEffnet
from tccodec.metrics.learned import Dists, Lpips
from tccodec.metrics.pixel import MsSsim, Psnr, Ssim, Ssimulacra2

_MAKERS: dict[str, tuple[MetricInfo, Callable[[Path | None], Metric | SetMetric]]] = {
    "psnr": (Psnr.info, lambda _: Psnr()),
    "ssim": (Ssim.info, lambda _: Ssim()),
    "ms-ssim": (MsSsim.info, lambda _: MsSsim()),
    "lpips": (Lpips.info, Lpips),
    "dists": (Dists.info, Dists),
    "ssimulacra2": (Ssimulacra2.info, lambda _: Ssimulacra2()),
    "frechet-effnet": (FrechetEffnet.info, FrechetEffnet),
}

# The metrics of a report by default.
METRICS = ("psnr", "ssim", "ms-ssim", "lpips", "ssimulacra2")


def metric_names() -> list[str]:
    """All names that `--metrics` takes."""
    return list(_MAKERS)


def describe(name: str) -> MetricInfo:
    """A metric's definition, without loading it; the version may be empty then."""
    if name not in _MAKERS:
        near = get_close_matches(name, _MAKERS, n=1)
        hint = f"did you mean {near[0]}?" if near else "known are " + ", ".join(_MAKERS)
        raise UnknownMetric(f"there is no metric called {name!r}; {hint}")
    return _MAKERS[name][0]


def make_metric(name: str, backbones: Path | None = None) -> Metric | SetMetric:
    """Load a metric.

    Raises `UnknownMetric`, or `NotAvailable` if its library or weights are missing.
    """
    describe(name)
    return _MAKERS[name][1](backbones)
