"""What training brought on the pictures that it saw, and on those that it did not.

    python -m benchmarks.research.gap CONFIG PHOTOS STATE [STATE ...]

STATE is a model's folder or a run's state, such as `runs/mine/last`. Each but the first is compared
with the first: BD-rates over settings 50 to 900 of 64 crops of 256 x 256 pixels, from the training
pictures of CONFIG and from those held out. A model that learns its pictures by heart gains on the
former alone. The weights are the averaged ones, the bits those that the entropy model estimates.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.common import table_head, table_row
from benchmarks.research.ablations import batches_of, delta, points
from tccodec.training.config import find_config, load_config
from tccodec.training.loop import Trainer


def main() -> None:
    """Measure, then print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("photos", type=Path)
    parser.add_argument("states", nargs="+", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(*load_config(find_config(args.config)), Path(folder))
    trainer.load_data([args.photos])
    crops = {"seen": batches_of(trainer.data), "held out": batches_of(trainer.held_out)}
    columns = [f"{name}: {measure}" for name in crops for measure in ("PSNR", "SSIM")]
    print(table_head("state", *columns))
    curves = []
    for state in args.states:
        trainer.start_from(state)
        curves.append([points(trainer, batches).mean(1) for batches in crops.values()])
        rates = [
            delta(first, here, measure)
            for first, here in zip(curves[0], curves[-1], strict=True)
            for measure in (1, 2)
        ]
        print(table_row([state, *(f"{rate:+.1f} %" for rate in rates)]), flush=True)


if __name__ == "__main__":
    main()
