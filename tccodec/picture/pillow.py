"""Pillow's guards against decompression bombs, replaced by our own limits where we read.

Pillow warns above 89 megapixels and refuses above 179. We check the size ourselves, before
pixels are decoded, against a limit that a caller can set; so its guard is off while we read. It
refuses a PNG with a profile or text above 1 MB, too; we take what a section may hold.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, PngImagePlugin

from tccodec.container.limits import DEFAULT_LIMITS

_lock = threading.Lock()
_depth = 0
_saved: tuple[int | None, int] = (None, 0)


@contextmanager
def unguarded() -> Iterator[None]:
    """Switch the guards off; the last one to leave, of all threads, restores them."""
    global _depth, _saved
    with _lock:
        if _depth == 0:
            _saved = Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK
            Image.MAX_IMAGE_PIXELS = None
            PngImagePlugin.MAX_TEXT_CHUNK = DEFAULT_LIMITS.max_section
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = _saved
