"""The alpha section: 8 bits per pixel, lossless.

    bytes  field
    1      method
    ...    0: one byte, the value of every pixel
           1: a PNG file, grey, 1 or 8 bits, of the picture's size
           2: a lossless WebP file of the picture's size; the value is its green channel

The writer takes the shortest. WebP is a third shorter on soft edges, but its sides are at most
16,383 pixels.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from tccodec.picture.embedded import GREY, PNG, WEBP, WEBP_SIDE, embed, extract
from tccodec.picture.types import Pixels

CONSTANT = 0


def pack_alpha(alpha: Pixels) -> bytes:
    """uint8 `(H, W)` -> body of the section."""
    first = int(alpha[0, 0])
    if (alpha == first).all():
        return bytes([CONSTANT, first])
    image = Image.fromarray(alpha)
    binary = not ((alpha != 0) & (alpha != 255)).any()
    best = embed(image.convert("1", dither=Image.Dither.NONE) if binary else image, PNG)
    if max(alpha.shape) <= WEBP_SIDE:
        best = min(best, embed(image.convert("RGB"), WEBP), key=len)
    return best


def unpack_alpha(body: bytes, *, width: int, height: int) -> Pixels:
    """Inverse of `pack_alpha`: uint8 `(height, width)`; `BadFile` for an invalid body."""
    if len(body) == 2 and body[0] == CONSTANT:
        return np.full((height, width), body[1], np.uint8)
    image = extract(body, width=width, height=height, section="alpha", png=((1, GREY), (8, GREY)))
    plane = image.getchannel("G") if image.mode == "RGB" else image.convert("L")
    return np.array(plane, dtype=np.uint8)
