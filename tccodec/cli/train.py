"""`tccodec train`: train a model, or go on with one."""

from __future__ import annotations

import os
from pathlib import Path

import click

from tccodec.errors import TccodecError


@click.command("train", short_help="Train a model from a configuration.")
@click.argument("config", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--data",
    "sources",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of pictures or of .tar shards, or one shard. May be repeated.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the run.")
@click.option("--minutes", type=float, help="Time budget; overrides the configuration's.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out, exactly.")
@click.option(
    "--init",
    type=click.Path(path_type=Path),
    help="Start from the weights of another run's state (RUN/last) or of a released model.",
)
@click.option(
    "--backbones",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder with lpips_vgg16.safetensors, which training for realism needs.",
)
@click.option("--device", default="auto", help="auto, cpu, cuda or mps.")
def command(
    config: Path,
    sources: tuple[Path, ...],
    out: Path,
    minutes: float | None,
    resume: bool,
    init: Path | None,
    backbones: Path | None,
    device: str,
) -> None:
    """Train the model that CONFIG (a TOML file) describes, on the pictures in --data.

    The rates warm up, hold and fall linearly to zero over the last part of the time, so any
    budget ends with a finished model. OUT/stable keeps the state before the decay: a later run
    with more minutes goes on from there. With several GPUs: `torchrun --nproc-per-node N
    cli.py train ...`. Metrics go to OUT/metrics.jsonl.
    """
    if resume and init:
        raise click.UsageError("--resume and --init exclude each other")
    if minutes is not None and minutes <= 0:
        raise click.UsageError("--minutes must be positive")
    from tccodec.training.config import load_config

    model_cfg, train_cfg = load_config(config)
    total = minutes or train_cfg.minutes
    last = out / "last" / "state.json"
    if resume and not last.is_file():
        raise TccodecError(f"{out} holds no run to resume")
    if not resume and (out / "metrics.jsonl").exists():
        raise TccodecError(f"{out} already holds a run: use --resume, or another folder")

    import torch

    from tccodec.core import choose_device
    from tccodec.training.loop import Trainer
    from tccodec.training.progress import Reporter

    world = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    where = str(choose_device(device))
    if world > 1:
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if where == "cuda":
            torch.cuda.set_device(local)
            where = f"cuda:{local}"
        torch.distributed.init_process_group("nccl" if where.startswith("cuda") else "gloo")
    out.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(
        model_cfg, train_cfg, out, device=where, rank=rank, world=world, backbones=backbones
    )
    trainer.load_data(list(sources))
    if resume:
        trainer.load(out / "last")
    elif init:
        trainer.start_from(init)
    else:
        trainer.initialise()
    pixels = train_cfg.batch * world * train_cfg.crop**2
    with Reporter(total, pixels, out, quiet=rank > 0) as reporter:
        trainer.run(total, report=reporter)
    if rank == 0:
        click.echo(f"{out}: {trainer.step} steps in {trainer.elapsed / 60:.1f} minutes", err=True)
