"""The exact section: all pixels, lossless, instead of latents.

    bytes  field
    1      method
    ...    1: a PNG file of the picture's size, RGB, 8 bits
           2: a lossless WebP file of the picture's size

Pages of text, screenshots and drawings have few colours in long runs. A lossless file of them is
often shorter than latents, which also show them badly.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from tccodec.picture.embedded import PNG, RGB, WEBP, WEBP_SIDE, embed, extract
from tccodec.picture.types import Pixels

_RUNS = 0.4  # share of the pixels; one photograph in five has as many
_SAMPLE = 1 << 18  # pixels


def looks_drawn(rgb: Pixels) -> bool:
    """Whether many pixels equal their neighbours, in a sample of the rows of `(H, W, 3)`."""
    lines = rgb[:: max(1, len(rgb) // 256)]
    return rgb.shape[1] > 1 and bool((lines[:, 1:] == lines[:, :-1]).all(-1).mean() >= _RUNS)


def pack_exact_always(rgb: Pixels) -> bytes:
    """uint8 `(H, W, 3)` -> body of the section, whatever it shows."""
    return embed(Image.fromarray(rgb), _method(rgb), quality=75)


def pack_exact(rgb: Pixels, *, at_most: float) -> bytes | None:
    """uint8 `(H, W, 3)` -> body of the section; None if it would be far above `at_most` bytes.

    Most photographs are recognised from a few rows, most others from a sample that is coded. The
    caller has to check the length of what is returned.
    """
    height, width = rgb.shape[:2]
    if not looks_drawn(rgb):
        return None
    if height * width > 2 * _SAMPLE:
        rows = max(1, _SAMPLE // width // 4)
        tops = np.linspace(0, height - rows, 4).astype(int)
        bands = np.concatenate([rgb[top : top + rows] for top in tops])
        share = bands.size / rgb.size
        if len(embed(Image.fromarray(bands), _method(rgb))) > 2 * at_most * share:
            return None
    return pack_exact_always(rgb)


def _method(rgb: Pixels) -> int:
    return WEBP if max(rgb.shape) <= WEBP_SIDE else PNG


def unpack_exact(body: bytes, *, width: int, height: int) -> Pixels:
    """Inverse of `pack_exact`: uint8 `(height, width, 3)`; `BadFile` for an invalid body."""
    image = extract(body, width=width, height=height, section="exact", png=((8, RGB),))
    return np.array(image)
