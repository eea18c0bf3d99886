"""A picture between its file and the neural codec."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from tccodec.container.sections import has_one_channel
from tccodec.errors import BadPicture

# uint8: `(H, W, 3)` in RGB, or one channel `(H, W)`.
Pixels: TypeAlias = NDArray[np.uint8]


class Loss(str):
    """What a file will not hold of a picture, as half a sentence.

    kind: the same without details that differ from picture to picture, so that losses can be
    counted; the sentence itself unless given.
    """

    __slots__ = ("kind",)
    kind: str

    def __new__(cls, text: str, kind: str = "") -> Loss:
        """A string with a kind."""
        loss = super().__new__(cls, text)
        loss.kind = kind or text
        return loss


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class About:
    """Everything about a picture except the colours of its pixels.

    grey: all three channels are equal. alpha: uint8 `(H, W)`, or None if every pixel is opaque.
    icc, exif, xmp, comment: as the container stores them (`container.Tag`), or None.
    resolution: pixels per inch across and down, or None.
    source: Pillow's mode of the input if it was not 8-bit grey or RGB, else "".
    part: which of several pictures in its file this is, such as "page 1 of 3", else "".
    losses: what the file held and this does not. notes: what was converted.

    Two are equal if all their fields are, arrays by their values.
    """

    grey: bool = False
    alpha: Pixels | None = None
    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    comment: bytes | None = None
    resolution: tuple[float, float] | None = None
    source: str = ""
    part: str = ""
    losses: tuple[Loss, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())

    def __eq__(self, other: object) -> bool:  # a dataclass's own wants one truth value of arrays
        if type(self) is not type(other):
            return NotImplemented
        return all(_same(getattr(self, f.name), getattr(other, f.name)) for f in fields(self))

    @property
    def one_channel(self) -> bool:
        """Whether it is decoded to one channel: a grey picture with a profile for RGB stays RGB."""
        return has_one_channel(self.icc, grey=self.grey)

    def about(self) -> dict[str, Any]:
        """The fields of `About`, by name."""
        return {f.name: getattr(self, f.name) for f in fields(About)}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture(About):
    """Upright 8-bit pixels with alpha and metadata.

    rgb: uint8 `(H, W, 3)`; the three channels of a grey picture are equal. inexact: what makes the
    pixels differ from those of the input, such as "16-bit grey reduced to 8 bits", else "". Colours
    of fully transparent pixels do not count.
    """

    rgb: Pixels
    inexact: str = ""

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Strips(About):
    """A picture whose pixels come in strips, top to bottom, and can be read once.

    rows: uint8 `(r, width, 3)` each, `height` rows together.
    """

    width: int
    height: int
    rows: Iterator[Pixels]

    def picture(self) -> Picture:
        """All strips as one `Picture`; reads the rows. `BadPicture` if some were read already."""
        out = np.empty((self.height, self.width, 3), np.uint8)
        y = 0
        for strip in self.rows:
            out[y : y + len(strip)] = strip
            y += len(strip)
        if y < self.height:
            raise BadPicture(f"{self.height - y} rows of the picture were read already")
        return Picture(rgb=out, **self.about())


def _same(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return one is other or np.array_equal(cast(Any, one), cast(Any, other))
    return one == other


def is_grey(rgb: Pixels) -> bool:
    """Whether the three channels of `(H, W, 3)` are equal everywhere."""
    for top in range(0, len(rgb), 256):  # the first strip decides for most pictures
        strip = rgb[top : top + 256]
        if (strip[..., :2] != strip[..., 2:]).any():
            return False
    return True


def planes_of(rgb: Pixels, about: About) -> Pixels:
    """Decoded `(H, W, 3)` as output: `(H, W, 1)` if in one channel, else `(H, W, 3)`."""
    if not about.grey:
        return rgb
    grey = grey_of(rgb)[:, :, None]
    return grey if about.one_channel else np.broadcast_to(grey, rgb.shape)


def grey_of(rgb: Pixels) -> Pixels:
    """The rounded mean of three decoded channels, `(H, W, 3)` -> `(H, W)`.

    Their errors partly cancel.
    """
    sums = rgb.sum(axis=2, dtype=np.uint16)
    grey: Pixels = ((sums + 1) // 3).astype(np.uint8)
    return grey
