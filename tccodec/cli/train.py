"""`tccodec train`: train a model, or continue a run."""

from __future__ import annotations

import math
import os
from pathlib import Path

import click

from tccodec.cli import options
from tccodec.cli.ranges import NumberType
from tccodec.cli.streams import message
from tccodec.errors import TccodecError
from tccodec.files.atomic import check_writable


def _print_config(ctx: click.Context, _: click.Parameter, name: str | None) -> None:
    """Print a shipped configuration and exit, as --help does."""
    if name is not None:
        from tccodec.training.config import shipped_configs

        shipped = shipped_configs()
        if name not in shipped:
            raise click.BadParameter(f"{name!r} is not one of {', '.join(shipped)}")
        click.echo(shipped[name].read_text("utf-8"), nl=False)
        ctx.exit()


@click.command("train", short_help="Train a model from a configuration.")
@click.argument("config")
@click.option(
    "--data",
    "sources",
    multiple=True,
    required=True,
    metavar="DIR|TAR",
    type=options.LocalPath(),
    help="Folder of pictures or of .tar shards, or one shard. May be repeated.",
)
@click.option(
    "-o",
    "--output",
    "--out",
    "out",
    required=True,
    metavar="DIR",
    type=options.LocalPath(file_okay=False),
    help="Folder of the run.",
)
@click.option(
    "--minutes",
    type=NumberType(0, above=True),
    help="Time to train, all parts of the run together.  [default: the configuration's minutes"
    " or steps]",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the run in --output, exactly; changed settings are named.",
)
@click.option(
    "--init",
    metavar="DIR",
    type=options.LocalPath(),
    help="Start from the weights of another run, or of its state before the fall (RUN/stable), or"
    " of a model's folder.  [default: from nothing]",
)
@click.option(
    "--backbones",
    metavar="DIR",
    type=options.LocalPath(file_okay=False),
    help="Folder with lpips_vgg16.safetensors, which training for realism needs.",
)
@options.device("Where the network is trained.")
@click.option(
    "--print-config",
    metavar="NAME",
    is_eager=True,
    expose_value=False,
    callback=_print_config,
    help="Print the configuration of that name, to start your own from, and do nothing else.",
)
@click.pass_context
def command(
    ctx: click.Context,
    config: str,
    sources: tuple[Path, ...],
    out: Path,
    minutes: float | None,
    resume: bool,
    init: Path | None,
    backbones: Path | None,
    device: str,
) -> None:
    """Train a model on the pictures in --data.

    CONFIG is a TOML file that describes model and training, or the name of one that comes with
    the program, such as tcae-s or tcae-s-realism.

    \b
    tccodec train tcae-s --data photos/ -o runs/mine --minutes 95
    tccodec train tcae-s --data photos/ -o runs/mine --minutes 180 --resume
    tccodec train --print-config tcae-s > mine.toml

    The learning rates warm up, hold, and fall linearly to zero over the last part of the time, so
    any number of minutes ends with a finished model. OUT/stable keeps the state before the fall,
    OUT/metrics.jsonl the figures.

    With several GPUs: `torchrun --nproc-per-node N -m tccodec train ...`.
    """
    if resume and init:
        raise click.UsageError("--resume and --init exclude each other")
    if minutes == math.inf:
        raise click.UsageError("--minutes must end: name a number of minutes")
    from tccodec.training.config import find_config, load_config
    from tccodec.training.folder import LOG, start_of, training_in
    from tccodec.training.processes import Processes

    processes = Processes.from_environment(os.environ)
    model_cfg, train_cfg = load_config(find_config(config))
    steps = 0 if minutes else train_cfg.steps
    total = math.inf if steps else minutes or train_cfg.minutes
    _check_run(out, resume=resume)
    if train_cfg.needs_model and not (resume or init):
        raise click.UsageError(
            "this configuration trains the decoder alone: name a trained model with --init"
        )

    if init:
        init = start_of(init)
    check_writable(out / LOG)  # reading the pictures may take minutes
    if processes.rank == 0:
        ctx.with_resource(training_in(out))
        _check_run(out, resume=resume)  # another run may have ended just now

    from tccodec.coding.devices import choose_device
    from tccodec.training.loop import Trainer
    from tccodec.training.progress import CHANGED, TrainingDisplay

    where = processes.device(str(choose_device(device)))
    processes.connect(where)
    rank, world = processes.rank, processes.world
    trainer = Trainer(
        model_cfg, train_cfg, out, device=where, rank=rank, world=world, backbones=backbones
    )
    trainer.load_data(list(sources))
    out.mkdir(parents=True, exist_ok=True)
    pixels = train_cfg.batch * world * train_cfg.crop**2
    with TrainingDisplay(
        out, minutes=total, pixels_per_step=pixels, quiet=rank > 0, steps=steps
    ) as display:
        display.say(f"training on {trainer.data_note}, on {where}")
        if resume:
            changes = trainer.load(out / "last")
            if changes:
                display.say(f"{CHANGED}: {changes}")
        elif init:
            trainer.start_from(init)
        else:
            display.say("finding the linear transform of these pictures")
            trainer.initialise()
        if trainer.compiled:
            display.say("compiling the model: the first steps take some minutes")
        trainer.run(total, report=display, steps=steps or None)
    processes.disconnect()
    if rank == 0:
        message(f"{out}: {trainer.step} steps in {trainer.elapsed / 60:.1f} minutes")


def _check_run(out: Path, *, resume: bool) -> None:
    """`TccodecError` for a folder whose run would be lost, or that has none to go on with."""
    from tccodec.training.folder import has_rows, has_state

    saved = has_state(out / "last")
    if not saved and has_rows(out):
        raise TccodecError(
            f"{out} holds a run that saved no state to go on from: name another folder"
        )
    if resume and not saved:
        raise TccodecError(f"{out} holds no run to resume")
    if saved and not resume:
        raise TccodecError(f"{out} already holds a run: use --resume, or another folder")
