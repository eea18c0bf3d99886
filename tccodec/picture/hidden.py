"""Colours under fully transparent pixels: they are not seen, so they are made cheap to code.

A cut-out usually lies on black or on the rest of its photograph. Nobody sees that, yet its edge
costs bits, and its ringing reaches into the visible pixels. For latents, the hidden pixels are
replaced by a smooth continuation of the visible ones: averages over ever larger areas, coarse to
fine ("pull-push", Gortler et al., The Lumigraph, 1996). Codecs that predict a pixel from its
neighbours, lossless WebP and AV1, get a visible pixel of the row, repeated.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tccodec.picture.types import Picture, Pixels

Floats: TypeAlias = NDArray[np.float32]


TINY = np.float32(1e-20)  # below any weight that a visible pixel has at the top level
BLOCK = 2048  # pixels per side that are continued together: bounds the memory
STRIP = 256  # rows whose pixels are looked for together, for the same reason


def fill_hidden(rgb: Pixels, alpha: Pixels) -> Pixels:
    """`rgb` `(H, W, 3)`, in which pixels with `alpha` `(H, W)` 0 continue the visible ones.

    Returns `rgb` itself when no pixel is transparent.
    """
    if alpha.all():
        return rgb
    out = rgb.copy()
    height, width = alpha.shape
    for top in range(0, height, BLOCK):
        for left in range(0, width, BLOCK):
            block = slice(top, top + BLOCK), slice(left, left + BLOCK)
            visible = alpha[block] != 0
            if not visible.any():
                out[block] = 128
            elif not visible.all():
                out[block][~visible] = _continued(rgb[block], visible)[~visible]
    return out


def repeat_over_hidden(picture: Picture) -> Pixels:
    """The picture's pixels `(H, W, 3)`, in which fully transparent ones repeat a visible one.

    It is the next one to the left, or to the right if there is none. A row without visible pixels
    repeats the next one above, or below. Returns the pixels themselves when none is transparent,
    or all are.
    """
    rgb = picture.rgb
    if picture.alpha is None:
        return rgb
    visible = picture.alpha != 0
    if visible.all() or not visible.any():
        return rgb
    rows = _nearest(visible.any(1)[None])[0]
    out = np.empty_like(rgb)
    for top in range(0, len(rows), STRIP):
        some = rows[top : top + STRIP]
        out[top : top + STRIP] = rgb[some[:, None], _nearest(visible[some])]
    return out


def with_hidden_of(original: Picture, decoded: Pixels) -> Pixels:
    """`decoded` `(H, W, 3)`, with the colours of the original where that is fully transparent."""
    if original.alpha is None:
        return decoded
    return np.where(original.alpha[..., None] != 0, decoded, original.rgb)


def _nearest(known: NDArray[np.bool_]) -> NDArray[np.intp]:
    """In each row, the index of the next known element: to the left, else to the right."""
    index = np.arange(known.shape[1])
    before = np.maximum.accumulate(np.where(known, index, -1), 1)
    return np.where(before >= 0, before, known.argmax(1)[:, None])


def _continued(rgb: Pixels, visible: NDArray[np.bool_]) -> Pixels:
    """Smooth colours everywhere, `(h, w, 3)`, that agree with the `visible` ones nearby."""
    weight = visible.astype(np.float32)[:, :, None]
    colour: Floats = rgb * weight  # premultiplied at every level
    levels: list[tuple[Floats, Floats]] = []
    while weight.shape[0] > 1 or weight.shape[1] > 1:
        colour, total = _halve(colour), _halve(weight)
        # A single pixel in the middle of the kernel has weight 9.
        weight = np.minimum(total / 9, np.float32(1))
        colour *= weight / np.maximum(total, TINY)
        levels.append((colour, weight))
    colour, weight = levels.pop()
    below: Floats = (colour / np.maximum(weight, TINY)).astype(np.float32)
    for colour, weight in reversed(levels):
        above = (1.0 - weight) * _double(below, weight.shape)
        below = (colour + above).astype(np.float32, copy=False)
    fill = _double(below, visible.shape)
    return np.rint(np.clip(fill, 0, 255)).astype(np.uint8)


def _halve(values: Floats) -> Floats:
    """Sums weighted by 1 3 3 1, both ways, at half the size, `(h, w, c)`; zeros outside."""
    for axis in (0, 1):
        v = values.swapaxes(0, axis)
        odd = len(v) % 2
        p = np.pad(v, ((1, 1 + odd), (0, 0), (0, 0)))
        values = (p[:-2:2] + 3 * (p[1:-1:2] + p[2::2]) + p[3::2]).swapaxes(0, axis)
    return values


def _double(values: Floats, shape: tuple[int, ...]) -> Floats:
    """Twice the size, bilinear, cropped to the first two sides of `shape`."""
    for axis in (0, 1):
        v = values.swapaxes(0, axis)
        p = np.pad(v, ((1, 1), (0, 0), (0, 0)), mode="edge")
        out = np.empty((2 * len(v), *v.shape[1:]), np.float32)
        out[0::2] = 0.75 * v + 0.25 * p[:-2]
        out[1::2] = 0.75 * v + 0.25 * p[2:]
        values = out[: shape[axis]].swapaxes(0, axis)
    return values
