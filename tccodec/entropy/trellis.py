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

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCKS = 64  # symbols of a chain, but for the last ones
# What took the fewest bits with the released shapes (docs/research/ablations.md).
FIRST_TABLE, SPACING = 12, (20, 24)
Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Trellis:
    """The states of a chain: a shift register with feedback, into which parities are shifted.

    states: a power of two, 4 .. 128. feedback: the bits of a state that take part in the new bit.
    """

    states: int
    feedback: int

    def quantiser(self, state: Bytes) -> Bytes:
        """Which quantiser codes the next symbol in a state: the state's highest bit."""
        result: Bytes = state // np.uint8(self.states // 2)
        return result

    def first_states(self, chains: int) -> Bytes:
        """The states in which the chains of a pass begin: all of them, by turns."""
        return (np.arange(chains) % self.states).astype(np.uint8)

    @functools.cached_property
    def next(self) -> Bytes:
        """The state after `2 * state + parity of the symbol`, `(2 * states,)`."""
        state, parity = np.divmod(np.arange(2 * self.states), 2)
        ones = np.array([int(s & self.feedback).bit_count() for s in state])
        result: Bytes = (state // 2 + (ones + parity) % 2 * (self.states // 2)).astype(np.uint8)
        return result

    @functools.cached_property
    def branches(self) -> NDArray[np.intp]:
        """The row of `Candidates` into each state from its two predecessors, `(2, states)`.

        The predecessors of a state differ in their lowest bit, and lead to it by one parity each.
        """
        half = self.states // 2
        out = np.zeros((2, self.states), np.intp)
        for state in range(self.states):
            for which in (0, 1):
                before = 2 * (state % half) + which
                parity = [int(self.next[2 * before + p]) for p in (0, 1)].index(state)
                out[which, state] = 2 * (before // half) + parity
        return out


TRELLIS = Trellis(states=32, feedback=0b01101)


def chain_count(symbols: int) -> int:
    """How many chains a pass with so many symbols has: symbol i belongs to chain i modulo that."""
    return -(-symbols // BLOCKS)


@dataclass(frozen=True)
class Candidates:
    """The best symbols of either quantiser and parity: `(4, n)`, row `2 * quantiser + parity`.

    magnitude: int32. cost: bits + weight * error**2.
    """

    magnitude: NDArray[np.int32]
    cost: Floats


def cheapest_paths(
    candidates: Candidates, trellis: Trellis = TRELLIS
) -> tuple[NDArray[np.int32], Bytes]:
    """Choose a path for every chain of a pass: magnitudes and quantisers of its n symbols."""
    n, states, half = candidates.cost.shape[1], trellis.states, trellis.states // 2
    chains = chain_count(n)
    whole = -(-n // chains)
    # Symbols that are not there cost nothing.
    costs = np.zeros((4, whole * chains), np.float32)
    costs[:, :n] = candidates.cost
    branches = costs.reshape(4, whole, chains).transpose(1, 0, 2).take(trellis.branches, 1)
    at = np.arange(chains)
    cost = np.full((states, chains), np.float32(1e30))
    cost[trellis.first_states(chains), at] = 0
    before = cost.reshape(half, 2, chains).transpose(1, 0, 2)[:, None]
    sums = np.empty((2, 2, half, chains), np.float32)
    one, other = sums.reshape(2, states, chains)
    second = np.empty((whole, states, chains), np.bool_)
    for branch, is_second in zip(branches.reshape(-1, *sums.shape), second, strict=True):
        np.add(branch, before, out=sums)
        np.less(other, one, out=is_second)
        np.minimum(one, other, out=cost)
    steps = np.empty((whole, chains), np.intp)  # 2 * state + which predecessor
    predecessors = np.arange(2 * states) % states
    state = cost.argmin(0)
    for is_second, step in zip(second[::-1], steps[::-1], strict=True):
        np.add(2 * state, is_second.take(state * chains + at), out=step)
        state = predecessors.take(step)
    row = trellis.branches.T.take(steps).ravel()[:n]
    return candidates.magnitude[row, np.arange(n)], (row >> 1).astype(np.uint8)


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
