"""The interface of a report's codecs (peers), and what all of them need.

Every peer turns a picture into a whole file in memory, and back through its real decoder. The
report counts the bytes of that file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from PIL import Image


class Peer(Protocol):
    """One codec with fixed settings and one quality knob."""

    name: str
    # describes this peer to another process
    spec: str
    label: str
    version: str
    settings: dict[str, Any]
    knob: str
    # whether the quality must be a whole number
    whole: bool
    # media type if a browser can show the file, else None
    media_type: str | None

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """A whole file of `image`, which is RGB."""

    def decode(self, data: bytes, size: tuple[int, int]) -> Image.Image:
        """The RGB picture in the file. `size`: of the original; only `-half` needs it."""

    def ladder(self, points: int) -> list[float]:
        """Qualities, low to high, that cover the useful rates in even steps of log rate."""

    def commands(self, quality: float) -> tuple[str, str]:
        """Commands with which a reader can repeat the encode and the decode."""


def even_steps(anchors: Sequence[float], points: int, *, whole: bool = True) -> list[float]:
    """`points` evenly spaced values along `anchors`, with both ends and without repeats."""
    at = np.linspace(0, len(anchors) - 1, points) if points > 1 else [(len(anchors) - 1) / 2]
    values = np.interp(at, np.arange(len(anchors)), anchors)
    rounded = [float(round(v)) if whole else round(float(v), 2) for v in values]
    return list(dict.fromkeys(rounded))


def plain_number(value: float) -> int | float:
    """The number as an int if it is whole: encoders and readers want 50, not 50.0."""
    return int(value) if float(value).is_integer() else value


class HalfPeer:
    """`NAME-half`: shrink to half (Lanczos), code with NAME, enlarge again (Lanczos).

    It shows what downscaling alone gives at low rates. Every codec should beat its own half.
    """

    def __init__(self, inner: Peer) -> None:
        self.inner = inner
        self.name = f"{inner.name}-half"
        self.spec = f"{inner.spec}-half"
        self.label = f"{inner.label} at half size"
        self.version = inner.version
        self.settings = inner.settings | {"shrunk and enlarged": "2x Lanczos"}
        self.knob = inner.knob
        self.whole = inner.whole
        self.media_type: str | None = None

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """The other codec's file of the shrunk picture."""
        half = ((image.width + 1) // 2, (image.height + 1) // 2)
        return self.inner.encode(image.resize(half, Image.Resampling.LANCZOS), quality)

    def decode(self, data: bytes, size: tuple[int, int]) -> Image.Image:
        """The picture in the file, enlarged to `size`."""
        half = ((size[0] + 1) // 2, (size[1] + 1) // 2)
        return self.inner.decode(data, half).resize(size, Image.Resampling.LANCZOS)

    def ladder(self, points: int) -> list[float]:
        """Qualities of the other codec."""
        return self.inner.ladder(points)

    def commands(self, quality: float) -> tuple[str, str]:
        """The other codec's commands between two resizes."""
        encode, decode = self.inner.commands(quality)
        return f"shrink 2x (Lanczos); {encode}", f"{decode}; enlarge 2x (Lanczos)"
