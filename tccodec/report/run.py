"""A report from a folder: plan, work, conclusions, files."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tccodec.errors import NoPictures, ReportError, UnreadablePicture
from tccodec.files.text import escaped
from tccodec.report.checks import check_arguments
from tccodec.report.codecs.base import Peer
from tccodec.report.curves import complete_pictures, without_tiny
from tccodec.report.environment import environment
from tccodec.report.export import write_report
from tccodec.report.plan import DEFAULT_POINTS, STORE, ReportPlan, check_out, make_plan
from tccodec.report.progress import ReportProgress, Silent
from tccodec.report.result import CodecInfo, Report
from tccodec.report.select import choose_pictures, choose_rates
from tccodec.report.summary import summarise
from tccodec.report.work.cluster_pool import ClusterPool
from tccodec.report.work.passes import Passes
from tccodec.report.work.pictures import (
    SourcePicture,
    decoded_from,
    find_pictures,
    identify,
    picture_name,
)
from tccodec.report.work.pool import Pool, choose_jobs
from tccodec.report.work.store import Store
from tccodec.report.work.stored import StoredResults

# Gigabytes of a worker per megapixel, measured at 12 MP with all default metrics.
_GIGABYTES_PER_MEGAPIXEL = 0.25
DEFAULT_SHOW = 12
DEFAULT_PAGE_MB = 24.0


def run(
    folder: str | Path,
    out: str | Path | None = None,
    *,
    codecs: Sequence[str] | None = None,
    external: Sequence[str] = (),
    points: int = DEFAULT_POINTS,
    qualities: str | None = None,
    metrics: Sequence[str] | None = None,
    anchor: str = "avif",
    jobs: int | None = None,
    engine: str = "local",
    address: str | None = None,
    limit: int | None = None,
    recursive: bool = False,
    backbones: str | Path | None = None,
    window: tuple[float, float] | None = None,
    show: int = DEFAULT_SHOW,
    page_mb: float = DEFAULT_PAGE_MB,
    command: str | None = None,
    progress: ReportProgress | None = None,
) -> Report:
    """Compare codecs on the pictures of `folder`; write a report to `out` if it is given.

    `codecs` are names of peers (jpeg, webp, avif, avif-444, jxl, heic, jp2) and of tccodec models,
    also with `-half`; `external` are lines `name=encode ; decode`. Each codec is tried at `points`
    qualities, or at those of `qualities` ("10,30" or "jpeg=10,30;avif=20"). `metrics` are names;
    `anchor` is the codec that others are measured against. `window` limits BD figures to the
    anchor's rates from low to high, in bits per pixel. `jobs` is the number of workers; `engine` is
    "local" or "ray", the latter with the `address` of a cluster. `limit` is the number of pictures,
    `backbones` a folder of weights. The page shows at most `show` pictures and takes about
    `page_mb` megabytes.

    Ctrl-C ends the work: what there is by then is returned, with `complete` False. Called again
    with the same `out`, it computes only what is missing. Bad input raises a subclass of
    `ReportError`, an argument that means nothing `BadOption`.
    """
    check_arguments(
        folder=folder,
        out=out,
        codecs=codecs,
        external=external,
        points=points,
        qualities=qualities,
        metrics=metrics,
        anchor=anchor,
        jobs=jobs,
        engine=engine,
        address=address,
        limit=limit,
        backbones=backbones,
        window=window,
        show=show,
        page_mb=page_mb,
    )
    start = time.monotonic()
    progress = progress or Silent()
    folder = Path(folder)
    with ExitStack() as stack:
        if out is None:
            temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix="tccodec-"))
            target, home = None, Path(temporary)
        else:
            target = home = Path(out)
        found, unreached = find_pictures(folder, recursive=recursive, skip=target)
        originals, left_out = _originals(folder, found)
        plan = make_plan(
            codecs=codecs,
            externals=external,
            points=points,
            qualities=qualities,
            metrics=metrics,
            anchor=anchor,
            backbones=Path(backbones) if backbones else None,
        )
        if target:
            check_out(target)
        for entry in plan.skipped:
            progress.say(f"without {entry['what']}: {entry['reason']}; {entry['hint']}")
        for entry in left_out:
            progress.say(f"left out {entry['reason']}")
        pictures, unreadable = _identify(folder, originals[:limit], unreached, progress)
        store = stack.enter_context(Store(home / STORE))
        networks = Path(backbones) if backbones else None
        pool: Pool | ClusterPool
        if engine == "ray":
            pool = ClusterPool(
                jobs,
                address=address,
                externals=list(external),
                backbones=networks,
                tasks=len(pictures) * max(1, len(plan.peers) * points),
                say=progress.say,
            )
        else:
            jobs = choose_jobs(
                jobs, megapixels=_largest(pictures), gigabytes_each=_GIGABYTES_PER_MEGAPIXEL
            )
            pool = Pool(jobs, externals=list(external), backbones=networks)
        stack.enter_context(pool)
        passes = Passes(
            plan=plan,
            stored=StoredResults(plan, store),
            pool=pool,
            progress=progress,
            pictures=pictures,
            unreadable=unreadable,
        )
        report = _conclude(passes, folder, target=target, command=command, window=window, show=show)
        report.left_out = left_out
        report.elapsed_s = time.monotonic() - start
        if target:
            write_report(report, target, page_mb=page_mb)
        return report


def _conclude(
    passes: Passes,
    folder: Path,
    *,
    target: Path | None,
    command: str | None,
    window: tuple[float, float] | None,
    show: int,
) -> Report:
    """Run the passes, until done or interrupted, and draw the conclusions."""
    plan = passes.plan
    complete = True
    try:
        passes.read_pictures()
        if not passes.infos:
            reasons = "; ".join(u["reason"] for u in passes.unreadable[:3])
            raise NoPictures(f"no picture in {folder} can be read: {reasons}")
        passes.measure_points()
    except KeyboardInterrupt:
        complete = False
    records = passes.records()
    present = [p.name for p in plan.peers if any(r["codec"] == p.name for r in records)]
    if complete and plan.anchor not in present:
        reason = passes.failures[0]["reason"] if passes.failures else "no picture was coded"
        raise ReportError(f"the anchor {plan.anchor} coded no picture: {reason}")
    counted = without_tiny(records)
    used = complete_pictures(counted, present) or {r["picture"] for r in counted}
    summary = summarise(
        records,
        codecs=present,
        infos=plan.infos,
        anchor=plan.anchor,
        focus=plan.focus if plan.focus in present else None,
        window=window,
        set_scores=passes.set_scores(used) if plan.set_metrics else {},
    )
    if complete:
        summary.notes += [
            f"{p.label} has coded no picture and is left out."
            for p in plan.peers
            if p.name not in present
        ]
    copies = len(passes.infos) - len({p.sha256 for p in passes.infos.values()})
    if copies:
        summary.notes.append(
            f"{copies} of {len(passes.infos)} files are copies of others: they count as often "
            "as they are there, and ranges over pictures are too narrow."
        )
    report = Report(
        records=records,
        summary=summary,
        codecs=[_codec_info(p, plan) for p in plan.peers if p.name in present],
        metrics=plan.infos,
        pictures=list(passes.infos.values()),
        folder=escaped(folder.resolve().name),
        out=target,
        complete=complete,
        computed=passes.computed,
        reused=passes.reused,
        unreadable=passes.unreadable,
        failures=passes.failures,
        skipped=plan.skipped,
        environment=environment(command) | passes.pool.describe(),
        elapsed_s=0.0,
        window=window,
    )
    if target and show and records:
        _add_viewer(passes, report, count=show)
    return report


def _add_viewer(passes: Passes, report: Report, *, count: int) -> None:
    metric = next((i.name for i in passes.plan.infos if i.name == "psnr" and i.per_picture), None)
    metric = metric or next(iter(passes.plan.picture_metrics), None)
    report.rates = choose_rates(list(report.summary.curves.values()))
    names = list(dict.fromkeys(r["picture"] for r in report.records))
    # a tiny picture is nearly all header, and would be the worst or the best
    tiny = {p.name for p in report.pictures if p.tiny}
    names = [n for n in names if n not in tiny] or names
    choices = choose_pictures(report.summary, names, metric=metric, count=count)
    if report.complete:
        try:
            passes.prepare_viewer(choices, report.rates)
        except KeyboardInterrupt:
            report.complete = False
    report.shown = passes.viewer_pictures(choices, report.rates)


def _originals(folder: Path, paths: Sequence[Path]) -> tuple[list[Path], list[dict[str, str]]]:
    """`(pictures to measure, left out)`: tccodec codes its own output unusually well."""
    kept: list[Path] = []
    left_out: list[dict[str, str]] = []
    for path in paths:
        coded = decoded_from(path)
        if coded is None:
            kept.append(path)
            continue
        name = picture_name(folder, path)
        reason = f"{name}: not older than {escaped(coded.name)}, so taken to be decoded from it"
        left_out.append({"picture": name, "reason": reason})
    if not kept:
        raise NoPictures(
            f"every picture in {folder} has a .tcz file of its name beside it that is older, so it "
            "is taken to be decoded from that; move the .tcz files away to measure the pictures"
        )
    return kept, left_out


def _identify(
    folder: Path, paths: Sequence[Path], unreached: Mapping[Path, str], progress: ReportProgress
) -> tuple[list[SourcePicture], list[dict[str, str]]]:
    pictures: list[SourcePicture] = []
    reasons = dict(unreached)
    for path in paths:
        try:
            pictures.append(identify(folder, path))
        except UnreadablePicture as error:
            reasons[path] = str(error)
    unreadable: list[dict[str, str]] = []
    for path, why in reasons.items():
        name = picture_name(folder, path)
        reason = f"{name}: {escaped(why)}"
        unreadable.append({"picture": name, "reason": reason})
        progress.say(f"cannot read {reason}")
    return pictures, unreadable


def _largest(pictures: Sequence[SourcePicture]) -> float:
    """Megapixels of the largest picture, from the files' headers."""
    from PIL import Image

    from tccodec.picture.pillow import ANY_SIZE, guarded

    largest = 1.0
    for picture in pictures:
        try:
            with guarded(ANY_SIZE), Image.open(picture.path) as image:
                largest = max(largest, image.width * image.height / 1e6)
        except Exception:  # it is listed as unreadable later
            continue
    return largest


def _codec_info(peer: Peer, plan: ReportPlan) -> CodecInfo:
    qualities = plan.qualities[peer.name]
    encode, decode = peer.commands(qualities[len(qualities) // 2])
    settings: dict[str, Any] = dict(peer.settings)
    return CodecInfo(
        name=peer.name,
        label=peer.label,
        version=peer.version,
        settings=settings,
        knob=peer.knob,
        qualities=qualities,
        encoding_cmd=encode,
        decoding_cmd=decode,
    )
