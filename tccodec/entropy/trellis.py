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
    rows: tuple[Bytes, Bytes],
    radii: NDArray[np.int32],
) -> Candidates:
    """The best symbol of either quantiser and parity for each residual.

    residuals: magnitudes in units of the spacing, `(n,)`. weights: the bits that a squared error of
    one spacing costs, `(n,)`. prices: bits of magnitudes by table, `(tables, m)`; larger ones cost
    as much as the last. rows: each symbol's table under the first and the second quantiser, `(n,)`.
    radii: the largest magnitude of each table; larger ones are escapes, and count as one more.
    """
    n = len(residuals)
    magnitude = np.empty((4, n), np.int32)
    cost = np.empty((4, n), np.float32)
    width = prices.shape[1]
    flat = prices.ravel()
    for q in (0, 1):
        base = rows[q].astype(np.int32) * width
        shift = np.float32(0.5 * q)
        low = np.floor(residuals + shift).astype(np.int32)  # the point at or below the residual

        def price(
            m: NDArray[np.int32], base: NDArray[np.int32] = base, shift: np.float32 = shift
        ) -> Floats:
            error = residuals - m + shift * (m > 0)
            bits = flat[base + np.minimum(m, width - 1)]
            result: Floats = bits + weights * error * error
            return result

        costs_low, costs_high = price(low), price(low + 1)
        lower = np.maximum(low - 1, 0)
        costs_lower = np.where(low > 0, price(lower), np.float32(np.inf))
        odd = low & 1
        near = np.where(costs_lower < costs_high, lower, low + 1)
        costs_near = np.minimum(costs_lower, costs_high)
        # Zero may be the cheapest even symbol of any residual.
        zero = flat[base] + weights * residuals * residuals
        is_odd = odd.astype(bool)
        even_m, odd_m = np.where(is_odd, near, low), np.where(is_odd, low, near)
        even_c = np.where(is_odd, costs_near, costs_low)
        odd_c = np.where(is_odd, costs_low, costs_near)
        better = zero < even_c
        magnitude[2 * q], cost[2 * q] = np.where(better, 0, even_m), np.where(better, zero, even_c)
        magnitude[2 * q + 1], cost[2 * q + 1] = odd_m, odd_c
        radius = radii[rows[q]]
        far = np.flatnonzero(low >= radius)
        if len(far):  # all escapes have one parity, the largest magnitude of a table the other
            radius, point = radius[far], np.floor(residuals[far] + shift + 0.5).astype(np.int32)
            for m in (radius, np.maximum(radius + 1, point)):
                row = 2 * q + (np.minimum(m, radius + 1) & 1)
                error = residuals[far] - m + shift
                magnitude[row, far] = m
                cost[row, far] = prices[rows[q][far], -1] + weights[far] * error * error
    return Candidates(magnitude, cost)
