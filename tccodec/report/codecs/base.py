"""What a codec is to a report, and what all codecs need.

Every codec turns a picture into a whole file in memory and back through its real decoder; the
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
    # what makes this peer again in another process
    spec: str
    label: str
    version: str
    settings: dict[str, Any]
    knob: str
    # whether the quality must be a whole number
    whole: bool
    # media type when a browser shows the file as it is, else None
    media_type: str | None

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """A whole file; `image` is RGB."""

    def decode(self, data: bytes, size: tuple[int, int]) -> Image.Image:
        """The RGB picture in the file. `size` is the original's; only `-half` needs it."""

    def ladder(self, points: int) -> list[float]:
        """Qualities from low to high that cover the useful rates in even steps of log rate."""

    def commands(self, quality: float) -> tuple[str, str]:
        """How a reader would repeat the encode and the decode."""


def spread(anchors: Sequence[float], points: int, *, whole: bool = True) -> list[float]:
    """`points` values evenly along a list of settings, ends included, without repeats."""
    at = np.linspace(0, len(anchors) - 1, points) if points > 1 else [(len(anchors) - 1) / 2]
    values = np.interp(at, np.arange(len(anchors)), anchors)
    rounded = [float(round(v)) if whole else round(float(v), 2) for v in values]
    return list(dict.fromkeys(rounded))


def as_setting(quality: float) -> int | float:
    """Qualities travel as floats; encoders and readers want 50, not 50.0."""
    return int(quality) if float(quality).is_integer() else quality


class HalfPeer:
    """`NAME-half`: shrink to half (Lanczos), code with NAME, enlarge again (Lanczos).

    The measure of what mere downscaling gives at low rates; every codec should beat its own half.
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
        """The inner codec's file of the shrunk picture."""
        half = ((image.width + 1) // 2, (image.height + 1) // 2)
        return self.inner.encode(image.resize(half, Image.Resampling.LANCZOS), quality)

    def decode(self, data: bytes, size: tuple[int, int]) -> Image.Image:
        """Decoded and enlarged to `size`, which whoever shows a half-size picture knows."""
        half = ((size[0] + 1) // 2, (size[1] + 1) // 2)
        return self.inner.decode(data, half).resize(size, Image.Resampling.LANCZOS)

    def ladder(self, points: int) -> list[float]:
        """The inner codec's."""
        return self.inner.ladder(points)

    def commands(self, quality: float) -> tuple[str, str]:
        """The inner commands between two resizes."""
        encode, decode = self.inner.commands(quality)
        return f"shrink 2x (Lanczos); {encode}", f"{decode}; enlarge 2x (Lanczos)"
