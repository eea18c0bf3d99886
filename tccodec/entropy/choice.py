"""How an encoder chooses symbols: for the least `bits + weight * error**2`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tccodec.entropy.limits import LARGEST_SYMBOL
from tccodec.entropy.points import Points
from tccodec.entropy.tables import FIRST_CODED, SCALES, Tables
from tccodec.entropy.trellis import candidates, cheapest_paths

MAX_PRICED = 24  # magnitudes above this one are rounded to the nearest
Floats = NDArray[np.float32]
# Places (n,) -> the bits that a squared error of one step costs at the symbols there.
Weights = Callable[[NDArray[np.intp]], Floats]


class SymbolChoice:
    """Chooses symbols by the prices that they have under some tables."""

    def __init__(self, tables: Tables, points: Points) -> None:
        self.points = points
        self.radii = np.array(tables.radius, np.int32)
        self.prices = tables.prices(MAX_PRICED)
        # Bits that a magnitude takes more than the next smaller one, `(tables, MAX_PRICED + 1)`.
        self.savings = np.diff(self.prices, axis=1, prepend=self.prices[:, :1])

    def choose(
        self, residuals: Floats, index: NDArray[np.uint8], weights: Weights | None
    ) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Residuals in steps and table indices `(n,)` -> symbols and their tables, `(n,)`.

        With `weights` a symbol is the nearest one or the next one towards zero; without, always the
        nearest. Symbols with two quantisers are chosen together, for the least sum.
        """
        out = np.zeros(len(residuals), np.int32)
        trellis = self.points.trellis or SCALES
        near, far = (np.float32(distance / 16) for distance in self.points.spacing)
        # Nearly all symbols are zero, so only the others are computed.
        some = (np.abs(residuals) >= near / 2) & (index >= FIRST_CODED) & (index < trellis)
        at = np.flatnonzero(some)
        per_error = weights(at) * near**2 if weights else None
        out[at] = self._one_by_one(residuals[at] / near, index[at], per_error)
        if self.points.trellis:
            at = np.flatnonzero(index >= trellis)
            at = at[np.argsort(index[at], kind="stable")]
            if len(at):
                index = index.copy()
                per_error = weights(at) * far**2 if weights else None
                out[at], index[at] = self._chains(residuals[at] / far, index[at], per_error)
        return out, index

    def bits(self, symbols: NDArray[np.int32], tables: NDArray[np.uint8]) -> Floats:
        """Bits of symbols under their tables, `(n,)`; beyond what is priced on a straight line."""
        magnitude = np.abs(symbols)
        inside = np.minimum(magnitude, MAX_PRICED)
        beyond = (magnitude - inside) * self.savings[tables, -1]
        bits: Floats = np.where(tables >= FIRST_CODED, self.prices[tables, inside] + beyond, 0)
        return bits.astype(np.float32)

    def _one_by_one(
        self, residuals: Floats, tables: NDArray[np.uint8], weights: Floats | None
    ) -> NDArray[np.int32]:
        magnitude = np.minimum(np.abs(residuals), np.float32(LARGEST_SYMBOL))
        s = np.floor(magnitude + np.float32(0.5)).astype(np.int32)
        if weights is not None:
            near = magnitude - s.astype(np.float32)
            far = near + 1
            if self.points.has_centroids:
                near -= self.points.centroid(s, tables) / np.float32(16)
                far -= self.points.centroid(s - 1, tables) / np.float32(16)
            saved = self.savings[tables, np.minimum(s, MAX_PRICED)]
            s -= (s <= MAX_PRICED) & (saved > (far * far - near * near) * weights)
        return np.where(residuals < 0, -s, s)

    def _chains(
        self, residuals: Floats, tables: NDArray[np.uint8], weights: Floats | None
    ) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Symbols with two quantisers, sorted by table, and the tables of their quantisers."""
        magnitude = np.minimum(np.abs(residuals), np.float32(LARGEST_SYMBOL - 1))
        second = self.points.second_tables(tables)
        prices = self.prices
        if weights is None:
            weights, prices = np.ones_like(magnitude), np.zeros_like(prices)
        found = candidates(magnitude, weights, prices, tables=(tables, second), radii=self.radii)
        symbols, quantisers = cheapest_paths(found)
        return np.where(residuals < 0, -symbols, symbols), np.where(quantisers, second, tables)
