"""What symbols stand for: points at a distance from the mean, in sixteenths of a step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tccodec.entropy.limits import CENTROIDS
from tccodec.entropy.tables import SCALES, table_count, to_second

Ints = NDArray[np.int32]


class Points:
    """The points of one model's symbols.

    trellis, spacing: those of its `ModelConfig`. plain: whether a symbol is just so many steps.
    """

    def __init__(
        self,
        *,
        trellis: int = 0,
        spacing: tuple[int, ...] = (16, 16),
        centroids: NDArray[np.int8] | None = None,
    ) -> None:
        """centroids: those of a model that has them, `(3, 64)`."""
        self.trellis, self.spacing = trellis, spacing
        self.has_centroids = centroids is not None
        self.plain = not self.has_centroids and not trellis
        near, far = spacing
        self._distance = np.full(table_count(trellis), near, np.int32)
        self._distance[trellis or SCALES :] = far
        # The points of the second quantiser are half a distance nearer to zero, but for zero.
        self._nearer = np.where(np.arange(len(self._distance)) < SCALES, 0, far // 2)
        self._centroids = np.zeros((CENTROIDS + 1, SCALES), np.int32)
        if centroids is not None:
            self._centroids[1:] = centroids

    def second_tables(self, index: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The tables of the second quantiser for table indices from `trellis` on."""
        return index + np.uint8(to_second(self.trellis))

    def centroid(self, magnitude: Ints, tables: NDArray[np.uint8]) -> Ints:
        """How far beyond its whole number of steps a magnitude's point lies."""
        result: Ints = self._centroids[np.minimum(magnitude, CENTROIDS), tables]
        return result

    def of(self, symbols: Ints, tables: NDArray[np.uint8]) -> Ints:
        """The distances of symbols under their tables from the mean."""
        distance = self._distance[tables] * symbols
        if self.has_centroids:
            distance += np.sign(symbols) * self.centroid(np.abs(symbols), tables)
        elif self.trellis:
            distance -= np.sign(symbols) * self._nearer[tables]
        return distance
