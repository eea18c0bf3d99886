"""The symbol tables, 64 or more: scale index -> integer counts. Computed once, at export.

A decoder never evaluates a distribution: it reads these integers from the model file. Table t
covers the symbols -radius..radius and an escape, `2 * radius + 2` counts that add up to 2**16,
each at least 1.

A model with a trellis (`trellis.py`) has more tables behind the 64, for its second quantiser: one
for each table from the first with two quantisers on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tccodec.errors import BadModel

SCALES = 64
SCALE_MIN, SCALE_MAX = 0.05, 256.0
SCALE_LOG_RATIO = math.log(SCALE_MAX / SCALE_MIN) / (SCALES - 1)
TOTAL_BITS = 16
MAX_RADIUS = 1000
# Symbols of the narrowest tables are zero by definition and take no space: their chance of
# being anything else is below 1 in 3000.
FIRST_CODED = 2
PRIOR_SYMBOLS = 3000.0  # how many seen symbols the logistic shape weighs as much as


def table_count(trellis: int) -> int:
    """How many tables a model has; `trellis`: the first one with two quantisers, 0 if none has."""
    return 2 * SCALES - trellis if trellis else SCALES


def to_second(trellis: int) -> int:
    """How far behind a table from `trellis` on that of the second quantiser is."""
    return SCALES - trellis


@dataclass(frozen=True)
class Tables:
    """`counts[t]`: int64 `(2 * radius[t] + 2,)`, escape last."""

    counts: tuple[NDArray[np.int64], ...]

    @classmethod
    def of(cls, flat: NDArray[np.int32], sizes: list[int]) -> Tables:
        """Tables from their concatenated counts; table t has `sizes[t]` of them."""
        return cls(tuple(np.split(flat.astype(np.int64), np.cumsum(sizes)[:-1])))

    @property
    def radius(self) -> list[int]:
        """Largest magnitude that table t codes without an escape."""
        return [(len(c) - 2) // 2 for c in self.counts]

    def check(self, trellis: int = 0) -> None:
        """Refuse tables that no encoder could have made (`BadModel`); see `table_count`."""
        count = table_count(trellis)
        if len(self.counts) != count:
            raise BadModel(f"the model has {len(self.counts)} symbol tables, not {count}")
        for t, c in enumerate(self.counts):
            if len(c) < 4 or len(c) % 2 or c.min() < 1 or int(c.sum()) != 1 << TOTAL_BITS:
                raise BadModel(f"symbol table {t} of the model is damaged")

    def prices(self, top: int) -> NDArray[np.float32]:
        """Bits of the magnitudes 0..top under each table, `(tables, top + 1)`."""
        out = np.zeros((len(self.counts), top + 1), np.float32)
        for t, (c, r) in enumerate(zip(self.counts, self.radius, strict=True)):
            for m in range(top + 1):
                inside = m <= r
                count = int(c[r + m] if inside else c[-1])
                extra = 0 if inside else escape_length(m, r)
                out[t, m] = TOTAL_BITS - math.log2(count) + extra
        return out

    def bits(self, symbols: NDArray[np.int32], index: NDArray[np.uint8]) -> float:
        """Ideal code length of `symbols (n,)` under tables `index (n,)`, in bits."""
        total = 0.0
        for t in range(FIRST_CODED, len(self.counts)):
            s = symbols[index == t].astype(np.int64)
            if not len(s):
                continue
            c, r = self.counts[t], self.radius[t]
            inside = np.abs(s) <= r
            n = np.bincount(np.where(inside, s + r, 2 * r + 1), minlength=len(c))
            total -= float((n * np.log2(c / 2.0**TOTAL_BITS)).sum())
            total += sum(escape_length(int(v), r) for v in s[~inside])
        return total


def check_tables(flat: NDArray[np.int32], sizes: list[int], *, trellis: int) -> None:
    """Refuse tables that no export can have written (`ValueError`, `BadModel`)."""
    if min(sizes) < 4 or max(sizes) > 2 * MAX_RADIUS + 2:
        raise ValueError("int.table_sizes holds sizes that no symbol table has")
    if sum(sizes) != len(flat):
        raise ValueError("int.table_sizes does not fit int.tables")
    Tables.of(flat, sizes).check(trellis)


def escape_length(symbol: int, radius: int) -> int:
    """Bits after the escape symbol: Exp-Golomb of order 4 (see `coder.escape_bits`)."""
    u = 2 * (abs(symbol) - radius - 1) + (symbol < 0) + 16
    return 2 * u.bit_length() - 5


def to_counts(weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Weights >= 0 -> integer counts >= 1 with the sum 2**16; the largest takes the remainder."""
    total = 1 << TOTAL_BITS
    p = weights / weights.sum()
    counts = 1 + np.floor(p * (total - len(p))).astype(np.int64)
    counts[int(np.argmax(counts))] += total - int(counts.sum())
    result: NDArray[np.int64] = counts
    return result


def logistic_weights(scale: float, edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities between `edges (n + 1,)`, which ascend, and of everything outside (last)."""
    cdf = 0.5 * (1.0 + np.tanh(0.5 * edges / scale))
    return np.append(np.diff(cdf), 2.0 * cdf[0])


def _edges(radius: int, spacing: float, *, second: bool) -> NDArray[np.float64]:
    """Where the bins of the symbols -radius..radius begin and end, in steps.

    They lie halfway between the points of the first or of the second quantiser.
    """
    m = np.arange(radius + 2)
    points = (m - 0.5 * (second & (m > 0))) * spacing
    upper = 0.5 * (points[:-1] + points[1:])
    return np.concatenate([-upper[::-1], upper])


def logistic_tables(trellis: int = 0, spacing: tuple[int, ...] = (16, 16)) -> Tables:
    """Tables of the zero-mean logistic distribution that training assumes.

    trellis, spacing: those of the model's `ModelConfig`.
    """
    out = []
    for t in range(table_count(trellis)):
        second = t >= SCALES
        index = t - to_second(trellis) if second else t
        scale = SCALE_MIN * math.exp(SCALE_LOG_RATIO * index)
        radius = min(MAX_RADIUS, max(2, math.ceil(11 * scale)))
        between = spacing[1 if trellis and index >= trellis else 0] / 16
        edges = _edges(radius, between, second=second)
        out.append(to_counts(logistic_weights(scale, edges)))
    return Tables(tuple(out))


def fitted_tables(histograms: list[NDArray[np.float64]], prior: Tables) -> Tables:
    """Tables fitted to symbols that were seen, with the logistic tables as their prior.

    `histograms[t] (2 * radius + 2,)` counts the symbols seen under table t, in the order of the
    logistic table. The tables stay symmetric: after the mean is subtracted, signs carry no
    information.
    """
    out = []
    for counts, seen in zip(prior.counts, histograms, strict=True):
        h = seen.astype(np.float64)
        h[:-1] = 0.5 * (h[:-1] + h[:-1][::-1])
        out.append(to_counts(PRIOR_SYMBOLS * counts / counts.sum() + h))
    return Tables(tuple(out))
