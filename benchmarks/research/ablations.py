"""One change of settings at a time, from nothing, at equal steps: BD-rates on held-out photographs.

    python -m benchmarks.research.ablations CONFIG PHOTOS --out DIR [--steps 1500] [--only NAME ...]

The changes are in `ablations.toml`. All runs see the same crops in the same order; each has one
thread, and as many run at once as there are cores. `DIR/NAME.json` keeps what a run gave: runs that
have one are not repeated. The table goes to stdout.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import time
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.common import table_head, table_row
from tccodec.config import ModelConfig
from tccodec.metrics.bd import bd_rate
from tccodec.model.complexity import complexity
from tccodec.training.config import TrainConfig, find_config, load_config
from tccodec.training.data import lapped_pca
from tccodec.training.loop import Trainer
from tccodec.training.losses import mean_structural_error

SETTINGS = (50, 100, 200, 300, 400, 500, 600, 750, 900)
BATCHES = 8  # of eight held-out crops of 256 pixels
SHARED: dict[str, Any] = {}  # data, inherited by the runs' processes
UNCHANGED: dict[str, Any] = {"says": "as configured"}


@dataclass(frozen=True)
class Job:
    """One run."""

    name: str
    says: str
    model: ModelConfig
    train: TrainConfig
    steps: int
    out: Path


@torch.no_grad()
def curve(trainer: Trainer) -> list[tuple[float, float, float]]:
    """Bits per pixel, PSNR and -10 log10(1 - SSIM) of the averaged weights at each setting."""
    model = trainer.model
    model.load_state_dict(trainer.average.state)
    model.eval()
    trainer.held_out.crop = 256
    points = []
    for q in SETTINGS:
        found = []
        for i in range(BATCHES):
            x = trainer.held_out.batch(i, 8, rescale=0.5)
            with torch.autocast("cpu", torch.bfloat16):
                y, bits, *_ = model(x, torch.full((8,), float(q)))
            mse = (y - x).square().mean((1, 2, 3))
            structure = mean_structural_error(y, x)
            found.append(torch.stack([bits.sum(1) / 256**2, mse.log10(), structure.log10()]))
        bpp, mse, structure = torch.cat(found, 1).mean(1).tolist()
        points.append((bpp, 10 * (2 * math.log10(255) - mse), -10 * structure))
    return points


def run(job: Job) -> str:
    """Train in a process of its own; writes `DIR/NAME.json`."""
    torch.set_num_threads(1)
    (job.out / job.name).mkdir(parents=True, exist_ok=True)
    trainer = Trainer(job.model, job.train, job.out / job.name)
    trainer.data, trainer.held_out = SHARED["data"], SHARED["held"]
    trainer.data.crop, trainer.data.seed = job.train.crop, job.train.seed
    trainer.model.start_from(*lapped_pca(trainer.data, job.model))
    trainer.average.restart()
    start = time.process_time()
    trainer.run(report=lambda row: None, steps=job.steps, save_states=False)
    seconds = (time.process_time() - start) / job.steps
    cost = complexity(job.model)
    found = {
        "says": job.says, "steps": job.steps, "cpu_seconds_per_step": round(seconds, 3),
        "kmac": round(cost.total_kmac, 1), "parameters": cost.parameters, "curve": curve(trainer),
    }  # fmt: skip
    (job.out / f"{job.name}.json").write_text(json.dumps(found))
    return job.name


def table(out: Path, names: list[str]) -> str:
    """BD-rates against `base`, by PSNR and by SSIM."""
    runs = {n: json.loads((out / f"{n}.json").read_text()) for n in names}
    rates, *qualities = np.array(runs["base"]["curve"]).T
    deltas = ("BD-rate, PSNR", "BD-rate, SSIM")
    lines = [table_head("run", "what differs", "kMAC/px", *deltas, "CPU seconds per step")]
    for name, found in runs.items():
        bpp, *values = np.array(found["curve"]).T
        against = [
            f"{bd_rate(rates, a, bpp, b).value:+.1f} %"
            for a, b in zip(qualities, values, strict=True)
        ]
        seconds = f"{found['cpu_seconds_per_step']:.2f}"
        cells = [name, found["says"], f"{found['kmac']:.1f}", *against, seconds]
        lines.append(table_row(cells))
    return "\n".join(lines)


def main() -> None:
    """Train what is missing, then print."""
    changes = tomllib.loads(Path(__file__).with_name("ablations.toml").read_text("utf-8"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--only", nargs="+", choices=list(changes), default=list(changes))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    model, train = load_config(find_config(args.config))
    # Steps and crops that a CPU can take, and one look: shapes are compared by that.
    train = replace(train, batch=32, crop=128, decay_fraction=0.8, ema=0.998, compile=False)
    train = replace(train, second_look=0.0, perceptual=0.0, grid=0.0)
    jobs = []
    for name in ["base", *args.only]:
        change = changes.get(name, UNCHANGED)
        jobs.append(
            Job(
                name,
                change["says"],
                ModelConfig.from_dict(model.to_dict() | change.get("model", {})),
                replace(train, **change.get("train", {})),
                args.steps,
                args.out,
            )
        )
    new = [job for job in jobs if not (args.out / f"{job.name}.json").exists()]
    if new:
        torch.set_num_threads(1)  # worker processes are forked: no thread pool before that
        first = Trainer(model, replace(train, crop=256), args.out / "first")
        first.load_data(args.photos)
        SHARED.update(data=first.data, held=first.held_out)
        fork = multiprocessing.get_context("fork")
        with fork.Pool(os.cpu_count(), maxtasksperchild=1) as pool:
            for name in pool.imap_unordered(run, new, chunksize=1):
                print(name, flush=True)
    print(table(args.out, [job.name for job in jobs]))


if __name__ == "__main__":
    main()
