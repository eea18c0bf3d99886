"""What latents cost beside AV1 of the whole picture, by setting: where the network is better.

    python -m benchmarks.research.beside_av1 PICTURES [--settings 200 350 500 700]

PICTURES is a folder of photographs held out of training; reduce them by two if they were coded by
AV1 before. Cost is bits + lambda * squared error at the lambda of the setting. AV1 is that of
`tccodec/coding/block_coder.py`, at the quality of least cost and speed 6.
Prints the median, over pictures, of what AV1 costs more than latents, in per cent, and of how many
it costs less.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from benchmarks.common import table_head, table_row
from tccodec.coding.block_coder import TRIAL_SPEED, BlockCoder, squared_error
from tccodec.coding.neural import NeuralCodec
from tccodec.container import Setting
from tccodec.container.blocks import block_grid
from tccodec.model.registry import find_model
from tccodec.picture import read_picture


def excess(core: NeuralCodec, path: Path, settings: list[int]) -> list[float]:
    """For each setting, the cost of AV1 over that of latents, less 1."""
    picture = read_picture(path)
    rgb = picture.rgb
    everything = np.ones(block_grid(picture.width, picture.height), np.bool_)
    apart = BlockCoder(rgb, everything, grey=picture.grey, speed=TRIAL_SPEED)
    out = []
    for setting in settings:
        lam = core.cfg.lam(float(setting))
        coded = core.encode(rgb, Setting(setting))
        bits = 8 * sum(len(payload) for payload in coded.payloads)
        cost = bits + lam * squared_error(rgb, core.decode(coded)) / 3
        av1 = apart.best_av1(lam, max_cost=2 * cost)
        out.append(av1.cost(lam) / cost - 1 if av1 else 1.0)
    return out


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--settings", type=int, nargs="+", default=[200, 350, 500, 700])
    parser.add_argument("--model", default="tcae-s")
    args = parser.parse_args()
    core = NeuralCodec.load(find_model(args.model).folder)
    paths = [p for p in sorted(args.pictures.iterdir()) if p.suffix == ".png"]
    rows = np.array([excess(core, path, args.settings) for path in paths])
    print(table_head("setting", "AV1 costs more, median, %", f"less, of {len(rows)} pictures"))
    for setting, values in zip(args.settings, rows.T, strict=True):
        print(table_row([setting, f"{100 * np.median(values):+.1f}", int((values < 0).sum())]))


if __name__ == "__main__":
    main()
