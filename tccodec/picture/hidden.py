"""Colours under fully transparent pixels: unseen, so made cheap to code.

A cut-out usually lies on black or on the rest of its photograph. Nobody sees either, yet the
edge costs bits and its ringing reaches into the visible pixels. Those pixels are replaced by a
smooth continuation of the visible ones: averages over ever larger blocks, coarse to fine
("pull-push", Gortler et al., The Lumigraph, 1996).
"""

from __future__ import annotations

from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from tccodec.picture.types import Pixels

Floats: TypeAlias = NDArray[np.float32]


BLOCK = 2048  # pixels per side that are continued together: bounds the memory


def fill_hidden(rgb: Pixels, alpha: Pixels) -> Pixels:
    """`rgb` `(H, W, 3)` with the pixels where `alpha` `(H, W)` is 0 continued from the others.

    Returns `rgb` itself when no pixel is transparent.
    """
    if alpha.all():
        return rgb
    out = rgb.copy()
    height, width = alpha.shape
    for top in range(0, height, BLOCK):
        for left in range(0, width, BLOCK):
            here = slice(top, top + BLOCK), slice(left, left + BLOCK)
            visible = alpha[here] != 0
            if not visible.any():
                out[here] = 128
            elif not visible.all():
                out[here][~visible] = _continued(rgb[here], visible)[~visible]
    return out


def _continued(rgb: Pixels, visible: NDArray[np.bool_]) -> Pixels:
    """Smooth colours everywhere, `(h, w, 3)`, that agree with the `visible` ones nearby."""
    weight = visible.astype(np.float32)[:, :, None]
    colour: Floats = rgb * weight  # premultiplied at every level
    levels: list[tuple[Floats, Floats]] = []
    while weight.shape[0] > 1 or weight.shape[1] > 1:
        colour, total = _halve(colour), _halve(weight)
        weight = np.minimum(total, np.float32(1))
        colour = (colour / np.maximum(total, 1e-6) * weight).astype(np.float32, copy=False)
        levels.append((colour, weight))
    below = levels[-1][0]  # one pixel, of full weight as something is visible
    for colour, weight in reversed(levels[:-1]):
        below = colour + (np.float32(1) - weight) * _double(below, weight.shape)
    fill = _double(below, visible.shape)
    return np.rint(np.clip(fill, 0, 255)).astype(np.uint8)


def _halve(values: Floats) -> Floats:
    """Sum over 2 x 2 blocks, `(h, w, c)` -> `(ceil(h / 2), ceil(w / 2), c)`; outside is zero."""
    h, w, c = values.shape
    padded = np.pad(values, ((0, h % 2), (0, w % 2), (0, 0)))
    blocks = padded.reshape((h + 1) // 2, 2, (w + 1) // 2, 2, c)
    return cast(Floats, blocks.sum((1, 3), dtype=np.float32))


def _double(values: Floats, shape: tuple[int, ...]) -> Floats:
    """Each value four times, cut to the first two sides of `shape`."""
    big = values.repeat(2, axis=0).repeat(2, axis=1)
    return big[: shape[0], : shape[1]]
