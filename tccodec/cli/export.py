"""`tccodec export`: make a model folder from a training run."""

from __future__ import annotations

from pathlib import Path

import click

from tccodec.cli import options
from tccodec.cli.ranges import NumberType
from tccodec.cli.streams import message
from tccodec.errors import OutputExists, TccodecError


@click.command("export", short_help="Turn a training run into a model folder.")
@click.argument("run", type=options.LocalPath())
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="DIR",
    type=options.LocalPath(),
    help="Folder of the model.",
)
@click.option("--name", metavar="NAME", help="Name of the model.  [default: the configuration's]")
@click.option(
    "--description",
    default="",
    metavar="TEXT",
    help="One sentence for `tccodec models`.  [default: none]",
)
@click.option(
    "--state",
    type=click.Choice(["last", "stable"]),
    default="last",
    show_default=True,
    help="Which state of the run: its end, or before the learning rates fell.",
)
@click.option(
    "--calibrate",
    multiple=True,
    metavar="DIR|TAR",
    type=options.LocalPath(),
    help="The training data: fits the symbol tables and the quantiser to it. Recommended; may be"
    " repeated.  [default: no fitting]",
)
@click.option(
    "--notes",
    metavar="FILE",
    type=options.LocalPath(),
    help="Markdown for the model card: data, licences, anything to know.  [default: none]",
)
@click.option(
    "--mix",
    metavar="RUN SHARE",
    type=(options.LocalPath(), NumberType(0, 1)),
    help="Mix the weights with those of another run; SHARE is from 0 to 1: 0.3 is three tenths of"
    " that run's, seven tenths of RUN's.  [default: RUN's alone]",
)
@click.option(
    "--mix-decoder",
    metavar="RUN SHARE",
    type=(options.LocalPath(), NumberType(0, 1)),
    help="Mix the decoder network with that of this run; --mix then leaves it out."
    "  [default: as --mix]",
)
@click.option(
    "--trellis",
    is_flag=True,
    help="Two quantisers, between which a state chooses, also if RUN was trained with one: about"
    " 4 % fewer bits, and entropy coding takes about twice as long.",
)
@click.option(
    "--realism",
    is_flag=True,
    help="Add RUN's decoder to the model in --output, as its decoder for realism 1.",
)
@click.option(
    "--onnx",
    is_flag=True,
    help="RUN is a model, by name or folder: write its decoder as ONNX files.",
)
@click.option("-f", "--force", is_flag=True, help="Replace what is in --output.")
def command(
    run: Path,
    output: Path,
    name: str | None,
    description: str,
    state: str,
    calibrate: tuple[Path, ...],
    notes: Path | None,
    mix: tuple[Path, float] | None,
    mix_decoder: tuple[Path, float] | None,
    trellis: bool,
    realism: bool,
    onnx: bool,
    force: bool,
) -> None:
    """Write the averaged weights of RUN as a model folder, which --model takes.

    The folder holds model.safetensors (transforms in fp16, integer entropy networks, symbol
    tables), config.json with the model's id, and README.md, the model card.

    \b
    tccodec export runs/mine -o models/mine --calibrate photos/
    tccodec compress photo.jpg --model models/mine
    tccodec export tcae-s --onnx -o onnx/

    With --onnx the files are decoder.onnx and, for realism 1, decoder-realism.onnx. They turn
    decoded latents into pixels, for any program that runs ONNX.
    """
    from tccodec.model.folder import CONFIG, WEIGHTS
    from tccodec.training.card import CARD

    others = name or description or calibrate or notes or mix or mix_decoder or trellis
    if onnx:
        if others or realism or state != "last":
            raise click.UsageError("--onnx goes with --output and --force only")
        _write_onnx(str(run), output, force=force)
        return
    if realism and (others or force):
        raise click.UsageError("--realism goes with --output and --state only")
    for file in (CONFIG, WEIGHTS, CARD):
        if not (realism or force) and (output / file).exists():
            raise OutputExists(f"{output / file} exists; -f replaces it, -o names another folder")

    from tccodec.training.export import export_realism, export_run

    if realism:
        identity = export_realism(run, output, state=state)
        message(f"{output}: decoder for realism {identity.hex()}")
        return
    try:
        text = notes.read_text("utf-8") if notes else ""
    except UnicodeDecodeError:
        raise TccodecError(f"{notes} is not text in UTF-8") from None
    identity = export_run(
        run,
        output,
        name=name,
        description=description,
        state=state,
        calibrate=list(calibrate) or None,
        notes=text,
        mix_with=mix,
        mix_decoder=mix_decoder,
        trellis=trellis,
        say=message,
    )
    message(f"{output}: model {identity.hex()}")


def _write_onnx(model: str, output: Path, *, force: bool) -> None:
    from tccodec.model.registry import find_model
    from tccodec.portable.export import DECODER, REALISTIC, write_onnx

    for name in (DECODER, REALISTIC):
        if not force and (output / name).exists():
            raise OutputExists(f"{output / name} exists; -f replaces it, -o names another folder")
    for file in write_onnx(find_model(model).folder, output):
        message(f"{file}: {file.stat().st_size} bytes")
