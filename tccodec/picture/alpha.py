"""The alpha section: 8 bits a pixel, lossless.

    bytes  field
    1      method
    ...    0: one byte, the value of every pixel
           1: a PNG file, grey, 1 or 8 bits, of the picture's size
           2: a lossless WebP file of the picture's size; the value is its green channel

The writer takes the shortest. WebP is a third shorter on soft edges but ends at 16,383 pixels.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from tccodec.errors import BadFile
from tccodec.picture.pillow import unguarded
from tccodec.picture.types import Pixels

CONSTANT, PNG, WEBP = 0, 1, 2
_WEBP_SIDE = 16_383


def pack_alpha(alpha: Pixels) -> bytes:
    """uint8 `(H, W)` -> body of the section."""
    first = int(alpha[0, 0])
    if (alpha == first).all():
        return bytes([CONSTANT, first])
    image = Image.fromarray(alpha)
    binary = not ((alpha != 0) & (alpha != 255)).any()
    png = io.BytesIO()
    (image.convert("1", dither=Image.Dither.NONE) if binary else image).save(
        png, "PNG", optimize=True
    )
    best = bytes([PNG]) + png.getvalue()
    if max(alpha.shape) <= _WEBP_SIDE:
        webp = io.BytesIO()
        # Method 4 of 6: 6 gains 1 % and takes three times as long.
        image.convert("RGB").save(webp, "WEBP", lossless=True, quality=60, method=4)
        best = min(best, bytes([WEBP]) + webp.getvalue(), key=len)
    return best


def unpack_alpha(body: bytes, *, width: int, height: int) -> Pixels:
    """Inverse of `pack_alpha`: uint8 `(height, width)`; `BadFile` if it is none of the three."""
    method = body[0] if body else -1
    if method == CONSTANT and len(body) == 2:
        return np.full((height, width), body[1], np.uint8)
    if method not in (PNG, WEBP):
        raise BadFile("the alpha section uses a method that this version does not know")
    kind = "PNG" if method == PNG else "WEBP"
    try:
        with unguarded(), Image.open(io.BytesIO(body[1:]), formats=[kind]) as image:
            # The size is known before any pixel is decoded, so a bomb never goes off.
            if image.size != (width, height) or getattr(image, "n_frames", 1) != 1:
                raise BadFile("the alpha section has not the size of the picture")
            image.load()
            plane = image.getchannel("G") if image.mode == "RGB" else image.convert("L")
            return np.array(plane, dtype=np.uint8)
    except BadFile:
        raise
    except Exception:  # whatever a decoder raises on bad bytes
        raise BadFile("the alpha section cannot be decoded") from None


def averaged(plane: Pixels, factor: int) -> Pixels:
    """Means of `factor x factor` pixels of `(H, W)`, at the edges of what is left, rounded."""
    if factor == 1:
        return plane
    rows = np.arange(0, plane.shape[0], factor)
    columns = np.arange(0, plane.shape[1], factor)
    sums = np.add.reduceat(plane, rows, axis=0, dtype=np.uint32)
    sums = np.add.reduceat(sums, columns, axis=1)
    high = np.minimum(factor, plane.shape[0] - rows)[:, None]
    counts = (high * np.minimum(factor, plane.shape[1] - columns)).astype(np.uint32)
    means: Pixels = ((sums + counts // 2) // counts).astype(np.uint8)
    return means
