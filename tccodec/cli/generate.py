"""`tccodec generate`: pictures from noise, by a trained generator; and its training."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from tccodec.cli import options
from tccodec.cli.ranges import NumberType, WholeNumberType
from tccodec.cli.streams import message
from tccodec.errors import BadOption, OutputExists, TccodecError
from tccodec.files.atomic import check_writable, replacing

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
MAX_STEPS = 1000
REPLACE = "-f replaces it"


class _Counter:
    """A bar on stderr, if that is a terminal."""

    def __init__(self, text: str) -> None:
        console = Console(stderr=True)
        self.progress = Progress(console=console, disable=not console.is_terminal)
        self.task = self.progress.add_task(text)

    def __call__(self, done: int, total: int) -> None:
        self.progress.update(self.task, completed=done, total=total)

    def __enter__(self) -> _Counter:
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()


@click.group(
    "generate", short_help="Pictures from noise; train a generator.", invoke_without_command=True
)
@click.option(
    "--model",
    metavar="DIR",
    type=options.LocalPath(),
    help="Folder of a generator's run. Without a subcommand it is required.",
)
@click.option(
    "-n",
    "--count",
    "count",
    type=WholeNumberType(1, 10_000),
    default=16,
    show_default=True,
    help="Pictures.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=options.LocalPath(),
    help="One picture with all of them in rows: .png, .jpg or .webp. Without a subcommand it is"
    " required.",
)
@click.option("-f", "--force", is_flag=True, help="Replace the output if it exists.")
@click.option(
    "--seed",
    type=WholeNumberType(0, 2**31 - 1),
    default=0,
    show_default=True,
    help="Chooses the noise: the same seed gives the same pictures.",
)
@click.option(
    "--steps",
    type=WholeNumberType(1, MAX_STEPS),
    default=25,
    show_default=True,
    help="From noise to picture; more are better and slower.",
)
@click.option(
    "--method",
    type=click.Choice(["heun", "euler"]),
    default="heun",
    show_default=True,
    help="How a step is taken. Heun's takes twice as long and needs fewer steps.",
)
@click.option(
    "--class",
    "label",
    type=WholeNumberType(0),
    help="The class of all pictures.  [default: drawn for each]",
)
@click.option(
    "--guidance",
    type=NumberType(0, 100),
    default=1.0,
    show_default=True,
    help="Above 1: pictures more typical of their class.",
)
@options.device("Where the networks run.")
@click.pass_context
def command(
    ctx: click.Context,
    model: Path | None,
    count: int,
    output: Path | None,
    force: bool,
    seed: int,
    steps: int,
    method: str,
    label: int | None,
    guidance: float,
    device: str,
) -> None:
    """Make pictures from noise with a trained generator.

    \b
    tccodec generate --model runs/generator -n 16 -o sheet.png --seed 3

    A generator is a flow-matching transformer on the latents of an autoencoder, which may be a
    model or a training run. The subcommand trains one.
    """
    if ctx.invoked_subcommand is not None:
        if names := options.given(ctx):
            raise click.UsageError(
                f"before {ctx.invoked_subcommand} there are no options, such as"
                f" {next(iter(names.values()))}; its own come after it"
            )
        return
    if model is None or output is None:
        raise click.UsageError("name a generator with --model and a picture with --output")
    kind = FORMATS.get(output.suffix.lower())
    if kind is None:
        raise BadOption(f"{output} must end in .png, .jpg or .webp")
    if output.is_dir():
        raise OutputExists(f"{output} is a folder")
    if os.path.lexists(output) and not force:
        raise OutputExists(f"{output} exists; {REPLACE}")
    check_writable(output)
    from PIL import Image

    from tccodec.coding.devices import choose_device
    from tccodec.generate.sample import GAP, Generator, sheet, sheet_columns
    from tccodec.picture.save import LARGEST_SIDES

    generator = Generator.load(model, device=str(choose_device(device)))
    side = sheet_columns(count) * (generator.model.cfg.crop + GAP) - GAP
    if side > LARGEST_SIDES.get(kind, side):
        raise BadOption(f"{count} pictures are {side} pixels wide, more than {kind} holds: use PNG")
    with _Counter("generating") as counter:
        pictures = generator.pictures(
            count,
            seed=seed,
            label=label,
            steps=steps,
            method=method,
            guidance=guidance,
            done=lambda done: counter(done, count),
        )
    out = io.BytesIO()
    Image.fromarray(sheet(pictures)).save(out, kind)
    with replacing(output, overwrite=force, advice=REPLACE) as file:
        file.write(out.getvalue())


@command.command("train", short_help="Train a generator.")
@click.argument("config", type=options.LocalPath())
@click.option(
    "--autoencoder",
    metavar="DIR",
    type=options.LocalPath(),
    help="A training run or a model's folder. Required, but with --resume.",
)
@click.option(
    "--data",
    "sources",
    multiple=True,
    metavar="DIR|TAR",
    type=options.LocalPath(),
    help="Folder of pictures or of .tar shards, or one shard. May be repeated. Required, but with"
    " --resume.",
)
@click.option(
    "-o",
    "--output",
    "out",
    required=True,
    metavar="DIR",
    type=options.LocalPath(file_okay=False),
    help="Folder of the run.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with the run in --output, exactly; changed settings are named.",
)
@click.option(
    "--backbones",
    metavar="DIR",
    type=options.LocalPath(file_okay=False),
    help="Folder with efficientnet_lite0.safetensors, which classes need.",
)
@options.device("Where the networks run.")
@click.pass_context
def train(
    ctx: click.Context,
    config: Path,
    autoencoder: Path | None,
    sources: tuple[Path, ...],
    out: Path,
    resume: bool,
    backbones: Path | None,
    device: str,
) -> None:
    """Train a generator on the latents of an autoencoder.

    CONFIG is a TOML file with the section [generator]; settings that it leaves out have their
    defaults.

    \b
    tccodec generate train generator.toml --autoencoder runs/mine --data photos/ -o runs/generator
    tccodec generate train generator.toml -o runs/generator --resume
    """
    from tccodec.generate.config import load_generator_config
    from tccodec.training.folder import has_state, training_in

    cfg = load_generator_config(config)
    if not resume or out.is_dir():
        ctx.with_resource(training_in(out))
    prepared, begun = has_state(out / "latents"), has_state(out / "last")
    if resume and not prepared:
        raise TccodecError(f"{out} holds no run to resume")
    if not resume and (prepared or begun):  # weights of other latents would go on
        raise TccodecError(f"{out} already holds a run: use --resume, or another folder")
    if not resume and not (autoencoder and sources):
        raise click.UsageError("name what to train on with --autoencoder and --data")

    import torch

    from tccodec.coding.devices import choose_device
    from tccodec.generate.latents import Autoencoder
    from tccodec.generate.train import GeneratorTrainer, prepare
    from tccodec.training.progress import CHANGED, TrainingDisplay

    where = str(choose_device(device))
    if autoencoder and not resume:
        coder = Autoencoder.from_training(autoencoder, cfg.setting).to(torch.device(where))
        with _Counter("encoding crops") as counter:
            prepare(cfg, coder, list(sources), out, backbones=backbones, done=counter)
    trainer = GeneratorTrainer(cfg, out, device=where)
    changes = trainer.load() if begun else ""
    shown: dict[str, Any] = {"pixels_per_step": cfg.batch * cfg.crop**2, "steps": cfg.steps}
    with TrainingDisplay(out, minutes=1, quiet=False, **shown) as display:
        if changes:
            display.say(f"{CHANGED}: {changes}")
        trainer.run(report=display)
    message(f"{out}: {trainer.step} steps in {trainer.elapsed / 60:.1f} minutes")
