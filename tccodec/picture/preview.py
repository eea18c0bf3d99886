"""A small picture of the picture in a `.tcz` file, for file managers and pages that load.

The body of the section is AV1 as in `av1.py`, in sRGB. It shows more than WebP and JPEG without
their headers at all sizes from 120 to 1000 bytes (benchmarks/research/previews.py).
"""

from __future__ import annotations

import io
import math
from dataclasses import replace

import numpy as np
from PIL import Image

from tccodec.container import Tag, TczFile
from tccodec.errors import BadFile, BadPicture
from tccodec.picture import av1
from tccodec.picture.region import averaged
from tccodec.picture.strip import stripped
from tccodec.picture.types import Picture, Pixels

MAX_BYTES = 1000
MAX_SIDE = 128  # pixels
# A preview with its section takes at most this part of the rest of the file.
_SHARE = 100
_AROUND = 12  # bytes at most: tag, length, checksum, and what the first section adds to the header
_LEAST_BYTES = 108  # fewer show nothing
_SIDE_STEP, _QUALITY_STEP = 16, 3  # coarse, so that similar files share their previews
_SPEED = 8  # libaom's: a few milliseconds


class Previewer:
    """Makes previews of one picture; each is coded once."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._source: Image.Image | None = None
        self._made: dict[tuple[int, int], bytes] = {}

    def preview(self, file_bytes: int) -> bytes | None:
        """The body of the section for a file of so many other bytes.

        None if the file is too small for one, or the picture has none: that of a profile without
        a conversion to sRGB.
        """
        limit = min(file_bytes // _SHARE - _AROUND, MAX_BYTES)
        if limit < _LEAST_BYTES or not av1.available():
            return None
        if self._source is None:
            try:
                self._source = Image.fromarray(_reduced(self._picture))
            except BadPicture:
                return None
        # The side for which pictures looked best with so many bytes.
        side = min(round(4 * math.sqrt(limit) / _SIDE_STEP) * _SIDE_STEP, MAX_SIDE)
        low, high, best = 0, 100 // _QUALITY_STEP, None
        while low <= high:
            middle = (low + high) // 2
            body = self._coded(side, middle * _QUALITY_STEP)
            if len(body) <= limit:
                best, low = body, middle + 1
            else:
                high = middle - 1
        return best

    def _coded(self, side: int, quality: int) -> bytes:
        if (side, quality) not in self._made:
            assert self._source is not None
            image = self._source.copy()
            image.thumbnail((side, side))
            body = av1.encode(
                np.asarray(image), quality=quality, speed=_SPEED, grey=self._picture.grey
            )
            self._made[side, quality] = body
        return self._made[side, quality]


def _reduced(picture: Picture) -> Pixels:
    """The picture in sRGB and on white, with at least twice the pixels that a preview needs.

    `BadPicture` if its profile allows no conversion.
    """
    factor = max(max(picture.width, picture.height) // (2 * MAX_SIDE), 1)
    small = replace(picture, rgb=averaged(picture.rgb, factor))
    rgb = stripped(small, {"icc"}).rgb
    if picture.alpha is not None:
        share = averaged(picture.alpha, factor)[:, :, None] / 255
        rgb = np.rint(rgb * share + 255 * (1 - share)).astype(np.uint8)
    return rgb


def stored_preview(file: TczFile) -> Image.Image | None:
    """The preview in a file, in RGB; None if there is none or it cannot be shown."""
    avif = preview_file(file)
    if avif is None:
        return None
    try:
        with Image.open(io.BytesIO(avif), formats=["AVIF"]) as image:
            return image.convert("RGB")
    except Exception:  # whatever a decoder raises on bad bytes
        return None


def preview_file(file: TczFile) -> bytes | None:
    """The preview in a file, as an AVIF file; None if there is none of the form that is allowed."""
    body = file.section(Tag.PREVIEW)
    if body is None or len(body) > MAX_BYTES:
        return None
    try:
        return av1.as_avif(body, max_side=MAX_SIDE)
    except BadFile:
        return None
