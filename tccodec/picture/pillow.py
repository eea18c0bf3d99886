"""Pillow's guards against decompression bombs, set to our own limits while we read.

Pillow warns above 89 megapixels and refuses above 179. We check the size ourselves before pixels
are decoded, against a limit that the caller can set. Pillow's guard stays on with that limit,
because a few formats hold parts of other sizes: a JPEG in a BLP, the tiles of a TIFF. Pillow also
refuses a PNG with a profile or text above 1 MB; we accept what a section can hold.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, PngImagePlugin

from tccodec.container.limits import DEFAULT_LIMITS

ANY_SIZE = 10**50  # pixels; no header can say more

_lock = threading.Lock()
_active: list[int] = []
_saved: tuple[int | None, int] = (None, 0)


@contextmanager
def guarded(max_pixels: int) -> Iterator[None]:
    """Let Pillow warn above `max_pixels` and refuse above twice as many.

    There is one guard for the process. While several threads are in here, the highest limit counts.
    The last one to leave restores Pillow's own.
    """
    global _saved
    with _lock:
        if not _active:
            _saved = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK
            PngImagePlugin.MAX_TEXT_CHUNK = DEFAULT_LIMITS.max_section
        _active.append(max_pixels)
        Image.MAX_IMAGE_PIXELS = max(_active)
    try:
        yield
    finally:
        with _lock:
            _active.remove(max_pixels)
            if _active:
                Image.MAX_IMAGE_PIXELS = max(_active)
            else:
                Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = _saved
