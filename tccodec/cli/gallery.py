"""`tccodec gallery`: a folder of `.tcz` pictures as a page for any web space."""

from __future__ import annotations

from pathlib import Path

import click

from tccodec.cli import options
from tccodec.cli.streams import message
from tccodec.files.text import counted, shown, size_text


@click.command("gallery", short_help="Make a web page of .tcz pictures.")
@click.argument("folder", metavar="FOLDER", type=options.LocalPath())
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="DIR",
    type=options.LocalPath(),
    help="Folder of the page.",
)
@click.option("-f", "--force", is_flag=True, help="Write into a folder that is not empty.")
@click.pass_context
def command(ctx: click.Context, folder: Path, output: Path, force: bool) -> None:
    """Write a page with all .tcz pictures of FOLDER and below it.

    The page decodes them in the visitor's browser. It holds the decoder, the weights of the models
    and small previews, and needs nothing but a web server that hands out files. Damaged pictures
    and links that lead out of FOLDER are left out and named, and the exit status is then 1.

    \b
    tccodec gallery holiday/ -o page/
    """
    from tccodec.browser.gallery import write_gallery

    written, skipped = write_gallery(folder, output, overwrite=force)
    for name, reason in skipped.items():
        message(f"tccodec: {shown(name)} is left out: {reason}")
    size = sum((output / name).stat().st_size for name in written)
    count = sum(name.startswith("files/") for name in written)
    message(f"{shown(output)}: {counted(count, 'picture')}, {size_text(size)}")
    ctx.exit(bool(skipped))
