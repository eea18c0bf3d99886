"""The pictures in an icon, whose headers may give other sizes than the icon's table."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator

from PIL import Image, UnidentifiedImageError

from tccodec.container.limits import Limits


def check_icon(data: bytes, kind: str, limits: Limits) -> None:
    """Refuse an ICO or ICNS file with a picture in it above `limits` (`LimitExceeded`).

    Call it before Pillow opens the file, because Pillow decodes some of them at once.
    """
    for start, size in _places(data, kind):
        try:
            # Only the header is read here.
            part = io.BytesIO(data[start : start + size])
            with Image.open(part, formats=("PNG", "JPEG2000", "DIB")) as inner:
                width, height = inner.size
                if inner.format == "DIB":
                    height = (height + 1) // 2  # the height includes the mask
        except UnidentifiedImageError:
            continue
        limits.check_picture(width, height)


def _places(data: bytes, kind: str) -> Iterator[tuple[int, int]]:
    """Position and length in bytes of each picture inside."""
    if kind == "ICO":
        for at in range(6, 6 + 16 * int.from_bytes(data[4:6], "little"), 16):
            if at + 16 <= len(data):
                size, start = struct.unpack_from("<II", data, at + 8)
                yield start, size
    elif kind == "ICNS":
        at = 8
        while at + 8 <= len(data):
            (size,) = struct.unpack_from(">I", data, at + 4)
            yield at + 8, max(size - 8, 0)
            at += max(size, 8)
