"""What a picture is, between a file and the neural codec."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a picture is besides its colours.

    grey: give back one channel. alpha: uint8 `(H, W)`, or None when every pixel is opaque.
    icc, exif, xmp, comment: as the container stores them (`container.Tag`), or None.
    source: Pillow's mode of the input where it was not plain 8-bit grey or RGB, else "".
    notes: what was converted or left out on the way here, one short sentence each.
    """

    grey: bool = False
    alpha: Pixels | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    comment: bytes | None = None
    source: str = ""
    notes: tuple[str, ...] = field(default=())

    def about(self) -> dict[str, Any]:
        """These fields by name."""
        return {f.name: getattr(self, f.name) for f in fields(About)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture(About):
    """Upright 8-bit pixels and everything that travels with them.

    rgb: uint8 `(H, W, 3)`; of a grey picture all three channels are equal.
    """

    rgb: Pixels

    @property
    def width(self) -> int:
        """Pixels per row."""
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.rgb.shape[0])

    def strips(self) -> Strips:
        """The picture as one strip."""
        rows = iter([self.rgb])
        return Strips(width=self.width, height=self.height, rows=rows, **self.about())


@dataclass(frozen=True, slots=True, kw_only=True)
class Strips(About):
    """A picture whose pixels come in strips, from above to below, and only once.

    rows: uint8 `(r, width, 3)` each, `height` rows together.
    """

    width: int
    height: int
    rows: Iterator[Pixels]

    def picture(self) -> Picture:
        """All of it."""
        out = np.empty((self.height, self.width, 3), np.uint8)
        y = 0
        for strip in self.rows:
            out[y : y + len(strip)] = strip
            y += len(strip)
        return Picture(rgb=out, **self.about())


def grey_of(rgb: Pixels) -> Pixels:
    """`(H, W, 3)` -> `(H, W)`: the rounded mean of three decoded channels.

    Their errors average out.
    """
    sums = rgb.sum(axis=2, dtype=np.uint16)
    grey: Pixels = ((sums + 1) // 3).astype(np.uint8)
    return grey
