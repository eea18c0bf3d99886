"""The largest picture and file that are accepted, and the checks.

Every check works on numbers that were just read, before memory of that size is allocated.
"""

from __future__ import annotations

from dataclasses import dataclass

from tccodec.errors import LimitExceeded

MAX_SIDE = 65_535  # pixels; also what JPEG and most tools can hold
MAX_PIXELS = 200_000_000  # default of `Limits.max_pixels`
MAX_TILE_BYTES = 1 << 24  # 128 bits per pixel of a full tile group: above any real payload
MAX_SECTIONS = 32


@dataclass(frozen=True, slots=True)
class Limits:
    """What a reader accepts. Time and memory grow with the pixels, so this bounds both.

    max_pixels: width x height; the default is 200 megapixels.
    max_section: bytes of one section after inflation. Sections of pixels have a limit of their
        own, `sections.PIXEL_BYTES` for each pixel plus 4096.
    """

    max_pixels: int = MAX_PIXELS
    max_section: int = 1 << 25
    hint = ""  # how a user raises `max_pixels`, at the end of a message

    def check_picture(self, width: int, height: int) -> None:
        """Raise `LimitExceeded` for `width` x `height` pixels if these are none or too many."""
        if width < 1 or height < 1:
            raise LimitExceeded(f"a picture of {width} x {height} pixels has no pixels")
        if max(width, height) > MAX_SIDE:
            raise LimitExceeded(
                f"{width} x {height} pixels: a side may have at most {MAX_SIDE} pixels"
            )
        if width * height > self.max_pixels:
            raise LimitExceeded(
                f"{width} x {height} pixels is above the limit of"
                f" {self.max_pixels / 1e6:g} megapixels{self.hint}"
            )


DEFAULT_LIMITS = Limits()
