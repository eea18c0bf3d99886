"""`tccodec decompress`: `.tcz` files to pictures."""

from __future__ import annotations

import click

from tccodec.cli import options
from tccodec.cli.codecs import Codecs
from tccodec.cli.decompress_work import DecompressWork
from tccodec.cli.engine import Engine
from tccodec.cli.jobs import Naming, is_tcz, output_folder, plan
from tccodec.cli.outputs import Outputs
from tccodec.cli.ranges import NumberType
from tccodec.cli.reporter import Messages
from tccodec.cli.run import run_jobs
from tccodec.container.limits import Limits
from tccodec.errors import BadOption
from tccodec.files.remote import path_of


@click.command(
    "decompress", cls=options.SectionedCommand, short_help="Turn .tcz files back into pictures."
)
@click.argument("inputs", nargs=-1, required=True, type=options.PATH, metavar="IN...")
@options.outputs
@click.option(
    "--overwrite-originals",
    is_flag=True,
    help="Without -o, replace a picture that is there instead of writing NAME.decoded.png.",
)
@click.option(
    "--format",
    "format_name",
    metavar="NAME",
    help="png, jpeg, webp, tiff, ...  [default: the suffix of -o, else png]",
)
@click.option(
    "--region",
    type=options.RegionType(),
    help="Decode only this part of the picture, and only what it depends on.",
)
@click.option(
    "--scale",
    type=click.Choice(["1", "1/2", "1/4", "1/8"]),
    default="1",
    show_default=True,
    help="Give a smaller picture, for less work.",
)
@click.option(
    "--realism",
    type=NumberType(0, 1),
    default=0.0,
    show_default=True,
    help="From 0, the picture of least error, to 1, that of most natural texture.",
)
@click.option(
    "--preview",
    is_flag=True,
    help="Give the small picture that the file holds, at once: no network runs. If it holds none,"
    " it is decoded and made small.",
)
@options.jobs
@options.network
@options.limits
@options.messages
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[str, ...],
    output: str | None,
    added: str,
    full_names: bool,
    recursive: bool,
    force: bool,
    skip_existing: bool,
    preserve_times: bool,
    strict: bool,
    overwrite_originals: bool,
    format_name: str | None,
    region: tuple[int, int, int, int] | None,
    scale: str,
    realism: float,
    preview: bool,
    engine: Engine,
    model: str | None,
    device: str,
    threads: int | None,
    limits: Limits,
    messages: Messages,
) -> None:
    """Decompress .tcz files to pictures, PNG by default.

    The output is written beside its input. -o names a folder, or another file, whose suffix
    gives the format. IN may be - for stdin; then the picture goes to stdout.

    Without -o no picture is replaced, because it could be the original. If photo.png exists with
    other content, photo.decoded.png is written.

    \b
    tccodec decompress photo.tcz
    tccodec decompress photo.tcz -o photo.jpg
    tccodec decompress scan.tcz --region 4000,2000,800,600
    tccodec decompress photo.tcz --scale 1/8 -o thumbnail.jpg
    tccodec decompress photo.tcz --realism 1
    tccodec decompress photo.tcz --preview
    tccodec decompress small/ -r -o back/ --format webp
    """
    from tccodec.picture.save import output_format

    folder = output_folder(inputs, output)
    named = "" if output is None or folder is not None else path_of(output).suffix
    chosen = (named or "png") if format_name is None else format_name
    try:
        _, suffix = output_format(chosen)
    except BadOption as e:
        hint = "; --format names one, and a folder's name ends with /"
        raise BadOption(f"{e}{hint if format_name is None else ''}") from None
    if preview and (region or scale != "1" or realism):
        raise BadOption("--preview gives a picture as it is: without --region, --scale, --realism")
    if overwrite_originals and output is not None:
        raise BadOption("--overwrite-originals is for names without -o; -f replaces what -o names")
    added = added or (".preview" if preview and output is None else "")
    naming = Naming(suffix, added=added, full=full_names)
    planned = plan(inputs, output, naming=naming, recursive=recursive, file_filter=is_tcz)
    if messages.as_json and any(j.target is None and not j.problem for j in planned.jobs):
        raise BadOption("--json and the picture both want stdout; name a file with -o")
    engine.check_device(device)
    codecs = Codecs(model, device=device, threads=threads)
    outputs = Outputs(
        planned.jobs,
        force=force,
        skip_existing=skip_existing,
        preserve_times=preserve_times,
        originals=overwrite_originals,
    )
    work = DecompressWork(
        format=chosen,
        region=region,
        scale=1 / int(scale.rpartition("/")[2]),
        realism=realism,
        preview=preview,
        strict=strict,
        limits=limits,
        outputs=outputs,
        codecs=codecs,
    )
    status = run_jobs(
        planned,
        work,
        engine=engine,
        threads=threads,
        messages=messages,
    )
    ctx.exit(status)
