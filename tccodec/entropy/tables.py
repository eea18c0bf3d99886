"""The 64 symbol tables: scale index -> integer counts. Computed once, at export.

A decoder never evaluates a distribution: it reads these integers from the model file. Table t
covers the symbols -radius..radius and an escape, `2 * radius + 2` counts that add up to 2**16,
each at least 1.
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

    def check(self) -> None:
        """Refuse tables that no encoder could have made (`BadModel`)."""
        if len(self.counts) != SCALES:
            raise BadModel(f"the model has {len(self.counts)} symbol tables, not {SCALES}")
        for t, c in enumerate(self.counts):
            if len(c) < 4 or len(c) % 2 or c.min() < 1 or int(c.sum()) != 1 << TOTAL_BITS:
                raise BadModel(f"symbol table {t} of the model is damaged")

    def prices(self, top: int) -> NDArray[np.float32]:
        """Bits of the magnitudes 0..top under each table, `(64, top + 1)`."""
        out = np.zeros((SCALES, top + 1), np.float32)
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
        for t in range(FIRST_CODED, SCALES):
            s = symbols[index == t].astype(np.int64)
            if not len(s):
                continue
            c, r = self.counts[t], self.radius[t]
            inside = np.abs(s) <= r
            n = np.bincount(np.where(inside, s + r, 2 * r + 1), minlength=len(c))
            total -= float((n * np.log2(c / 2.0**TOTAL_BITS)).sum())
            total += sum(escape_length(int(v), r) for v in s[~inside])
        return total


def check_tables(flat: NDArray[np.int32], sizes: list[int]) -> None:
    """Refuse tables that no export can have written (`ValueError`, `BadModel`)."""
    if min(sizes) < 4 or max(sizes) > 2 * MAX_RADIUS + 2:
        raise ValueError("int.table_sizes holds sizes that no symbol table has")
    if sum(sizes) != len(flat):
        raise ValueError("int.table_sizes does not fit int.tables")
    Tables.of(flat, sizes).check()


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


def logistic_weights(scale: float, radius: int) -> NDArray[np.float64]:
    """Probabilities of -radius..radius in unit bins, and of everything outside (last)."""
    edges = (np.arange(-radius, radius + 2) - 0.5) / scale
    cdf = 0.5 * (1.0 + np.tanh(0.5 * edges))
    tail = 2.0 * cdf[0]
    return np.append(np.diff(cdf), tail)


def logistic_tables() -> Tables:
    """Tables of the zero-mean logistic distribution that training assumes."""
    out = []
    for t in range(SCALES):
        scale = SCALE_MIN * math.exp(SCALE_LOG_RATIO * t)
        radius = min(MAX_RADIUS, max(2, math.ceil(11 * scale)))
        out.append(to_counts(logistic_weights(scale, radius)))
    return Tables(tuple(out))


def fitted_tables(histograms: list[NDArray[np.float64]]) -> Tables:
    """Tables fitted to symbols that were seen, with the logistic tables as their prior.

    `histograms[t] (2 * radius + 2,)` counts the symbols seen under table t, in the order of the
    logistic table. The tables stay symmetric: after the mean is subtracted, signs carry no
    information.
    """
    out = []
    for counts, seen in zip(logistic_tables().counts, histograms, strict=True):
        h = seen.astype(np.float64)
        h[:-1] = 0.5 * (h[:-1] + h[:-1][::-1])
        out.append(to_counts(PRIOR_SYMBOLS * counts / counts.sum() + h))
    return Tables(tuple(out))
