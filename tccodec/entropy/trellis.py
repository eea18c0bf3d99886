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
    costs = costs.reshape(4, whole, chains)
    start = first_states(chains)
    cost = np.full((STATES, chains), np.float32(1e30))
    cost[start, np.arange(chains)] = 0
    second = np.empty((whole, STATES, chains), np.bool_)
    for block in range(whole):
        # A state has two predecessors, which differ in their lowest bit and in the parity.
        pairs = cost.reshape(4, 2, chains)
        branch = costs[:, block][_BRANCHES]  # (2, 8, chains)
        one = (branch[0].reshape(2, 4, chains) + pairs[:, 0]).reshape(STATES, chains)
        other = (branch[1].reshape(2, 4, chains) + pairs[:, 1]).reshape(STATES, chains)
        np.less(other, one, out=second[block])
        cost = np.minimum(one, other)
    rows = np.empty((whole, chains), np.uint8)
    at = np.arange(chains)
    state = cost.argmin(0)
    for block in reversed(range(whole)):
        chosen = second[block, state, at].view(np.uint8)
        rows[block] = _BRANCHES[chosen, state]
        state = 2 * (state & 3) + chosen
    row = rows.ravel()[:n]
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
    found = []
    for q, of_all in enumerate(tables):
        shift, radius = np.float32(0.5 * q), radii[of_all]
        found.append(
            _of_quantiser(residuals, weights, prices, tables=of_all, radius=radius, shift=shift)
        )
    magnitudes, costs = zip(*found, strict=True)
    return Candidates(np.concatenate(magnitudes), np.concatenate(costs))


def _of_quantiser(
    residuals: Floats,
    weights: Floats,
    prices: Floats,
    *,
    tables: Bytes,
    radius: NDArray[np.int32],
    shift: np.float32,
) -> tuple[NDArray[np.int32], Floats]:
    """The best symbols of a quantiser whose points lie `shift` nearer to zero.

    Magnitudes and costs of the even ones and of the odd ones, `(2, n)`.
    """
    top = prices.shape[1] - 1

    def cost(m: NDArray[np.int32]) -> Floats:
        error = residuals - m + shift * (m > 0)
        result: Floats = prices[tables, np.minimum(m, top)] + weights * error * error
        return result

    low = np.floor(residuals + shift).astype(np.int32)  # of the point at or below the residual
    lower, high = np.maximum(low - 1, 0), low + 1
    of_low, of_lower, of_high = cost(low), cost(lower), cost(high)
    use_lower = (low > 0) & (of_lower < of_high)
    # Of `low` and of the better of its neighbours, one is even and one is odd.
    other, of_other = np.where(use_lower, lower, high), np.where(use_lower, of_lower, of_high)
    odd = low & 1 == 1
    magnitude = np.stack([np.where(odd, other, low), np.where(odd, low, other)])
    costs = np.stack([np.where(odd, of_other, of_low), np.where(odd, of_low, of_other)])
    # Zero may be the cheapest even symbol of any residual.
    of_zero = cost(np.zeros_like(low))
    zero = of_zero < costs[0]
    magnitude[0, zero], costs[0, zero] = 0, of_zero[zero]
    far = np.flatnonzero(high > radius)
    if len(far):  # all escapes have one parity, the largest magnitude of a table the other
        largest = radius[far]
        nearest = np.floor(residuals[far] + shift + np.float32(0.5)).astype(np.int32)
        for m in (largest, np.maximum(largest + 1, nearest)):
            parity = np.minimum(m, largest + 1) & 1
            error = residuals[far] - m + shift
            magnitude[parity, far] = m
            costs[parity, far] = prices[tables[far], -1] + weights[far] * error * error
    return magnitude, costs
