"""`tccodec export`: a training run becomes a model that can be released."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("export", short_help="Turn a training run into a model folder.")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder of the model."
)
@click.option("--name", help="Name of the model; the configuration's by default.")
@click.option("--description", default="", help="One sentence for `models list`.")
@click.option("--state", default="last", help="Which state of the run: last or stable.")
@click.option(
    "--calibrate",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Training data: fits the symbol tables and the quantiser. Recommended.",
)
@click.option(
    "--notes",
    type=click.Path(path_type=Path),
    help="Markdown file for the model card: data, licences, anything to know.",
)
@click.option(
    "--realism",
    is_flag=True,
    help="Add RUN's decoder to the model in --output, as its decoder for realism 1.",
)
def command(
    run: Path,
    output: Path,
    name: str | None,
    description: str,
    state: str,
    calibrate: tuple[Path, ...],
    notes: Path | None,
    realism: bool,
) -> None:
    """Write RUN's averaged weights as a model folder: fp16 transforms, integer entropy
    networks and symbol tables in safetensors, config.json with the content's id, and
    README.md, the model card.
    """
    from tccodec.errors import TccodecError
    from tccodec.training.export import export_realism, export_run

    if realism:
        if name or description or calibrate or notes:
            raise click.UsageError("--realism goes with --output and --state only")
        identity = export_realism(run, output, state=state)
        click.echo(f"{output}: decoder for realism {identity.hex()}", err=True)
        return
    try:
        text = notes.read_text("utf-8") if notes else ""
    except (OSError, UnicodeDecodeError) as e:
        raise TccodecError(f"cannot read {notes}: {e}") from None
    identity = export_run(
        run,
        output,
        name=name,
        description=description,
        state=state,
        calibrate=list(calibrate) or None,
        notes=text,
    )
    click.echo(f"{output}: model {identity.hex()}", err=True)
