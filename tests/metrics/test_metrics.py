"""Metrics against published and recorded values.

A, S and Q are synthetic pictures; their LPIPS, DISTS and feature values were recorded with the
original weights in fp32, before LPIPS was rounded to fp16 for the package.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tccodec.errors import NotAvailable, UnknownMetric
from tccodec.metrics import METRICS, Array8, describe, make_metric, metric_names
from tccodec.metrics.frechet import FrechetEffnet, frechet, patch_corners
from tccodec.metrics.learned import dists_shrunk
from tests.support.backbones import needs_backbones, pattern_a, pattern_q, pattern_s


def score(name: str, a: Array8, b: Array8) -> float | None:
    metric = make_metric(name)
    assert hasattr(metric, "prepare")
    value: float | None = metric.score(a, b, metric.prepare(a))
    return value


@pytest.mark.parametrize(
    ("n", "first", "second", "value"),
    [
        (64, pattern_s, pattern_q, 0.46300),
        (64, pattern_a, pattern_s, 0.67916),
        (64, pattern_s, pattern_s, 0.0),
        (256, pattern_s, pattern_q, 0.32249),
        (256, pattern_a, pattern_s, 0.78374),
    ],
)
def test_lpips(n: int, first: Any, second: Any, value: float) -> None:
    assert score("lpips", first(n), second(n)) == pytest.approx(value, abs=1e-4)


@needs_backbones
@pytest.mark.parametrize(
    ("n", "first", "second", "value"),
    [
        (256, pattern_s, pattern_q, 0.27923),
        (256, pattern_a, pattern_s, 0.53080),
        (256, pattern_s, pattern_s, 0.0),
        (64, pattern_s, pattern_q, 0.36657),
    ],
)
def test_dists(n: int, first: Any, second: Any, value: float) -> None:
    assert score("dists", first(n), second(n)) == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        ((322, 322), (256, 256)),
        ((347, 500), (256, 368)),  # 368.9
        ((374, 257), (372, 256)),  # 372.5
        ((512, 768), (256, 384)),
        ((256, 999), (256, 999)),
        ((40, 30), (40, 30)),
    ],
)
def test_dists_shrinks_the_short_side_to_256(
    size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    assert dists_shrunk(np.zeros((*size, 3), np.uint8)).shape[:2] == wanted


@needs_backbones
def test_efficientnet_features() -> None:
    metric = make_metric("frechet-effnet")
    assert isinstance(metric, FrechetEffnet)
    norms = [(pattern_a, 16.9244), (pattern_s, 18.6701)]
    for pattern, norm in norms:
        features = metric.features(pattern(224))
        assert features.shape == (1, 1280)
        assert np.linalg.norm(features.astype(np.float64)) == pytest.approx(norm, abs=5e-3)
    assert metric.features(pattern_a(223)).shape == (0, 1280)
    assert metric.distance(np.zeros((1, 1280), np.float16), np.zeros((1, 1280), np.float16)) is None


def test_missing_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TCCODEC_BACKBONES", raising=False)
    with pytest.raises(NotAvailable, match=r"lpips_vgg16.safetensors.*--backbones"):
        make_metric("dists", tmp_path)
    (tmp_path / "efficientnet_lite0.safetensors").write_bytes(b"not a tensor")
    with pytest.raises(NotAvailable, match="not a valid safetensors file"):
        make_metric("frechet-effnet", tmp_path)


@pytest.mark.parametrize(
    ("name", "package"), [("ssimulacra2", "ssimulacra2"), ("ms-ssim", "pytorch-msssim")]
)
def test_a_missing_package_is_named(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package.replace("-", "_"), None)
    text = f"{package} is not available: it is not installed; pip install {package}"
    with pytest.raises(NotAvailable) as caught:
        make_metric(name)
    assert str(caught.value) == text


def test_frechet_of_gaussians() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(4000, 3)) * [1, 2, 3]
    b = rng.normal(size=(4000, 3)) * [1, 1, 1] + [1, 0, 0]
    # independent axes: (m1 - m2)^2 + sum of (s1 - s2)^2
    assert frechet(a, b) == pytest.approx(1 + 0 + 1 + 4, rel=0.05)
    assert frechet(a, a) == pytest.approx(0, abs=1e-6)
    few = rng.normal(size=(10, 50))
    assert frechet(few, few) == pytest.approx(0, abs=1e-6)


def test_patches_lie_inside() -> None:
    assert patch_corners(223, 5000) == []
    assert patch_corners(224, 224) == [(0, 0)]
    assert len(patch_corners(3000, 4000)) == 6
    assert all(t + 224 <= 500 and x + 224 <= 700 for t, x in patch_corners(500, 700))


def test_psnr_by_hand() -> None:
    a = np.zeros((300, 8, 3), np.uint8)
    b = a.copy()
    b[..., 1] = 5
    assert score("psnr", a, b) == pytest.approx(10 * np.log10(255**2 / (25 / 3)))
    assert score("psnr", a, a) == 100


def ssim_by_definition(a: Array8, b: Array8) -> float:
    """Wang et al. 2004: means, variances and covariance under a Gaussian window of 11 x 11."""
    ndimage = pytest.importorskip("scipy.ndimage")
    window = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window /= window.sum()

    def mean(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        rows = ndimage.correlate1d(x, window, 0)
        return np.asarray(ndimage.correlate1d(rows, window, 1)[5:-5, 5:-5])

    x, y = a.astype(float), b.astype(float)
    mx, my, c1, c2 = mean(x), mean(y), (0.01 * 255) ** 2, (0.03 * 255) ** 2
    vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    index = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return float(index.mean())


def test_ssim_family() -> None:
    a, b = pattern_s(192), pattern_q(192)
    assert score("ssim", a, b) == pytest.approx(ssim_by_definition(a, b), abs=1e-4)
    assert score("ms-ssim", a, b) == pytest.approx(0.85494, abs=1e-4)
    for name in ("ssim", "ms-ssim"):
        assert score(name, a, a) == pytest.approx(1)
    assert score("ms-ssim", a[:160], b[:160]) is None
    assert score("ssim", a[:10], b[:10]) is None


def test_ssimulacra2() -> None:
    pytest.importorskip("ssimulacra2")
    a, b = pattern_s(64), pattern_q(64)
    assert score("ssimulacra2", a, a) == pytest.approx(100)
    assert score("ssimulacra2", a, b) == pytest.approx(-58.407, abs=0.01)


def test_small_pictures_have_no_learned_score() -> None:
    assert score("lpips", pattern_a(31), pattern_a(31)) is None


def test_names() -> None:
    assert set(METRICS) <= set(metric_names())
    with pytest.raises(UnknownMetric, match="did you mean lpips"):
        describe("lpip")
    with pytest.raises(UnknownMetric, match="known are psnr"):
        make_metric("vmaf9000")
    for name in metric_names():
        assert len(describe(name).definition) > 40, "the footer defines every metric"


def test_axes_grow_with_quality() -> None:
    assert describe("ms-ssim").axis_value(0.99) == pytest.approx(20)
    assert describe("ms-ssim").axis_value(1.0) == pytest.approx(100)
    assert describe("lpips").axis_value(0.2) == -0.2
    assert describe("psnr").axis_value(33.0) == 33.0
