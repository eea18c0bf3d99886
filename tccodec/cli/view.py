"""`tccodec view`: show `.tcz` pictures in a browser."""

from __future__ import annotations

import threading
import webbrowser
from pathlib import Path

import click

from tccodec.browser.page import find_pictures
from tccodec.cli import options
from tccodec.cli.ranges import WholeNumberType
from tccodec.cli.streams import message
from tccodec.files.text import counted, shown


@click.command("view", short_help="Show .tcz pictures in a browser.")
@click.argument("source", metavar="FILE|FOLDER", type=options.LocalPath())
@click.option(
    "--port",
    type=WholeNumberType(0, 65535),
    default=0,
    help="Port to listen on.  [default: a free one]",
)
@click.option("--no-browser", is_flag=True, help="Only print the address, on stdout.")
def command(source: Path, port: int, no_browser: bool) -> None:
    """Open a .tcz file, or all in FOLDER and below, as a page in the browser.

    The page is served to this machine alone, at an address with a random token. It decodes in the
    browser; zoom, compare with an original, change realism, save as PNG. Nothing outside FOLDER is
    served, also where a link leads there. Ctrl-C ends it.

    \b
    tccodec view photo.tcz
    tccodec view holiday/
    """
    from tccodec.browser.server import Server, contents

    pictures = find_pictures(source)
    for name, reason in pictures.skipped.items():
        message(f"tccodec: {shown(name)} is left out: {reason}")
    with Server(contents(pictures), port=port) as server:
        click.echo(server.url)
        message(f"{counted(len(pictures.files), 'picture')}; Ctrl-C ends it")
        if not no_browser:
            # Some browsers return when they are closed, and the page must be there before.
            threading.Thread(target=webbrowser.open, args=(server.url,), daemon=True).start()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            message("")
