"""`tccodec verify`: check that a file is undamaged, down to every symbol."""

from __future__ import annotations

import json

import click

from tccodec.cli import options
from tccodec.cli.codecs import Codecs
from tccodec.cli.inputs import read_tcz
from tccodec.cli.jobs import Job
from tccodec.cli.run import read_jobs
from tccodec.coding.surroundings import require_device
from tccodec.container import read_header
from tccodec.container.limits import Limits
from tccodec.files.text import json_name


@click.command("verify", short_help="Check .tcz files: checksums and every symbol.")
@click.argument("files", nargs=-1, required=True, type=options.PATH, metavar="FILE...")
@click.option("-r", "--recursive", is_flag=True, help="Walk folders and all below them.")
@options.network
@options.limits
@click.option("--json", "as_json", is_flag=True, help="One JSON object per file on stdout.")
@click.option("-Q", "--quiet", is_flag=True, help="Say nothing but errors.")
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[str, ...],
    recursive: bool,
    model: str | None,
    device: str,
    threads: int | None,
    limits: Limits,
    as_json: bool,
    quiet: bool,
) -> None:
    """Check .tcz files: checksums, sections, and the entropy decode of every tile group.

    Nothing is written, and only the last step, to pixels, is left out. Prints `ok` for each good
    file; the exit status is 1 if any file is bad.
    """
    require_device(device)
    codecs = Codecs(model, device=device, threads=threads)

    def work(job: Job) -> str:
        data = read_tcz(job, limits=limits)
        codecs.of(read_header(data, limits=limits).model_id).verify(data, limits=limits)
        if as_json:
            return json.dumps(json_name("file", job.source or "stdin") | {"ok": True})
        return "" if quiet else f"{job.name}: ok"

    status = read_jobs(
        files,
        work,
        recursive=recursive,
        as_json=as_json,
        quiet=quiet,
        failure_fields={"ok": False},
    )
    ctx.exit(status)
