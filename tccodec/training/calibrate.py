"""What export measures on training pictures: the symbol tables, and how to round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from tccodec.entropy.tables import SCALES, Tables, fitted_tables, logistic_tables

if TYPE_CHECKING:
    from tccodec.core import NeuralCodec

Picture = NDArray[np.uint8]
QUALITIES = (100, 200, 300, 400, 500, 600, 700, 850)
RDOQ = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.95)


def fit_tables(codec: NeuralCodec, pictures: Sequence[Picture]) -> Tables:
    """Tables fitted to the symbols that `codec` codes for `pictures` at all qualities.

    `codec` must still carry the logistic tables, whose layout the fitted ones keep.
    """
    start = logistic_tables()
    histograms = [np.zeros(len(c), np.int64) for c in start.counts]
    for rgb in pictures:
        for quality in QUALITIES:
            v = codec.latents(rgb, quality)
            _, tiles = codec.encode_latents(v, quality)
            for symbols, index in (p for passes in tiles for p in passes):
                for t in range(SCALES):
                    s = symbols[index == t]
                    if len(s):
                        r = start.radius[t]
                        at = np.where(np.abs(s) <= r, s + r, 2 * r + 1)
                        histograms[t] += np.bincount(at, minlength=2 * r + 2)
    return fitted_tables(histograms)


@torch.inference_mode()
def choose_rdoq(codec: NeuralCodec, pictures: Sequence[Picture]) -> tuple[float, list[float]]:
    """Strength with the least Lagrangian cost, and the cost of each in `RDOQ`.

    Costs are `bpp + lambda * squared error`, relative to plain rounding, mean over pictures and
    qualities; bytes are those of real payloads.
    """
    costs = np.zeros((len(RDOQ), len(pictures), len(QUALITIES)))
    for j, rgb in enumerate(pictures):
        height, width = rgb.shape[:2]
        for k, quality in enumerate(QUALITIES):
            v = codec.latents(rgb, quality)
            for i, strength in enumerate(RDOQ):
                codec.rdoq = strength
                payloads, _ = codec.encode_latents(v, quality)
                out = codec.decode(payloads, width, height, quality)
                mse = float(np.square(out.astype(np.float64) - rgb).mean())
                bpp = 8 * sum(map(len, payloads)) / (width * height)
                costs[i, j, k] = bpp + codec.cfg.lam(quality) * mse
    relative = (costs / costs[:1]).mean((1, 2))
    best = RDOQ[int(relative.argmin())]
    codec.rdoq = best
    return best, [round(float(c), 5) for c in relative]
