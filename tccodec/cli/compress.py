"""`tccodec compress`: pictures to `.tcz` files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from tccodec.cli import options
from tccodec.cli.compress_work import CompressWork, not_coded
from tccodec.cli.dry_run import dry_run as say_what_would_happen
from tccodec.cli.engine import Engine
from tccodec.cli.jobs import Job, Naming, is_to_stdout, plan
from tccodec.cli.like import Like
from tccodec.cli.outputs import Outputs
from tccodec.cli.reporter import Messages, Reporter
from tccodec.cli.resume import FinishedOutputs
from tccodec.cli.run import run_jobs
from tccodec.coding.effort import DEFAULT_TUNE, TUNES, Tune
from tccodec.coding.options import CodingOptions
from tccodec.coding.search import SCALES, Target
from tccodec.coding.surroundings import require_torch
from tccodec.container.limits import Limits
from tccodec.container.sections import STRIPPABLE
from tccodec.errors import BadOption
from tccodec.files.remote import RemotePath
from tccodec.files.resolved import Resolver
from tccodec.files.text import shown
from tccodec.model.registry import DEFAULT_MODEL, find_model


@click.command(
    "compress", cls=options.SectionedCommand, short_help="Turn pictures into .tcz files."
)
@click.argument("inputs", nargs=-1, required=True, type=options.PATH, metavar="IN...")
@options.outputs
@options.quality
@click.option(
    "--bpp",
    type=options.target_type("bpp"),
    help="Aim at bits per pixel of the whole file, never above them.",
)
@click.option(
    "--size", type=options.ByteSize(), help="Aim at a size (20KB, 20KiB), never above it."
)
@click.option(
    "--psnr",
    type=options.target_type("psnr"),
    help="Aim at a PSNR over RGB in decibels, never below it.",
)
@options.ssimulacra2
@click.option(
    "--ms-ssim", type=options.target_type("ms-ssim"), help="Aim at an MS-SSIM, never below it."
)
@click.option(
    "--lpips",
    type=options.target_type("lpips"),
    help="Aim at an LPIPS, never above it; 0 is identical.",
)
@click.option("--lossless", is_flag=True, help="Keep the pixels exactly as they are.")
@click.option(
    "--like",
    metavar="CODEC:QUALITY",
    help="Be as good as jpeg:85, avif:60, webp:80 and the like, by SSIMULACRA2.",
)
@options.effort
@click.option(
    "--tune",
    type=click.Choice(TUNES),
    default=DEFAULT_TUNE,
    show_default=True,
    help="What efforts from 2 on improve: squared error, structure, or a mix of both.",
)
@click.option(
    "--lossy", is_flag=True, help="Leave all to the network, also screens, text and drawings."
)
@click.option(
    "--screen",
    is_flag=True,
    help="Leave nothing to the network: palettes or AV1 for the whole picture.",
)
@click.option(
    "--no-preview",
    is_flag=True,
    help="Leave out the small picture for file managers, up to 1 kB and 1 % of the file.",
)
@click.option(
    "--strip",
    type=options.NamesType(*STRIPPABLE),
    metavar="NAMES",
    help="Metadata to leave out: all, or some of exif, gps, xmp, icc, comment with commas.",
)
@click.option(
    "--keep-if-smaller", is_flag=True, help="Write only files that are smaller than their inputs."
)
@click.option(
    "--resume",
    type=options.LocalPath(dir_okay=False),
    metavar="FILE",
    help="List finished outputs in FILE, and leave out what it lists with the same input, model and"
    " settings.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Write nothing: say what would be coded, and estimate bytes and time from a sample.",
)
@click.option("--verify", is_flag=True, help="Decode each file before it is written.")
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
    quality: float | None,
    bpp: float | None,
    size: float | None,
    psnr: float | None,
    ssimulacra2: float | None,
    ms_ssim: float | None,
    lpips: float | None,
    lossless: bool,
    like: str | None,
    effort: int,
    tune: Tune,
    lossy: bool,
    screen: bool,
    no_preview: bool,
    strip: frozenset[str] | None,
    keep_if_smaller: bool,
    resume: Path | None,
    dry_run: bool,
    verify: bool,
    engine: Engine,
    model: str | None,
    device: str,
    threads: int | None,
    limits: Limits,
    messages: Messages,
) -> None:
    """Compress pictures of any format that Pillow reads to .tcz files.

    The output is written beside its input, with the suffix .tcz. -o names another file or, for
    several inputs, a folder that gets the same folders as theirs. IN may be - for stdin; then the
    file goes to stdout. The quality is 50, unless you give a target: -q, --bpp, --size,
    --like, --lossless, or a score (--psnr, --ssimulacra2, --ms-ssim, --lpips).

    \b
    tccodec compress photo.jpg -q 70
    tccodec compress photo.jpg --size 20KB -o small.tcz
    tccodec compress photo.jpg --like avif:60 -o as-good.tcz
    tccodec compress holiday/ -r -o small/
    cat photo.jpg | tccodec compress - > photo.tcz
    """
    targets = {
        "quality": quality,
        "bpp": bpp,
        "size": size,
        "psnr": psnr,
        "ssimulacra2": ssimulacra2,
        "ms_ssim": ms_ssim,
        "lpips": lpips,
    }
    target = Target.of(**targets, lossless=lossless)
    require_torch("compressing")
    engine.check_device(device)
    if resume and engine.on_cluster:
        raise BadOption("--resume keeps a list on one machine; with --engine ray, --skip-existing")
    if like is not None and (lossless or any(value is not None for value in targets.values())):
        raise BadOption("only one target at a time: --like is one")
    CodingOptions(effort, tune, lossy, screen, not no_preview).checked_for(target)
    if target.kind in SCALES and target.kind != "psnr":
        from tccodec.coding.scores import load_metric

        load_metric(target.kind)  # says at once if its package is missing
    _refuse_idle(options.given(ctx), effort=effort, lossless=lossless, screen=screen)
    card = find_model(DEFAULT_MODEL if model is None else model)
    naming = Naming(".tcz", added=added, full=full_names)
    planned = plan(inputs, output, naming=naming, recursive=recursive, file_filter=not_coded)
    if messages.as_json and any(j.target is None and not j.problem for j in planned.jobs):
        raise BadOption("--json and the compressed file both want stdout; name a file with -o")
    outputs = Outputs(
        planned.jobs, force=force, skip_existing=skip_existing, preserve_times=preserve_times
    )
    work = CompressWork(
        target=target,
        like=None if like is None else Like.of(like),
        effort=effort,
        tune=tune,
        lossy=lossy,
        screen=screen,
        preview=not no_preview,
        strip=strip or frozenset(),
        strict=strict,
        verify=verify,
        keep_if_smaller=keep_if_smaller,
        limits=limits,
        outputs=outputs,
        card=card,
        device=device,
        threads=threads,
    )
    finished = None
    if resume:
        _check_list(resume, planned.jobs)
        work.log = finished = FinishedOutputs(resume, work.settings)
    if dry_run:
        report = Reporter(planned, messages)
        ctx.exit(say_what_would_happen(planned, work, count=engine.parallel, report=report))
    if finished:
        finished.begin()
    status = run_jobs(
        planned,
        work,
        engine=engine,
        threads=threads,
        messages=messages,
    )
    ctx.exit(status)


def _check_list(resume: Path, jobs: Sequence[Job]) -> None:
    """`BadOption` if the outputs are not files that a list can name, or one is the list itself."""
    if any(isinstance(job.target, RemotePath) for job in jobs):
        raise BadOption("--resume lists files of this machine; with URLs, --skip-existing")
    if is_to_stdout(jobs):
        raise BadOption("--resume is for output files, but the output is stdout")
    resolved = Resolver()
    if any(job.target and resolved(job.target) == resolved(resume) for job in jobs):
        raise BadOption(f"{shown(resume)} is an output; --resume names another file")


def _refuse_idle(given: dict[str, str], *, effort: int, lossless: bool, screen: bool) -> None:
    """`BadOption` for --effort or --tune where it would have no effect. given: as of `options`."""
    for name, option in given.items():
        if lossless and name in ("effort", "tune"):
            raise BadOption(f"{option} has no effect with --lossless, which searches nothing")
        if screen and name == "tune":
            raise BadOption("--tune has no effect with --screen: it is about latents")
        if effort < 2 and name == "tune":
            raise BadOption("--tune has no effect at effort 1; it needs --effort 2 or more")
