"""`tccodec verify`: is a file whole, down to every symbol?"""

from __future__ import annotations

import json

import click

from tccodec.cli import options
from tccodec.cli.codecs import Codecs
from tccodec.cli.jobs import Job, read_input, readings
from tccodec.container import read_header
from tccodec.container.limits import Limits
from tccodec.errors import TccodecError


@click.command("verify", short_help="Check .tcz files: checksums and every symbol.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
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
    """Check .tcz files without writing anything: checksums, sections, and the full entropy
    decode of every tile group. Only the last step to pixels is left out.

    Says `ok` for each good file; exits with 1 if any is not.
    """
    codecs = Codecs(model, device=device, threads=threads)
    jobs = readings(files, recursive=recursive, accepts=lambda path: path.suffix.lower() == ".tcz")
    failed = 0
    for job in jobs:
        try:
            _check(job, codecs, limits)
            text = ""
        except (TccodecError, OSError, MemoryError) as e:
            if isinstance(e, BrokenPipeError):
                raise
            failed += 1
            text = (e.strerror if isinstance(e, OSError) else "") or str(e) or "not enough memory"
            click.echo(f"tccodec: {job.name}: {text}", err=True)
        if as_json:
            result = {"file": job.name, "ok": not text} | ({"error": text} if text else {})
            click.echo(json.dumps(result))
        elif not text and not quiet:
            click.echo(f"{job.name}: ok")
    ctx.exit(1 if failed else 0)


def _check(job: Job, codecs: Codecs, limits: Limits) -> None:
    """Raise what is wrong with one file."""
    if job.problem:
        raise TccodecError(job.problem)
    data = read_input(job)
    codecs.of(read_header(data, limits=limits).model_id).verify(data, limits=limits)
