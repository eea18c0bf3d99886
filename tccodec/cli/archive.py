"""`tccodec archive`: a library of pictures, coded, checked and restored."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import click

from tccodec.cli import options
from tccodec.cli.archive_check import HOW_TO_MEND, RESTORING, Restorer, restoring
from tccodec.cli.archive_check import check as check_files
from tccodec.cli.archive_work import (
    ArchiveLog,
    Archiver,
    SortedSources,
    may_replace,
    read_sources,
    sort,
)
from tccodec.cli.codecs import Codecs
from tccodec.cli.compress_work import CompressWork, not_coded
from tccodec.cli.decompress_work import DecompressWork
from tccodec.cli.dry_run import estimate
from tccodec.cli.engine import Engine
from tccodec.cli.jobs import Advice, Job, Naming, Plan, plan
from tccodec.cli.manifest import NAME, Manifest, archiving
from tccodec.cli.outputs import Outputs
from tccodec.cli.reporter import Messages, Reporter
from tccodec.cli.run import run_jobs
from tccodec.cli.streams import message
from tccodec.coding.effort import DEFAULT_TUNE
from tccodec.coding.search import Target
from tccodec.coding.surroundings import require_torch
from tccodec.container.limits import Limits
from tccodec.errors import BadOption, TccodecError
from tccodec.files.text import shown
from tccodec.model.registry import DEFAULT_MODEL, find_model

_CODING = ("quality", "ssimulacra2", "effort", "strict")
_MESSAGES = ("as_json", "quiet", "verbose")
_ADVICE = Advice(
    replace="move it away",
    rename="archive to another folder",
    alone="archive to another folder",
)


@click.command(
    "archive",
    cls=options.SectionedCommand,
    short_help="Code a library of pictures; check and restore it.",
)
@click.argument("folders", nargs=-1, required=True, type=options.LocalPath(), metavar="SRC DST")
@click.option("--yes", is_flag=True, help="Do it. Without --yes, say what would be done.")
@click.option("--check", is_flag=True, help="Compare every file of an archive with its manifest.")
@click.option("--restore", is_flag=True, help="Decode the archive SRC to DST, under the old names.")
@click.option("-f", "--force", is_flag=True, help="With --restore, replace pictures that exist.")
@click.option(
    "--skip-existing", is_flag=True, help="With --restore, leave out pictures that exist."
)
@options.quality
@options.ssimulacra2
@options.effort
@click.option("--strict", is_flag=True, help="Code no picture of which something would be lost.")
@options.jobs
@options.network
@options.limits
@options.messages
@click.pass_context
def command(
    ctx: click.Context,
    folders: tuple[Path, ...],
    yes: bool,
    check: bool,
    restore: bool,
    force: bool,
    skip_existing: bool,
    quality: float | None,
    ssimulacra2: float | None,
    effort: int,
    strict: bool,
    engine: Engine,
    model: str | None,
    device: str,
    threads: int | None,
    limits: Limits,
    messages: Messages,
) -> None:
    """Code all pictures of SRC and below it to the archive DST.

    Without --yes it says what would be done, with an estimate of bytes and time from a sample.
    Each file is decoded before it is written. Pictures of the same content are coded once.
    manifest.jsonl in DST lists every picture: hashes, settings, bytes and PSNR. The same command
    goes on with an interrupted archive, and adds new pictures to an old one. SRC is only read.

    \b
    tccodec archive photos/ small/
    tccodec archive photos/ small/ --yes
    tccodec archive --check small/
    tccodec archive --restore small/ back/
    """
    if yes + check + restore > 1:
        raise click.UsageError("--yes, --check and --restore exclude each other")
    if len(folders) != (1 if check else 2):
        raise click.UsageError("--check takes one folder, everything else two")
    source, target = folders[0], folders[-1]
    if force and not restore:
        raise click.UsageError("-f replaces pictures that --restore writes")
    if skip_existing and not restore:
        raise click.UsageError("--skip-existing leaves out pictures that --restore would write")
    if check or restore:
        for name, option in options.given(ctx).items():
            if name in _CODING:
                what = "--check" if check else "--restore"
                raise click.UsageError(f"{option} is for coding; it does not go with {what}")
            if check and name not in ("check", *_MESSAGES):
                raise click.UsageError(f"{option} does not go with --check, which decodes nothing")
    if check:
        ctx.exit(check_files(_archive_in(source), Reporter(Plan(), messages)))
    engine.check_device(device)
    if os.path.exists(target) and not os.path.isdir(target):
        raise BadOption(f"{shown(target)} is a file; DST is a folder")
    if restore:
        codecs = Codecs(model, device=device, threads=threads)
        manifest = _archive_in(source)
        status = _restore(
            manifest,
            target,
            codecs,
            limits=limits,
            force=force,
            skip_existing=skip_existing,
            engine=engine,
            messages=messages,
        )
        ctx.exit(status)
    if not source.is_dir():
        raise BadOption(f"{shown(source)} is not a folder")
    if target.resolve().is_relative_to(source.resolve()):
        raise BadOption("the archive must not lie inside the folder that is archived")
    require_torch("compressing")
    planned = plan(
        [os.path.join(source, "")],  # with a slash, so that a folder named - is not stdin
        str(target) + os.sep,
        naming=Naming(".tcz", full=True),
        recursive=True,
        file_filter=not_coded,
        advice=_ADVICE,
    )
    outputs = Outputs(
        planned.jobs, force=False, skip_existing=False, preserve_times=True, advice=_ADVICE
    )
    work = CompressWork(
        target=Target.of(quality=quality, ssimulacra2=ssimulacra2),
        like=None,
        effort=effort,
        tune=DEFAULT_TUNE,
        lossy=False,
        screen=False,
        preview=True,
        strip=frozenset(),
        strict=strict,
        verify=True,
        keep_if_smaller=False,
        limits=limits,
        outputs=outputs,
        card=find_model(DEFAULT_MODEL if model is None else model),
        device=device,
        threads=threads,
    )
    if yes:
        ctx.with_resource(archiving(target))
    manifest = Manifest(target)
    readable, failed = read_sources(source, planned.jobs)
    sources = sort(readable, manifest, work.settings)
    if yes:
        todo = Plan([*failed, *(picture.job for picture in sources.todo)], planned.skipped)
        ctx.exit(_archive(manifest, sources, todo, work, engine=engine, messages=messages))
    report = Reporter(planned, messages)
    ctx.exit(_say_plan(sources, failed, work, engine=engine, report=report))


def _archive(
    manifest: Manifest,
    sources: SortedSources,
    todo: Plan,
    work: CompressWork,
    *,
    engine: Engine,
    messages: Messages,
) -> int:
    """Code what is to be coded and list everything; returns the exit status."""
    if sources.todo or sources.coded_before:
        manifest.begin()
    archiver = Archiver(manifest, sources, work.settings)
    for other, record in sources.coded_before:
        archiver.add_copy(other, record)
    archiver.keep_orphans()
    work.log = ArchiveLog()
    sources.say(Reporter(Plan(), messages))
    status = run_jobs(
        todo,
        work,
        engine=engine,
        threads=work.threads,
        starting=archiver.begin,
        finished=archiver.add_finished,
        also_skipped=archiver.uncoded_copies,
        messages=messages,
    )
    if not messages.quiet:
        count = len(manifest.records)
        pictures = "1 picture is" if count == 1 else f"{count} pictures are"
        message(f"{shown(manifest.folder)}: {pictures} in the manifest")
    return status


def _restore(
    manifest: Manifest,
    target: Path,
    codecs: Codecs,
    *,
    limits: Limits,
    force: bool,
    skip_existing: bool,
    engine: Engine,
    messages: Messages,
) -> int:
    """Decode all pictures to a folder; returns the exit status."""
    planned, damaged = restoring(manifest, target)
    work = DecompressWork(
        format="",
        region=None,
        scale=1,
        realism=0.0,
        preview=False,
        strict=False,
        limits=limits,
        outputs=Outputs(
            planned.jobs,
            force=force,
            skip_existing=skip_existing,
            preserve_times=False,
            advice=RESTORING,
        ),
        codecs=codecs,
    )
    restorer = Restorer(manifest, target)
    status = run_jobs(
        planned,
        work,
        engine=engine,
        threads=codecs.threads,
        finished=restorer.finish,
        messages=messages,
    )
    if not messages.quiet:
        message(f"{shown(target)}: {restorer.count} of {len(planned.jobs)} pictures are restored")
        if damaged:
            message(HOW_TO_MEND)
    return status


def _archive_in(folder: Path) -> Manifest:
    """The manifest of a folder that must be an archive."""
    if not (folder / NAME).is_file():
        raise BadOption(f"{shown(folder)} is not an archive: it has no {NAME}")
    manifest = Manifest(folder)
    if not manifest.begun:
        raise BadOption(f"{shown(folder)} is not an archive: its {NAME} is empty or unfinished")
    return manifest


def _say_plan(
    sources: SortedSources,
    failed: list[Job],
    work: CompressWork,
    *,
    engine: Engine,
    report: Reporter,
) -> int:
    """Say what would be done; returns the exit status."""
    for job in failed:
        report.problem(job, TccodecError(job.problem))
    todo: list[tuple[Job, int]] = []
    for source in sources.todo:
        try:
            job, size, _ = work.look_at(may_replace(source.job))
            todo.append((job, size))
        except Exception as e:
            report.problem(source.job, e)
    report.would_code(todo)
    sources.say(report)
    if todo:
        expected = estimate(todo, work, count=engine.parallel, report=report)
        if expected:
            report.remark(expected.text(), {"estimate": asdict(expected)})
    if not report.quiet:
        report.say("--yes does it")
    return report.close(line="")
