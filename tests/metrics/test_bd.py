"""BD figures against the bjontegaard package and scipy, and on curves one can do by hand."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tccodec.metrics.bd import (
    NO_OVERLAP,
    OVERSHOOT,
    PiecewiseCubic,
    bd_quality,
    bd_rate,
    frontier,
    rate_at,
)

# two codecs of Kodak's anchors, (bpp, PSNR)
AVIF = (
    [0.1018, 0.1604, 0.2440, 0.3787, 0.5996, 0.8912],
    [26.91, 28.29, 29.76, 31.48, 33.66, 35.71],
)
JPEG = (
    [0.1543, 0.2684, 0.3695, 0.4582, 0.6150, 0.7434, 0.8648, 0.9959],
    [23.85, 26.67, 28.14, 29.14, 30.49, 31.42, 32.17, 32.91],
)


def oracle() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports matplotlib, which warns on its own account
        return pytest.importorskip("bjontegaard", reason="the oracle package is not installed")


def test_bd_of_known_curves() -> None:
    # the values are bjontegaard 1.3.0's on these points
    delta = bd_rate(*AVIF, *JPEG)
    assert delta.value == pytest.approx(118.68, abs=0.01)
    assert delta.low == 26.91
    assert delta.high == 32.91


@pytest.mark.parametrize("method", ["akima", "pchip"])
@pytest.mark.parametrize("pair", [(AVIF, JPEG), (JPEG, AVIF), (AVIF, AVIF)])
def test_oracle_agrees(method: Any, pair: Any) -> None:
    bd = oracle()
    options = {"method": method, "require_matching_points": False, "min_overlap": 0}
    a, b = pair
    assert bd_rate(*a, *b, method=method).value == pytest.approx(bd.bd_rate(*a, *b, **options))
    assert bd_quality(*a, *b, method=method).value == pytest.approx(bd.bd_psnr(*a, *b, **options))


# Not down to 1e-308, where SciPy itself overflows.
scores = st.floats(-5, 5).map(lambda v: round(v, 6))
increasing = st.lists(st.floats(0.05, 2), min_size=8, max_size=20).map(
    lambda steps: np.cumsum(steps)
)


@given(increasing, increasing, increasing, increasing, st.sampled_from(["akima", "pchip"]))
@example(  # nearly equal scores
    ra=np.cumsum([1.0, 1.0, 0.25, 0.25, 0.25, 0.125, 0.125, 0.125]),
    qa=np.cumsum([1.0, 0.125, 0.125, 0.125, 0.125, 0.125, 0.25, 0.25]),
    rt=np.cumsum([1.0, 0.125, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
    qt=np.cumsum([1.0, 1.0, 0.25, 1.0, 1.0, 1.0, 1.0, 1.0]),
    method="akima",
)
@settings(max_examples=60, deadline=None)
def test_oracle_agrees_on_any_curves(ra: Any, qa: Any, rt: Any, qt: Any, method: Any) -> None:
    bd = oracle()
    n, m = min(len(ra), len(qa)), min(len(rt), len(qt))
    a, b = (ra[:n], qa[:n]), (rt[:m], qt[:m])
    ours = bd_rate(*a, *b, method=method)
    if ours.warnings == (NO_OVERLAP,):
        assert max(qa[0], qt[0]) >= min(qa[n - 1], qt[m - 1])
        return
    theirs = bd.bd_rate(*a, *b, method=method, require_matching_points=False, min_overlap=0)
    if ours.warnings == (OVERSHOOT,):
        assert not rt[0] / ra[n - 1] <= 1 + theirs / 100 <= rt[m - 1] / ra[0]
        return
    assert ours.value == pytest.approx(theirs, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("method", ["akima", "pchip"])
@given(increasing, st.lists(scores, min_size=8, max_size=20))
@settings(max_examples=60, deadline=None)
def test_interpolation_is_scipys(method: Any, x: Any, y: Any) -> None:
    scipy = pytest.importorskip("scipy.interpolate")
    n = min(len(x), len(y))
    x, y = x[:n], np.array(y[:n])
    theirs = (scipy.Akima1DInterpolator if method == "akima" else scipy.PchipInterpolator)(x, y)
    ours = PiecewiseCubic(x, y, method)
    at = np.linspace(x[0], x[-1], 50)
    np.testing.assert_allclose(ours(at), theirs(at), atol=1e-6)
    low, high = x[0] + 0.01, x[-1] - 0.01
    assert ours.integral(low, high) == pytest.approx(theirs.integrate(low, high), abs=1e-6)


def test_half_the_bits_is_minus_fifty_per_cent() -> None:
    rates, quality = np.array([0.1, 0.2, 0.4, 0.8, 1.6]), np.array([28.0, 30, 32, 34, 36])
    assert bd_rate(rates, quality, rates / 2, quality).value == pytest.approx(-50)
    assert bd_quality(rates, quality, rates, quality + 1.5).value == pytest.approx(1.5)


def test_small_overlap_is_said() -> None:
    near = ([0.1, 0.2, 0.4, 0.8], [30.0, 32, 34, 36])
    far = ([0.1, 0.2, 0.4, 0.8], [35.0, 37, 39, 41])
    assert any("share less" in w for w in bd_rate(*near, *far).warnings)
    assert bd_rate(*near, *near).warnings == ()
    apart = bd_rate(*near, [0.1, 0.2], [50.0, 60])
    assert math.isnan(apart.value)
    assert apart.warnings == ("the curves do not overlap",)
    assert "fewer than 4 measured" in bd_rate(*near, [0.1, 0.8], [29.0, 37]).warnings[0]
    assert math.isnan(bd_rate(*near, [0.1], [30.0]).value)


@pytest.mark.parametrize("step", [1e-3, 1e-6, 1e-12])
def test_nearly_equal_scores_give_no_absurd_figure(step: float) -> None:
    flat = [0.35, 1.46, 1.94], [32.68, 32.68 + step, 44.75]
    assert bd_rate(*AVIF, *flat).warnings[-1] == OVERSHOOT
    assert math.isnan(bd_rate(*AVIF, *flat).value)
    near = [0.35, 0.35 + step / 100, 0.7], [28.0, 32.0, 35.0]
    assert bd_quality(*AVIF, *near).warnings[-1] == OVERSHOOT
    assert math.isnan(bd_quality(*AVIF, *near).value)


def test_frontier_drops_what_costs_more_and_gives_less() -> None:
    rates, quality = frontier([0.3, 0.1, 0.2, 0.25], [33, 30, 32, 31])
    assert rates.tolist() == [0.1, 0.2, 0.3]
    assert quality.tolist() == [30, 32, 33]


def test_rate_at_never_extrapolates() -> None:
    got = rate_at([0.1, 0.2, 0.4], [30, 32, 34], np.array([29.0, 32.0, 35.0]))
    assert math.isnan(got[0])
    assert got[1] == pytest.approx(0.2)
    assert math.isnan(got[2])


def test_curve_needs_increasing_points() -> None:
    with pytest.raises(ValueError, match="increase"):
        PiecewiseCubic([1, 1, 2], [0, 1, 2], "pchip")
    with pytest.raises(ValueError, match="two or more"):
        PiecewiseCubic([1], [0], "pchip")
