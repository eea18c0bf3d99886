"""Pillow's guard against decompression bombs, replaced by our own limit where we read.

Pillow warns above 89 megapixels and refuses above 179. We check the size ourselves, before
pixels are decoded, against a limit that a caller can set; so its guard is off while we read.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

_lock = threading.Lock()
_depth = 0
_saved: int | None = None


@contextmanager
def unguarded() -> Iterator[None]:
    """Switch `Image.MAX_IMAGE_PIXELS` off; the last one to leave, of all threads, restores it."""
    global _depth, _saved
    with _lock:
        if _depth == 0:
            _saved, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                Image.MAX_IMAGE_PIXELS = _saved
