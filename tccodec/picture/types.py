"""What a picture is, between a file and the neural codec."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Pixels: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Upright 8-bit pixels and everything that travels with them.

    rgb: uint8 `(H, W, 3)`; of a grey picture all three channels are equal.
    grey: give back one channel. alpha: uint8 `(H, W)`, or None when every pixel is opaque.
    icc, exif, xmp, comment: as the container stores them (`container.Tag`), or None.
    source: Pillow's mode of the input where it was not plain 8-bit grey or RGB, else "".
    notes: what was converted or left out on the way here, one short sentence each.
    """

    rgb: Pixels
    grey: bool = False
    alpha: Pixels | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    comment: bytes | None = None
    source: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def width(self) -> int:
        """Pixels per row."""
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.rgb.shape[0])
