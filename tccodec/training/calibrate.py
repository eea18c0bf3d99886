"""What export measures on training pictures: the symbol tables, and how to round."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from tccodec.coding.coded import CodedPicture
from tccodec.coding.distortion import squared_error, structural_error
from tccodec.container import Setting
from tccodec.entropy.tables import Tables, fitted_tables
from tccodec.metrics.bd import bd_rate
from tccodec.picture.types import Pixels

if TYPE_CHECKING:
    from tccodec.coding.neural import NeuralCodec

SETTINGS = tuple(map(Setting, (100, 200, 300, 400, 500, 600, 700, 850)))
RDOQ = (0.0, 0.2, 0.35, 0.5, 0.65, 0.8, 1.0)
ROUNDS = 2  # of fitting tables before the last one


def no_symbols(layout: Tables) -> list[NDArray[np.float64]]:
    """Empty histograms, laid out as some tables."""
    return [np.zeros(len(c)) for c in layout.counts]


def count_symbols(
    seen: list[NDArray[np.float64]], symbols: NDArray[np.int32], index: NDArray[np.uint8]
) -> None:
    """Add the symbols of one pass to the histograms of their tables; escapes last."""
    for t, counts in enumerate(seen):
        s, r = symbols[index == t], len(counts) // 2 - 1
        if len(s):
            at = np.where(np.abs(s) <= r, s + r, 2 * r + 1)
            counts += np.bincount(at, minlength=2 * r + 2)


def fit_tables(codec: NeuralCodec, pictures: Sequence[Pixels]) -> Tables:
    """Tables fitted to the symbols that `codec` codes for `pictures`, chosen with its `rdoq`.

    All settings count the same, whatever their bits: one set of tables serves them all. `codec`
    must still carry the logistic tables, whose layout the fitted ones keep. With a trellis, symbols
    are chosen by their prices alone, so tables are fitted again to what the first ones choose; the
    codec then carries those. `ValueError` without pictures.
    """
    if not pictures:
        raise ValueError("no pictures to fit tables to")
    prior = codec.entropy.coder.tables
    for _ in range(ROUNDS if codec.cfg.trellis else 0):
        codec.entropy.use_tables(_fitted(codec, pictures, prior))
    return _fitted(codec, pictures, prior)


def _fitted(codec: NeuralCodec, pictures: Sequence[Pixels], prior: Tables) -> Tables:
    """Tables fitted to the symbols that `codec` chooses with the tables that it carries."""
    total = no_symbols(prior)
    sizes = []
    for setting in SETTINGS:
        seen = no_symbols(prior)
        sizes.append(1)
        for rgb in pictures:
            payloads, tiles = codec.encode_latents(codec.latents(rgb, setting), setting)
            sizes[-1] += sum(map(len, payloads))
            for symbols, index in (p for passes in tiles for p in passes):
                count_symbols(seen, symbols, index)
        for all_seen, now in zip(total, seen, strict=True):
            all_seen += now / sizes[-1]
    return fitted_tables([max(sizes) * t for t in total], prior)


@torch.inference_mode()
def choose_rdoq(
    codec: NeuralCodec, pictures: Sequence[Pixels]
) -> tuple[float, dict[str, list[float]]]:
    """Strength with the least BD-rate against plain rounding, by squared and by structural error
    together; and the BD-rates of each in `RDOQ`.

    Real payloads, means over pictures. Costs at a fixed lambda would mislead: more zeros also move
    along the curve, to a point that may suit that lambda better without being a better curve.
    `ValueError` without pictures.
    """
    if not pictures:
        raise ValueError("no pictures to choose the quantiser on")
    curves = np.zeros((len(RDOQ), len(pictures), 3, len(SETTINGS)))
    for j, rgb in enumerate(pictures):
        height, width = rgb.shape[:2]
        original = _planes(rgb)
        for k, setting in enumerate(SETTINGS):
            v = codec.latents(rgb, setting)
            for i, strength in enumerate(RDOQ):
                codec.rdoq = strength
                payloads, _ = codec.encode_latents(v, setting)
                coded = CodedPicture(width=width, height=height, setting=setting, payloads=payloads)
                decoded = _planes(codec.decode(coded))
                errors = [f(decoded, original) for f in (squared_error, structural_error)]
                scores = [-10 * np.log10(max(float(e) / rgb.size, 1e-9)) for e in errors]
                rate = 8 * sum(map(len, payloads)) / (width * height)
                curves[i, j, :, k] = rate, *scores
    rates = {}
    for name, at in (("psnr", 1), ("structure", 2)):
        saved = [
            [bd_rate(a[0], a[at], b[0], b[at]).value for a, b in zip(curves[0], c, strict=True)]
            for c in curves
        ]
        rates[name] = np.nan_to_num(saved).mean(1)  # flat pictures have no curve
    codec.rdoq = RDOQ[int((rates["psnr"] + rates["structure"]).argmin())]
    return codec.rdoq, {name: [round(float(m), 3) for m in v] for name, v in rates.items()}


def _planes(rgb: Pixels) -> torch.Tensor:
    """uint8 `(H, W, 3)` -> `(1, 3, H, W)` in -128..127."""
    return torch.from_numpy(rgb).permute(2, 0, 1)[None].float() - 128.0
