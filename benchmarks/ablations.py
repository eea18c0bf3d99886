"""One change at a time, from nothing, at equal budget: BD-rates on held-out photographs.

    python benchmarks/ablations.py PHOTOS --out DIR [--steps 250] [--only base gated ...]
    python benchmarks/ablations.py PHOTOS --out DIR --init models/tcae-s --only base adamw-1e-3 ...

With `--init` from trained weights instead, with the settings of their last run. All runs see the
same crops in the same order and take as many steps; each has one thread, and as many run at once
as there are cores. `DIR/NAME.json` keeps what a run gave: runs that have one are not repeated. The
table goes to stdout. What the names mean is in `variants.py`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from variants import VARIANTS

from tccodec.complexity import complexity
from tccodec.report.bd import bd_rate
from tccodec.training import loop
from tccodec.training.config import TrainConfig
from tccodec.training.data import lapped_pca
from tccodec.training.loop import Trainer, structural_error
from tccodec.transform.config import ModelConfig

MODEL = {"blend": 3}
TRAIN: dict[str, Any] = {
    "batch": 8, "crop": 256, "seed": 1, "warmup_steps": 30, "lr_muon": 5e-3, "lr": 1e-3,
    "decay_fraction": 0.85, "ema": 0.998, "seam": 0.1,
}  # fmt: skip
TRAINED: dict[str, Any] = {
    "lr_muon": 3.2e-3, "lr": 6.5e-4, "structure": 0.3, "rdoq": 0.8, "rescale": 0.75,
    "quality_wide": 0.4,
}  # fmt: skip
QUALITIES = (50, 100, 200, 300, 400, 500, 600, 750, 900)
BATCHES = 8  # of eight held-out crops of 256 pixels
# Of use with `--init` only; the others are what a call without `--only` runs.
TRAINED_ONLY = ("start", "muon-1e-3", "muon-1e-2", "adamw-1e-4", "adamw-3e-4")
SHARED: dict[str, Any] = {}  # data and first basis, inherited by the runs' processes


@torch.no_grad()
def curve(trainer: Trainer) -> list[tuple[float, float, float]]:
    """Bits per pixel, PSNR and -10 log10(1 - SSIM) of the averaged weights at each quality."""
    model = trainer.model
    model.load_state_dict(trainer.ema)
    model.eval()
    trainer.held.crop = 256
    points = []
    for q in QUALITIES:
        found = []
        for i in range(BATCHES):
            x = trainer.held.batch(i, 8, rescale=0.5)
            with torch.autocast("cpu", torch.bfloat16):
                y, bits = model(x, torch.full((8,), float(q)))
            mse = (y - x).square().mean((1, 2, 3))
            structure = structural_error(y, x)
            found.append(torch.stack([bits.sum(1) / 256**2, mse.log10(), structure.log10()]))
        bpp, mse, structure = torch.cat(found, 1).mean(1).tolist()
        points.append((bpp, 10 * (2 * np.log10(255) - mse), -10 * structure))
    return points


def train(job: tuple[str, int, Path, Path | None]) -> str:
    """One run, in a process of its own; writes `DIR/NAME.json`."""
    name, steps, out, init = job
    variant = VARIANTS[name]
    torch.set_num_threads(1)
    if variant.change:
        variant.change()
    by_time = loop.schedule
    loop.schedule = lambda elapsed, total, step, cfg: by_time(step, steps, step, cfg)
    cfg = ModelConfig.from_dict(MODEL | variant.model)
    settings = TrainConfig(**(TRAIN | (TRAINED if init else {}) | variant.train))
    trainer = Trainer(cfg, settings, out / name)
    if variant.optimiser:
        muon = variant.optimiser(trainer.muon.param_groups[0]["params"])
        trainer.muon, trainer.base_lr[-1] = muon, muon.param_groups[0]["lr"]  # type: ignore
    trainer.data, trainer.held = SHARED["data"], SHARED["held"]
    trainer.data.crop, trainer.data.seed = settings.crop, settings.seed
    if init:
        trainer.start_from(init)
    else:
        trainer.model.start_from(*SHARED["basis"])
        trainer.ema = {k: v.clone() for k, v in trainer.model.state_dict().items()}
    trainer.before = []  # or it would be validated first
    (out / name).mkdir(parents=True, exist_ok=True)
    trainer.save = lambda name: None  # type: ignore[method-assign]
    start = time.monotonic()
    trainer.run(1e6, report=lambda row: None, steps=steps)
    seconds = (time.monotonic() - start) / steps
    c = complexity(cfg)
    found = {
        "says": variant.says, "steps": steps, "seconds_per_step": round(seconds, 3),
        "kmac": round(c.total_kmac, 1), "parameters": c.parameters, "curve": curve(trainer),
    }  # fmt: skip
    (out / f"{name}.json").write_text(json.dumps(found))
    return name


def table(out: Path, names: list[str]) -> str:
    """BD-rates against `base`, by PSNR and by SSIM."""
    runs = {n: json.loads((out / f"{n}.json").read_text()) for n in names}
    rates, *qualities = zip(*runs["base"]["curve"], strict=True)
    lines = [
        "| run | what differs | kMAC/px | BD-rate, PSNR | BD-rate, SSIM | seconds per step |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, run in runs.items():
        bpp, *values = zip(*run["curve"], strict=True)
        deltas = [
            f"{bd_rate(rates, a, bpp, b).value:+.1f} %"
            for a, b in zip(qualities, values, strict=True)
        ]
        cells = [name, run["says"], f"{run['kmac']:.1f}", *deltas, f"{run['seconds_per_step']:.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Train what is missing, then print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--init", type=Path)
    usual = [n for n in VARIANTS if n not in TRAINED_ONLY]
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=usual)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    new = [n for n in args.only if not (args.out / f"{n}.json").exists()]
    jobs = [(n, args.steps, args.out, args.init) for n in new]
    if jobs:
        torch.set_num_threads(1)  # worker processes are forked: no thread pool before that
        first = Trainer(ModelConfig.from_dict(MODEL), TrainConfig(**TRAIN), args.out / "first")
        first.load_data(args.photos)
        SHARED.update(data=first.data, held=first.held)
        if not args.init:
            SHARED["basis"] = lapped_pca(first.data, first.model_cfg)
        fork = multiprocessing.get_context("fork")
        with fork.Pool(os.cpu_count(), maxtasksperchild=1) as pool:
            for name in pool.imap_unordered(train, jobs, chunksize=1):
                print(name, flush=True)
    print(table(args.out, ["base", *(n for n in args.only if n != "base")]))


if __name__ == "__main__":
    main()
