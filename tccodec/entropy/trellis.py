"""Trellis-coded quantisation: two quantisers, and a state that says which one is in use.

A scalar quantiser has its points on a line, one step apart. Here two quantisers share a line of
points half as far apart, and the parity of each symbol decides, by a state, which of them codes the
next symbol of its *chain*. So the points of a whole chain are packed more densely than the steps of
one symbol would allow. An encoder searches for the cheapest path through the states (Viterbi).

    points of quantiser 0:   ... -2   -1    0    1    2 ...      times the spacing
    points of quantiser 1:  ... -1.5 -0.5   0   0.5  1.5 ...

Both have zero, as most symbols are zero at low rates. Each has symbol tables of its own.

Sources: Ungerboeck 1982 (the trellis); Marcellin and Fischer, "Trellis coded quantization of
memoryless and Gauss-Markov sources", 1990; Fischer and Wang, "Entropy-constrained trellis-coded
quantization", 1992; Kasner, Marcellin and Hunt, "Universal trellis coded quantization", 1999 (two
quantisers with zero).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STATES = 8
BLOCKS = 64  # symbols of a chain, but for the last ones
# What took the fewest bits with the released shapes (docs/research/ablations.md).
FIRST_TABLE, SPACING = 12, (20, 24)
Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


def quantiser(state: Bytes) -> Bytes:
    """Which quantiser codes the next symbol in a state: the state's highest bit."""
    result: Bytes = state >> np.uint8(2)
    return result


def _next_states() -> Bytes:
    """The state after `2 * state + parity of the symbol`, `(16,)`."""
    ones = [bin(state).count("1") for state in range(STATES)]
    return np.array(
        [s >> 1 | ((ones[s] + parity) % 2) << 2 for s in range(STATES) for parity in (0, 1)],
        np.uint8,
    )


NEXT = _next_states()


def chain_count(symbols: int) -> int:
    """How many chains a pass with so many symbols has: symbol i belongs to chain i modulo that."""
    return -(-symbols // BLOCKS)


def first_states(chains: int) -> Bytes:
    """The states in which the chains of a pass begin: all of them, by turns."""
    return (np.arange(chains) % STATES).astype(np.uint8)


@dataclass(frozen=True)
class Candidates:
    """The best symbols of either quantiser and parity: `(4, n)`, row `2 * quantiser + parity`.

    magnitude: int32. cost: bits + weight * error**2.
    """

    magnitude: NDArray[np.int32]
    cost: Floats


def cheapest_paths(candidates: Candidates) -> tuple[NDArray[np.int32], Bytes]:
    """Choose a path for every chain of a pass: magnitudes and quantisers of its n symbols."""
    n = candidates.cost.shape[1]
    chains = chain_count(n)
    whole = -(-n // chains)
    # Symbols that are not there cost nothing.
    costs = np.zeros((4, whole * chains), np.float32)
    costs[:, :n] = candidates.cost
    branches = costs.reshape(4, whole, chains).transpose(1, 0, 2).take(_BRANCHES, 1)
    at = np.arange(chains)
    cost = np.full((STATES, chains), np.float32(1e30))
    cost[first_states(chains), at] = 0
    # A state has two predecessors, which differ in their lowest bit and in the parity.
    before = cost.reshape(4, 2, chains).transpose(1, 0, 2)[:, None]
    sums = np.empty((2, 2, 4, chains), np.float32)
    one, other = sums.reshape(2, STATES, chains)
    second = np.empty((whole, STATES, chains), np.bool_)
    for branch, is_second in zip(branches.reshape(-1, *sums.shape), second, strict=True):
        np.add(branch, before, out=sums)
        np.less(other, one, out=is_second)
        np.minimum(one, other, out=cost)
    steps = np.empty((whole, chains), np.intp)  # 2 * state + which predecessor
    state = cost.argmin(0)
    for is_second, step in zip(second[::-1], steps[::-1], strict=True):
        np.add(2 * state, is_second.take(state * chains + at), out=step)
        state = _PREDECESSORS.take(step)
    row = _ROWS.take(steps).ravel()[:n]
    return candidates.magnitude[row, np.arange(n)], row >> np.uint8(1)


def _branches() -> NDArray[np.intp]:
    """The row of `Candidates` that leads into each state from its two predecessors, `(2, 8)`."""
    out = np.zeros((2, STATES), np.intp)
    for state in range(STATES):
        for which in (0, 1):
            before = 2 * (state & 3) + which
            parity = [int(NEXT[2 * before + p]) for p in (0, 1)].index(state)
            out[which, state] = 2 * (before >> 2) + parity
    return out


_BRANCHES = _branches()
# The same, and the predecessor, by `2 * state + which`.
_ROWS = _BRANCHES.T.ravel().astype(np.uint8)
_PREDECESSORS = np.arange(2 * STATES) % STATES


def candidates(
    residuals: Floats,
    weights: Floats,
    prices: Floats,
    *,
    tables: tuple[Bytes, Bytes],
    radii: NDArray[np.int32],
) -> Candidates:
    """The best symbol of either quantiser and parity for each residual.

    residuals: magnitudes in units of the spacing, `(n,)`. weights: the bits that a squared error of
    one spacing costs, `(n,)`. prices: bits of magnitudes by table, `(tables, m)`; larger ones cost
    as much as the last. tables: each symbol's table under either quantiser, `(n,)`. radii: the
    largest magnitude of each table; what is larger is an escape, and counts as one more.
    """
    # Zero has no smaller magnitude; beyond the last price all cost the same.
    never = np.full((len(prices), 1), np.inf, np.float32)
    padded = np.concatenate([never, prices, prices[:, -1:], prices[:, -1:]], axis=1)
    found = Candidates(
        np.empty((4, len(residuals)), np.int32), np.empty((4, len(residuals)), np.float32)
    )
    for q, of_all in enumerate(tables):
        rows = slice(2 * q, 2 * q + 2)
        _of_quantiser(
            residuals,
            weights,
            padded,
            tables=of_all,
            radii=radii,
            shift=np.float32(0.5 * q),
            out=Candidates(found.magnitude[rows], found.cost[rows]),
        )
    return found


def _of_quantiser(
    residuals: Floats,
    weights: Floats,
    prices: Floats,
    *,
    tables: Bytes,
    radii: NDArray[np.int32],
    shift: np.float32,
    out: Candidates,
) -> None:
    """The best symbols of a quantiser whose points, but for zero, lie `shift` nearer to zero.

    prices: by magnitude + 1. out: of the even ones and of the odd ones, `(2, n)`.
    """
    width = prices.shape[1]
    below = np.floor(residuals + shift)
    low = below.astype(np.int32)  # of the point at or below the residual
    place = tables.astype(np.int32) * width + 1 + np.minimum(low, width - 3)
    # Bits by squared error of that point and of its neighbours: w e^2 and w (e +- 1)^2.
    error = residuals - below + shift
    slope = weights * error
    of_low = slope * error
    of_next = of_low + weights
    slope += slope
    of_lower = of_next + slope
    of_high = of_next - slope
    price = prices.ravel()
    of_low += price.take(place)
    of_lower += price.take(place - 1)
    of_high += price.take(place + 1)
    # Of `low` and of the better of its neighbours, one is even and one is odd.
    other = np.where(of_lower < of_high, low - 1, low + 1)
    of_other = np.minimum(of_lower, of_high)
    odd = (low & 1).astype(np.bool_)
    out.magnitude[0], out.magnitude[1] = np.where(odd, other, low), np.where(odd, low, other)
    out.cost[0], out.cost[1] = np.where(odd, of_other, of_low), np.where(odd, of_low, of_other)
    # Zero may be the cheapest even symbol of any residual; its point is not shifted.
    of_zero = prices[:, 1].take(tables) + weights * residuals * residuals
    out.magnitude[0] *= of_zero > out.cost[0]
    np.minimum(out.cost[0], of_zero, out=out.cost[0])
    radius = radii.take(tables)
    far = np.flatnonzero(low >= radius)
    if len(far):  # all escapes have one parity, the largest magnitude of a table the other
        largest = radius[far]
        nearest = np.floor(residuals[far] + shift + np.float32(0.5)).astype(np.int32)
        for m in (largest, np.maximum(largest + 1, nearest)):
            parity = np.minimum(m, largest + 1) & 1
            errors = residuals[far] - m + shift
            out.magnitude[parity, far] = m
            out.cost[parity, far] = prices[tables[far], -1] + weights[far] * errors * errors
