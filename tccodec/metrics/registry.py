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

_OF_PICTURES: dict[str, tuple[MetricInfo, Callable[[Path | None], Metric]]] = {
    "psnr": (Psnr.info, lambda _: Psnr()),
    "ssim": (Ssim.info, lambda _: Ssim()),
    "ms-ssim": (MsSsim.info, lambda _: MsSsim()),
    "lpips": (Lpips.info, Lpips),
    "dists": (Dists.info, Dists),
    "ssimulacra2": (Ssimulacra2.info, lambda _: Ssimulacra2()),
}
_OF_SETS: dict[str, tuple[MetricInfo, Callable[[Path | None], SetMetric]]] = {
    "frechet-effnet": (FrechetEffnet.info, FrechetEffnet),
}
_INFOS = {name: info for name, (info, _) in (*_OF_PICTURES.items(), *_OF_SETS.items())}

# The metrics of a report by default.
METRICS = ("psnr", "ssim", "ms-ssim", "lpips", "ssimulacra2")


def metric_names() -> list[str]:
    """All names that `--metrics` takes."""
    return list(_INFOS)


def describe(name: str) -> MetricInfo:
    """A metric's definition, without loading it; the version may be empty then."""
    if name not in _INFOS:
        near = get_close_matches(name, _INFOS, n=1)
        hint = f"did you mean {near[0]}?" if near else "known are " + ", ".join(_INFOS)
        raise UnknownMetric(f"there is no metric called {name!r}; {hint}")
    return _INFOS[name]


def picture_metric(name: str, backbones: Path | None = None) -> Metric:
    """Load a metric of pairs of pictures; `NotAvailable` if its library or weights are missing."""
    return _OF_PICTURES[name][1](backbones)


def set_metric(name: str, backbones: Path | None = None) -> SetMetric:
    """Load a metric of sets of pictures; `NotAvailable` if its library or weights are missing."""
    return _OF_SETS[name][1](backbones)


def make_metric(name: str, backbones: Path | None = None) -> Metric | SetMetric:
    """Load a metric of either kind.

    Raises `UnknownMetric`, or `NotAvailable` if its library or weights are missing.
    """
    of_pictures = describe(name).per_picture
    return picture_metric(name, backbones) if of_pictures else set_metric(name, backbones)
