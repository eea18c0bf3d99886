"""Bjontegaard deltas between two rate-quality curves.

Piecewise cubics over the logarithm of the rate interpolate the curves (Akima 1970, or PCHIP after
Fritsch and Butland 1984 with Moler's ends) and are integrated exactly. Bjontegaard's own single
cubic of 2001 is left out on purpose: it misleads with more than four points. The numbers equal
those of the package `bjontegaard`, as tests check. That package is not used here because it would
bring matplotlib.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Method = Literal["akima", "pchip"]
Array = NDArray[np.float64]
Interval = tuple[float, float]  # low, high

# Below this share of common quality range a BD figure says little (`bjontegaard`'s threshold).
MIN_OVERLAP = 0.75
# With fewer points than this the interpolation decides the figure, not the codec.
MIN_POINTS = 4
# With fewer points than this in the common interval, points outside it decide the figure.
MIN_INSIDE = 2

NO_CURVE = "fewer than two usable points"
NO_OVERLAP = "the curves do not overlap"
LITTLE_OVERLAP = f"the curves share less than {100 * MIN_OVERLAP:.0f} % of the range"
FEW_POINTS = f"a curve has fewer than {MIN_POINTS} measured points"
OVERSHOOT = "nearly equal scores at different rates make the interpolation overshoot"
FEW_INSIDE = f"a curve has fewer than {MIN_INSIDE} measured points in the range"
_EMPTY = (math.inf, -math.inf)


@dataclass(frozen=True)
class Delta:
    """One Bjontegaard delta.

    `value` is per cent of rate for `bd_rate` (negative: fewer bits than the anchor) and
    quality units for `bd_quality`; NaN if there is none, for a reason in `warnings`. `low`/`high`
    bound the common interval (quality, or bits per pixel), `overlap` is its share of the joint
    interval, and `anchor_bpp` are the anchor's rates at its ends. `interval` holds the value for
    95 % of resampled sets of pictures, if it was computed.
    """

    value: float
    low: float
    high: float
    overlap: float
    anchor_bpp: Interval
    warnings: tuple[str, ...] = ()
    interval: Interval | None = None


class PiecewiseCubic:
    """A C1 cubic through points `x` (strictly increasing), `y`; linear for two points.

    It does not extrapolate: outside `x` the value is NaN.
    """

    def __init__(self, x: Sequence[float] | Array, y: Sequence[float] | Array, method: Method):
        self.x = np.asarray(x, dtype=np.float64)
        self.y = np.asarray(y, dtype=np.float64)
        if self.x.ndim != 1 or self.x.shape != self.y.shape or len(self.x) < 2:
            raise ValueError("a curve needs two or more points of x and y")
        if not (np.diff(self.x) > 0).all():
            raise ValueError("x must increase strictly")
        h = np.diff(self.x)
        m = np.diff(self.y) / h
        if len(self.x) == 2:
            t = np.array([m[0], m[0]])
        else:
            t = _akima_slopes(m) if method == "akima" else _pchip_slopes(h, m)
        # y = y0 + c1 s + c2 s^2 + c3 s^3 with s = x - x0 on each piece
        self._c1 = t[:-1]
        self._c2 = (3 * m - 2 * t[:-1] - t[1:]) / h
        self._c3 = (t[:-1] + t[1:] - 2 * m) / h**2

    def __call__(self, at: float | Array) -> Array:
        """Values at `at`; NaN outside the points."""
        at = np.asarray(at, dtype=np.float64)
        i = np.clip(np.searchsorted(self.x, at, side="right") - 1, 0, len(self.x) - 2)
        s = at - self.x[i]
        value = self.y[i] + s * (self._c1[i] + s * (self._c2[i] + s * self._c3[i]))
        inside = (at >= self.x[0]) & (at <= self.x[-1])
        return np.where(inside, value, np.nan)

    def integral(self, low: float, high: float) -> float:
        """The exact integral from `low` to `high`, both inside the points."""
        edges = np.concatenate([[low], self.x[(self.x > low) & (self.x < high)], [high]])
        i = np.clip(np.searchsorted(self.x, edges[:-1], side="right") - 1, 0, len(self.x) - 2)

        def primitive(s: Array) -> Array:
            c3, c2, c1 = self._c3[i] / 4, self._c2[i] / 3, self._c1[i] / 2
            return np.asarray(s * (self.y[i] + s * (c1 + s * (c2 + s * c3))))

        return float((primitive(edges[1:] - self.x[i]) - primitive(edges[:-1] - self.x[i])).sum())


def _akima_slopes(m: Array) -> Array:
    """Akima's slopes from the `n - 1` secants `m`; the mean if his rule divides 0 by 0.

    Source: Akima, "A new method of interpolation", JACM 17 (1970); the cut at 1e-9 is scipy's.
    """
    left = [3 * m[0] - 2 * m[1], 2 * m[0] - m[1]]
    right = [2 * m[-1] - m[-2], 3 * m[-1] - 2 * m[-2]]
    e = np.concatenate([left, m, right])
    d = np.abs(np.diff(e))
    w1, w2 = d[2:], d[:-2]
    total = w1 + w2
    slopes = np.asarray(0.5 * (e[3:] + e[:-3]))
    good = total > 1e-9 * total.max()
    mid, nxt = e[1:-2], e[2:-1]
    slopes[good] = mid[good] + (w2[good] / total[good]) * (nxt[good] - mid[good])
    return slopes


def _pchip_slopes(h: Array, m: Array) -> Array:
    """Monotone slopes: weighted harmonic means inside, shape-preserving parabola at the ends."""
    t = np.zeros(len(m) + 1)
    same = np.sign(m[:-1]) * np.sign(m[1:]) > 0
    w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        harmonic = (w1 + w2) / (w1 / m[:-1] + w2 / m[1:])
    t[1:-1] = np.where(same, harmonic, 0.0)
    t[0] = _end_slope(h[0], h[1], m[0], m[1])
    t[-1] = _end_slope(h[-1], h[-2], m[-1], m[-2])
    return t


def _end_slope(h0: float, h1: float, m0: float, m1: float) -> float:
    d = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    if np.sign(d) != np.sign(m0):
        return 0.0
    if np.sign(m0) != np.sign(m1) and abs(d) > 3 * abs(m0):
        return float(3 * m0)
    return float(d)


def frontier(
    rates: Sequence[float] | Array, qualities: Sequence[float] | Array
) -> tuple[Array, Array]:
    """Sort by rate, and keep the points that no cheaper point equals or beats.

    Both coordinates of the result increase strictly, as the interpolations need. Real encoders have
    settings that cost more and give less; nobody would use those.
    """
    best = -math.inf
    kept: list[tuple[float, float]] = []
    for rate, quality in sorted(zip(rates, qualities, strict=True), key=lambda p: (p[0], -p[1])):
        if math.isfinite(quality) and rate > 0 and quality > best:
            kept.append((rate, quality))
            best = quality
    points = np.array(kept, dtype=np.float64).reshape(-1, 2)
    return points[:, 0], points[:, 1]


def _delta(
    anchor: tuple[Array, Array],
    test: tuple[Array, Array],
    *,
    intervals: tuple[Interval, Interval],
    joint: Interval,
    method: Method,
) -> tuple[float, float, float, float, list[str]]:
    """Mean of (test - anchor) over the common part of `intervals`; curves are (x, y), rising in x.

    An interval is the part of a curve's x that counts, within its points. `joint` is the length
    that a perfect overlap would have.
    """
    (xa, ya), (xt, yt) = anchor, test
    if min(len(xa), len(xt)) < 2:
        return math.nan, math.nan, math.nan, 0.0, [NO_CURVE]
    low, high = max(intervals[0][0], intervals[1][0]), min(intervals[0][1], intervals[1][1])
    if high <= low:
        return math.nan, math.nan, math.nan, 0.0, [NO_OVERLAP]
    overlap = (high - low) / (joint[1] - joint[0])
    notes = []
    if overlap < MIN_OVERLAP:
        notes.append(LITTLE_OVERLAP)
    if min(len(xa), len(xt)) < MIN_POINTS:
        notes.append(FEW_POINTS)
    elif min(int(((x >= low) & (x <= high)).sum()) for x in (xa, xt)) < MIN_INSIDE:
        notes.append(FEW_INSIDE)
    fa, ft = PiecewiseCubic(xa, ya, method), PiecewiseCubic(xt, yt, method)
    mean = (ft.integral(low, high) - fa.integral(low, high)) / (high - low)
    if not yt[0] - ya[-1] <= mean <= yt[-1] - ya[0]:  # further apart than any two points
        return math.nan, math.nan, math.nan, float(overlap), [OVERSHOOT]
    return float(mean), float(low), float(high), float(overlap), notes


def bd_rate(
    anchor_rates: Sequence[float] | Array,
    anchor_qualities: Sequence[float] | Array,
    rates: Sequence[float] | Array,
    qualities: Sequence[float] | Array,
    *,
    window: Interval | None = None,
    method: Method = "akima",
) -> Delta:
    """Mean rate difference at equal quality, per cent, over the common quality interval.

    A `window` of rates limits the interval to the anchor's qualities at these rates. The curves go
    through all points, in the window or not.
    """
    ra, qa = frontier(anchor_rates, anchor_qualities)
    rt, qt = frontier(rates, qualities)
    intervals = _qualities(ra, qa, window), _qualities(rt, qt, None)
    joint = intervals[0] if window else _union(intervals)
    curves = (qa, np.log10(ra)), (qt, np.log10(rt))
    mean, low, high, overlap, notes = _delta(
        *curves, intervals=intervals, joint=joint, method=method
    )
    ends = (math.nan, math.nan)
    if math.isfinite(mean):
        log = _log_rates(ra, window)
        ends = (
            10 ** log[0] if low == intervals[0][0] else _rates(ra, qa, low),
            10 ** log[1] if high == intervals[0][1] else _rates(ra, qa, high),
        )
    return Delta(
        value=(10**mean - 1) * 100,
        low=low,
        high=high,
        overlap=overlap,
        anchor_bpp=ends,
        warnings=tuple(notes),
    )


def bd_quality(
    anchor_rates: Sequence[float] | Array,
    anchor_qualities: Sequence[float] | Array,
    rates: Sequence[float] | Array,
    qualities: Sequence[float] | Array,
    *,
    window: Interval | None = None,
    method: Method = "akima",
) -> Delta:
    """Mean quality difference at equal rate over the common interval of log rate.

    A `window` of rates limits that interval.
    """
    ra, qa = frontier(anchor_rates, anchor_qualities)
    rt, qt = frontier(rates, qualities)
    intervals = _log_rates(ra, window), _log_rates(rt, window)
    curves = (np.log10(ra), qa), (np.log10(rt), qt)
    mean, low, high, overlap, notes = _delta(
        *curves, intervals=intervals, joint=_union(intervals), method=method
    )
    return Delta(
        value=mean,
        low=10**low,
        high=10**high,
        overlap=overlap,
        anchor_bpp=(10**low, 10**high),
        warnings=tuple(notes),
    )


def _union(intervals: tuple[Interval, Interval]) -> Interval:
    (a, b), (c, d) = intervals
    return min(a, c), max(b, d)


def _log_rates(rates: Array, window: Interval | None) -> Interval:
    """The logarithms of the rates that a curve has within `window`; empty (inf, -inf) if none."""
    if len(rates) < 2:
        return _EMPTY
    low, high = window or (0.0, math.inf)
    low, high = max(low, float(rates[0])), min(high, float(rates[-1]))
    return (float(np.log10(low)), float(np.log10(high))) if low < high else _EMPTY


def _qualities(rates: Array, qualities: Array, window: Interval | None) -> Interval:
    """The qualities that a curve has within `window`."""
    low, high = _log_rates(rates, window)
    if low > high:
        return _EMPTY
    ends = float(qualities[0]), float(qualities[-1])
    if window is None:
        return ends
    x = np.log10(rates)
    at = PiecewiseCubic(x, qualities, "pchip")
    return (
        ends[0] if low <= x[0] else float(at(low)),
        ends[1] if high >= x[-1] else float(at(high)),
    )


def _rates(rates: Array, qualities: Array, wanted: float) -> float:
    at = PiecewiseCubic(qualities, np.log10(rates), "pchip")
    return float(10 ** at(np.clip(wanted, qualities[0], qualities[-1])))


def rate_at(rates: Sequence[float], qualities: Sequence[float], wanted: float | Array) -> Array:
    """Rates that a curve needs for the qualities `wanted` (monotone PCHIP on log rate).

    NaN for qualities outside the curve. PCHIP never overshoots between two points.
    """
    r, q = frontier(rates, qualities)
    if len(r) < 2:
        return np.full(np.shape(wanted), np.nan)
    return np.asarray(10 ** PiecewiseCubic(q, np.log10(r), "pchip")(wanted))
