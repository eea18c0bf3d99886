"""One change of settings at a time, at equal steps: BD-rates on held-out photographs.

    python -m benchmarks.research.ablations CONFIG PHOTOS --out DIR [--steps 1500] [--only NAME ...]

The changes are in `ablations.toml`. All runs start from nothing, or from the state that `--init`
names, and see the same crops in the same order, but where the change is in them. Each has one
thread, and as many run at once as there are cores. `DIR/NAME` keeps a run's state, with which an
interrupted one goes on, and `DIR/NAME.json` what it gave: runs that have one are not repeated.
`--also` adds columns for other pictures, the 256 x 256 pixels with most edges of each. The table
goes to stdout.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.common import busiest, open_rgb, table_head, table_row
from tccodec.config import ModelConfig
from tccodec.metrics.bd import bd_rate
from tccodec.model.complexity import complexity
from tccodec.training.config import TrainConfig, find_config, load_config
from tccodec.training.data import Crops
from tccodec.training.folder import has_state
from tccodec.training.loop import Trainer
from tccodec.training.losses import mean_structural_error
from tccodec.training.precision import mixed_precision

SETTINGS = (50, 100, 200, 300, 400, 500, 600, 750, 900)
BATCHES = 8  # of eight held-out crops
HELD_OUT = "held out"
SIDE = 256  # of the crops that are measured
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
    init: Path | None


@torch.no_grad()
def points(trainer: Trainer, batches: Sequence[Tensor]) -> NDArray[np.float64]:
    """What the averaged weights make of crops `(B, 3, H, W)`, at each setting.

    Returns bits per pixel, PSNR and -10 log10(1 - SSIM), `(settings, crops, 3)`.
    """
    model = trainer.model
    model.load_state_dict(trainer.average.state)
    model.eval()
    found = []
    for q in SETTINGS:
        parts = []
        for x in batches:
            with mixed_precision(trainer.device):
                y, bits, *_ = model(x, torch.full((len(x),), float(q)))
            bpp = bits.sum(1) / x[0, 0].numel()
            psnr = 10 * (2 * math.log10(255) - (y - x).square().mean((1, 2, 3)).log10())
            parts.append(torch.stack([bpp, psnr, -10 * mean_structural_error(y, x).log10()], 1))
        found.append(torch.cat(parts))
    return torch.stack(found).double().numpy()


def batches_of(crops: Crops) -> list[Tensor]:
    """Crops of `SIDE` pixels, by eight; half of them of reduced pictures."""
    crops.crop = SIDE
    return [crops.batch(i, 8, rescale=0.5) for i in range(BATCHES)]


def held_out_batches(trainer: Trainer) -> list[Tensor]:
    """Crops of the held-out photographs."""
    return batches_of(trainer.held_out)


def curve(trainer: Trainer) -> list[list[float]]:
    """The means of `points` over held-out photographs."""
    means: list[list[float]] = points(trainer, held_out_batches(trainer)).mean(1).tolist()
    return means


def crops_in(folders: Sequence[Path]) -> list[Tensor]:
    """The crop with most edges of each picture in the folders, by eight."""
    paths = sorted(path for folder in folders for path in folder.glob("*.png"))
    crops = [busiest(np.asarray(open_rgb(path)), SIDE) for path in paths]
    x = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() - 128
    return list(torch.split(x, 8))


def train(job: Job) -> tuple[Trainer, dict[str, Any]]:
    """The run, from the state that it left if it is done; and what is known of it."""
    trainer = Trainer(job.model, job.train, job.out / job.name)
    file, last = job.out / f"{job.name}.json", job.out / job.name / "last"
    if file.exists():
        trainer.load(last)
        return trainer, json.loads(file.read_text())
    (job.out / job.name).mkdir(parents=True, exist_ok=True)
    trainer.data, trainer.held_out = SHARED[job.train.difficulty]
    trainer.data.crop, trainer.data.seed = job.train.crop, job.train.seed
    if has_state(last):
        trainer.load(last)
    elif job.init:
        trainer.start_from(job.init)
    else:
        trainer.initialise()
    start, earlier = time.process_time(), trainer.step
    trainer.run(report=lambda row: None, steps=job.steps)
    seconds = (time.process_time() - start) / max(trainer.step - earlier, 1)
    cost = complexity(job.model)
    return trainer, {
        "says": job.says, "steps": job.steps, "cpu_seconds_per_step": round(seconds, 3),
        "kmac": round(cost.total_kmac, 1), "parameters": cost.parameters, "points": {},
    }  # fmt: skip


def run(job: Job) -> str:
    """Train and measure in a process of its own; writes `DIR/NAME.json`."""
    torch.set_num_threads(1)
    trainer, found = train(job)
    for title, batches in SHARED["batches"].items():
        if title not in found["points"]:
            found["points"][title] = points(trainer, batches).round(4).tolist()
    (job.out / f"{job.name}.json").write_text(json.dumps(found))
    return job.name


def delta(base: NDArray[np.float64], other: NDArray[np.float64], measure: int) -> float:
    """BD-rate in per cent of two curves `(settings, 3)`, by PSNR (1) or SSIM (2)."""
    return bd_rate(base[:, 0], base[:, measure], other[:, 0], other[:, measure]).value


def deltas(base: dict[str, Any], other: dict[str, Any], titles: Sequence[str]) -> list[float]:
    """BD-rates of the columns of `table`."""
    out = []
    for title in titles:
        one, two = (np.array(found["points"][title]) for found in (base, other))
        single = [delta(one[:, i], two[:, i], 1) for i in range(one.shape[1])]
        out += [delta(one.mean(1), two.mean(1), 1), delta(one.mean(1), two.mean(1), 2)]
        out.append(float(np.nanmedian(single)))
    return out


def table(out: Path, names: list[str], titles: Sequence[str]) -> str:
    """BD-rates against `base`: of mean curves, by PSNR and by SSIM; the median crop's, by PSNR."""
    runs = {n: json.loads((out / f"{n}.json").read_text()) for n in names}
    columns = [f"{t}: {m}" for t in titles for m in ("PSNR", "SSIM", "median, PSNR")]
    lines = [table_head("run", "what differs", "kMAC/px", *columns, "CPU seconds per step")]
    for name, found in runs.items():
        rates = [f"{value:+.1f} %" for value in deltas(runs["base"], found, titles)]
        seconds = f"{found['cpu_seconds_per_step']:.2f}"
        lines.append(table_row([name, found["says"], f"{found['kmac']:.1f}", *rates, seconds]))
    return "\n".join(lines)


def main() -> None:
    """Train what is missing, then print."""
    changes = tomllib.loads(Path(__file__).with_name("ablations.toml").read_text("utf-8"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config")
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--init", type=Path, help="a run's state that all start from")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at once")
    parser.add_argument("--also", nargs="+", action="append", metavar=("TITLE", "DIR"), default=[])
    parser.add_argument("--only", nargs="*", choices=list(changes), default=list(changes))
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
                args.init,
            )
        )
    torch.set_num_threads(1)  # worker processes are forked: no thread pool before that
    for difficulty in {job.train.difficulty for job in jobs}:
        loader = Trainer(model, replace(train, crop=SIDE, difficulty=difficulty), args.out)
        loader.load_data(args.photos)
        SHARED[difficulty] = loader.data, loader.held_out
    also = {title: crops_in([Path(folder) for folder in folders]) for title, *folders in args.also}
    SHARED["batches"] = {HELD_OUT: held_out_batches(loader), **also}
    fork = multiprocessing.get_context("fork")
    with fork.Pool(args.jobs, maxtasksperchild=1) as pool:
        for name in pool.imap_unordered(run, jobs, chunksize=1):
            print(name, file=sys.stderr, flush=True)
    print(table(args.out, [job.name for job in jobs], list(SHARED["batches"])))


if __name__ == "__main__":
    main()
