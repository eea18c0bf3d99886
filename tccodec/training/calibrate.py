"""What export measures on training pictures: the symbol tables, and how to round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from tccodec.entropy.tables import SCALES, Tables, fitted_tables, logistic_tables
from tccodec.report.bd import bd_rate

if TYPE_CHECKING:
    from tccodec.core import NeuralCodec

Picture = NDArray[np.uint8]
QUALITIES = (100, 200, 300, 400, 500, 600, 700, 850)
RDOQ = (0.0, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0)


def fit_tables(codec: NeuralCodec, pictures: Sequence[Picture]) -> Tables:
    """Tables fitted to the symbols that `codec` codes for `pictures`, chosen with its `rdoq`.

    All qualities count the same, not by their bits: one set of tables serves them all. `codec`
    must still carry the logistic tables, whose layout the fitted ones keep.
    """
    start = logistic_tables()
    total = [np.zeros(len(c)) for c in start.counts]
    sizes = []
    for quality in QUALITIES:
        seen = [np.zeros(len(c)) for c in start.counts]
        sizes.append(1)
        for rgb in pictures:
            payloads, tiles = codec.encode_latents(codec.latents(rgb, quality), quality)
            sizes[-1] += sum(map(len, payloads))
            for symbols, index in (p for passes in tiles for p in passes):
                for t in range(SCALES):
                    s = symbols[index == t]
                    if len(s):
                        r = start.radius[t]
                        at = np.where(np.abs(s) <= r, s + r, 2 * r + 1)
                        seen[t] += np.bincount(at, minlength=2 * r + 2)
        for t in range(SCALES):
            total[t] += seen[t] / sizes[-1]
    return fitted_tables([max(sizes) * t for t in total])


@torch.inference_mode()
def choose_rdoq(codec: NeuralCodec, pictures: Sequence[Picture]) -> tuple[float, list[float]]:
    """Strength with the least BD-rate against plain rounding, and the BD-rate of each in `RDOQ`.

    PSNR, real payloads, mean over pictures. Costs at a fixed lambda would mislead: more zeros also
    move along the curve, to a point that may suit that lambda better without being a better curve.
    """
    curves = np.zeros((len(RDOQ), len(pictures), 2, len(QUALITIES)))
    for j, rgb in enumerate(pictures):
        height, width = rgb.shape[:2]
        for k, quality in enumerate(QUALITIES):
            v = codec.latents(rgb, quality)
            for i, strength in enumerate(RDOQ):
                codec.rdoq = strength
                payloads, _ = codec.encode_latents(v, quality)
                out = codec.decode(payloads, width, height, quality)
                mse = float(np.square(out.astype(np.float64) - rgb).mean())
                rate = 8 * sum(map(len, payloads)) / (width * height)
                curves[i, j, :, k] = rate, -10 * np.log10(max(mse, 1e-3))
    saved = [[bd_rate(*a, *b).value for a, b in zip(curves[0], c, strict=True)] for c in curves]
    means = np.nan_to_num(saved).mean(1)  # flat pictures have no curve
    best = RDOQ[int(means.argmin())]
    codec.rdoq = best
    return best, [round(float(m), 3) for m in means]
