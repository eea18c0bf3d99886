"""Lossless picture files inside a section: one byte that says which kind, then the file."""

from __future__ import annotations

import io

from PIL import Image

from tccodec.errors import BadFile
from tccodec.picture.pillow import unguarded

PNG, WEBP = 1, 2
_FORMATS = {PNG: "PNG", WEBP: "WEBP"}
WEBP_SIDE = 16_383  # pixels; WebP's own limit


def embed(image: Image.Image, method: int, *, quality: int = 60) -> bytes:
    """Body of a section. `quality` is WebP's: of the search, not of the picture."""
    out = io.BytesIO()
    if method == WEBP:
        # Method 4 of 6: 6 gains 1 % and takes two to three times as long.
        image.save(out, "WEBP", lossless=True, quality=quality, method=4)
    else:
        image.save(out, "PNG", optimize=True)
    return bytes([method]) + out.getvalue()


def extract(body: bytes, *, width: int, height: int, section: str) -> Image.Image:
    """Inverse of `embed`, pixels loaded; `BadFile` if it is none, or of another size."""
    kind = _FORMATS.get(body[0]) if body else None
    if kind is None:
        raise BadFile(f"the {section} section uses a method that this version does not know")
    try:
        with unguarded(), Image.open(io.BytesIO(body[1:]), formats=[kind]) as image:
            # The size is known before any pixel is decoded, so a bomb never goes off.
            if image.size != (width, height) or getattr(image, "n_frames", 1) != 1:
                raise BadFile(f"the {section} section has not the size of the picture")
            image.load()
            return image
    except BadFile:
        raise
    except Exception:  # whatever a decoder raises on bad bytes
        raise BadFile(f"the {section} section cannot be decoded") from None
