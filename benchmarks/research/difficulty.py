"""Weights by which training draws photographs: above 1 where AVIF does better than for most.

    python -m benchmarks.research.difficulty PHOTOS -o difficulty.json [--model tcae-s]

Of each training picture, the central 512 x 512 pixels (or less, if it is small) are reduced by two,
so that nothing is left of their own coding. They are coded by the model's latents at setting 400,
and by AVIF (speed 8) of equal bytes. The weight is 2 ** (advantage / 0.75 dB), 0.5 to 4, where the
advantage is the PSNR of AVIF less that of the latents, relative to the median over all pictures.
The file is for `difficulty` in [train]. Quantiles of the advantage go to stdout.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.common import Array8, avif_near, decoded, table_head, table_row
from tccodec.coding.neural import NeuralCodec
from tccodec.container import Setting
from tccodec.model.registry import find_model
from tccodec.training.data import load_named

SETTING = Setting(400)
SIDE = 512  # before the reduction
SPEED = 8
DOUBLES = 0.75  # dB for which a picture is drawn twice as often
LEAST, MOST = 0.5, 4.0


def advantage(codec: NeuralCodec, rgb: Array8) -> float:
    """PSNR of AVIF less that of latents of equal bytes, in dB."""
    side = min(SIDE, *rgb.shape[:2]) // 2 * 2
    y, x = ((length - side) // 2 for length in rgb.shape[:2])
    small = Image.fromarray(rgb[y : y + side, x : x + side]).reduce(2)
    source = np.asarray(small)
    coded = codec.encode(source, SETTING)
    avif = decoded(avif_near(small, sum(map(len, coded.payloads)), speed=SPEED))
    errors = [
        np.square(source.astype(np.float64) - np.asarray(other)).mean() + 1e-3
        for other in (codec.decode(coded), avif)
    ]
    return float(10 * np.log10(errors[0] / errors[1]))


def main() -> None:
    """Write the weights, print quantiles."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--model", default="tcae-s")
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    codec = NeuralCodec.load(find_model(args.model).folder)
    named = load_named(args.photos, 64)
    gains = np.array([advantage(codec, rgb) for _, rgb in named])
    weights = np.clip(2 ** ((gains - np.median(gains)) / DOUBLES), LEAST, MOST)
    names = [name for name, _ in named]
    args.output.write_text(json.dumps(dict(zip(names, weights.round(3).tolist(), strict=True))))
    print(table_head("quantile", "AVIF's advantage, dB", "weight"))
    for share in (0, 0.1, 0.25, 0.5, 0.75, 0.9, 1):
        values = np.quantile(gains, share), np.quantile(weights, share)
        print(table_row([share, f"{values[0]:+.2f}", f"{values[1]:.2f}"]))


if __name__ == "__main__":
    main()
