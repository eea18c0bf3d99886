"""`tccodec decompress`: `.tcz` files to pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from tccodec.cli import options
from tccodec.cli.codecs import Codecs
from tccodec.cli.jobs import STREAM, Job, check_output, plan, read_input, write_output
from tccodec.cli.reporter import Done, Stopwatch, rate_text, run_jobs, size_text
from tccodec.container import read
from tccodec.container.limits import Limits
from tccodec.errors import BadOption
from tccodec.quality import from_setting

if TYPE_CHECKING:
    from tccodec.picture import Loss, Pixels


@click.command("decompress", short_help="Turn .tcz files back into pictures.")
@click.argument("inputs", nargs=-1, required=True, metavar="IN...")
@options.outputs
@click.option(
    "--format",
    "format_name",
    metavar="NAME",
    help="png, jpeg, webp, tiff, ...  [default: the suffix of -o, else png]",
)
@click.option(
    "--region",
    type=options.Box(),
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
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    metavar="F",
    help="From 0, the picture of least error, to 1, that of most natural texture.",
)
@options.network
@options.limits
@options.talk
@click.pass_context
def command(
    ctx: click.Context,
    inputs: tuple[str, ...],
    output: str | None,
    recursive: bool,
    force: bool,
    preserve_times: bool,
    format_name: str | None,
    region: tuple[int, int, int, int] | None,
    scale: str,
    realism: float,
    model: str | None,
    device: str,
    threads: int | None,
    limits: Limits,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Decompress .tcz files to pictures, PNG unless told otherwise.

    The output stands beside its input; -o names another file, whose suffix gives the format,
    or a folder. IN may be - for stdin; then the picture goes to stdout.

    \b
    tccodec decompress photo.tcz
    tccodec decompress photo.tcz -o photo.jpg
    tccodec decompress scan.tcz --region 4000,2000,800,600
    tccodec decompress photo.tcz --scale 1/8 -o thumbnail.jpg
    tccodec decompress photo.tcz --realism 1
    tccodec decompress small/ -r -o back/ --format webp
    """
    from tccodec.picture.save import output_format, write_strips

    chosen = format_name or _suffix_of(output) or "png"
    _, suffix = output_format(chosen)
    jobs = plan(inputs, output, suffix=suffix, recursive=recursive, accepts=_is_tcz)
    if as_json and any(j.target is None and not j.problem for j in jobs):
        raise BadOption("--json and the picture both want stdout; name a file with -o")
    codecs = Codecs(model, device=device, threads=threads)

    def work(job: Job, progress: Callable[[float], None]) -> tuple[Done, str]:
        check_output(job, force=force)
        data = read_input(job)
        file = read(data, limits=limits)
        network = codecs.of(file.model_id)
        factor = 1 / int(scale.rpartition("/")[2])
        strips = network.decompress_strips(
            file, region=region, scale=factor, realism=realism, progress=progress
        )
        clock = _Clock(strips.rows)
        strips = replace(strips, rows=clock)
        losses: list[Loss] = []

        def write(out: BinaryIO) -> None:
            losses.extend(write_strips(strips, chosen, out))

        size = write_output(job, write, preserve_times=preserve_times)
        seconds = clock.seconds
        done = Done(
            job=job,
            before=len(data),
            after=size,
            coded=len(data),
            pixels=file.width * file.height,
            seconds=seconds,
            losses=tuple(losses),
            more={
                "width": strips.width,
                "height": strips.height,
                "quality": from_setting(file.quality),
                "realism": realism,
            },
        )
        where = "stdout" if job.target is None else str(job.target)
        line = (
            f"{job.name} -> {where}: {size_text(done.before)} -> {size_text(done.after)},"
            f" {rate_text(done.coded, done.pixels, seconds)}"
        )
        return done, line

    ctx.exit(run_jobs(jobs, work, as_json=as_json, quiet=quiet, verbose=verbose))


class _Clock:
    """Strips and the seconds that they took, without those of writing them."""

    def __init__(self, rows: Iterator[Pixels]) -> None:
        self.rows, self.seconds = rows, 0.0

    def __iter__(self) -> _Clock:
        return self

    def __next__(self) -> Pixels:
        watch = Stopwatch()
        try:
            return next(self.rows)
        finally:
            self.seconds += watch.seconds


def _suffix_of(output: str | None) -> str:
    """Suffix of an output file; "" for stdout and for folders."""
    if output is None or output == STREAM or output.endswith("/") or Path(output).is_dir():
        return ""
    return Path(output).suffix


def _is_tcz(path: Path) -> bool:
    return path.suffix.lower() == ".tcz"
