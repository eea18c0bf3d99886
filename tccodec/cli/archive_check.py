"""`tccodec archive --check` and `--restore`: an archive against its manifest, and back."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from tccodec.cli.jobs import Advice, Job, Plan, PlannedOutputs
from tccodec.cli.manifest import NAME, Manifest
from tccodec.cli.reporter import FinishedJob, Reporter
from tccodec.errors import BadOption, TccodecError
from tccodec.files.text import counted, shown, size_text
from tccodec.files.walk import walk

HOW_TO_MEND = "delete what is damaged, and archive --yes codes it anew from the originals"

RESTORING = Advice(rename="restore to another folder", alone="restore to another folder")


def check(manifest: Manifest, report: Reporter) -> int:
    """Compare every file with the manifest, and name files that are not in it.

    Returns the exit status: 1 if a file is missing or differs.
    """
    sizes: dict[str, int] = {}
    looked_at, bad = set(), set()
    for record in manifest.records.values():
        file, size = record["file"], record["file_bytes"]
        sizes[file] = size
        if (said := (file, size, record["file_sha256"])) in looked_at:
            continue
        looked_at.add(said)
        if problem := manifest.problem(record):
            bad.add(file)
            report.problem(Job(manifest.file_of(record), None), TccodecError(problem))
    known = {*sizes, NAME}
    extra = [
        entry.path
        for entry in walk(manifest.folder)
        if entry.path.relative_to(manifest.folder).as_posix() not in known
    ]
    total, good = sum(sizes.values()), len(sizes) - len(bad)
    report.remark(
        f"{good} of {len(sizes)} files are as the manifest says; they hold"
        f" {counted(len(manifest.records), 'picture')} in {size_text(total)}",
        {
            "files": len(sizes),
            "good": good,
            "pictures": len(manifest.records),
            "bytes": total,
            "unlisted": len(extra),
        },
    )
    if extra and not report.quiet:
        report.say(f"not in the manifest: {counted(len(extra), 'file')}, such as {shown(extra[0])}")
    if report.failed and not report.quiet:
        report.say(HOW_TO_MEND)
    return 1 if report.failed else 0


def restoring(manifest: Manifest, folder: Path) -> tuple[Plan, bool]:
    """`(jobs that decode every picture under its old name below folder, is a file damaged)`.

    If two outputs are one file through links, the second one's job fails.
    """
    jobs = []
    damaged = False
    outputs = PlannedOutputs()
    for source, target in restored_as(manifest.records, folder).items():
        record = manifest.records[source]
        job = Job(manifest.file_of(record), target)
        problem = manifest.problem(record)
        damaged = damaged or bool(problem)
        if problem:
            problem += f"; {shown(source)} is not restored"
        elif (other := outputs.first(target, job)) is not job:
            problem = f"{job.output} is {other.output} under another name; {RESTORING.alone}"
        if problem:
            job = replace(job, problem=problem)
        jobs.append(job)
    return Plan(jobs), damaged


def restored_as(sources: Iterable[str], folder: Path) -> dict[str, Path]:
    """Picture -> its path when restored, in the order of names.

    A name gets .png at its end if no file of its suffix can be written, and a number before that
    if another picture has the name, also on systems that take `A` and `a` for the same.
    """
    named: dict[str, Path] = {}
    renamed: list[str] = []
    for source in sorted(sources):
        if _is_writable(source):
            named[source] = folder / source
        else:
            renamed.append(source)
    taken = {source.casefold() for source in named}
    for source in renamed:
        name, number = f"{source}.png", 2
        while name.casefold() in taken:
            name, number = f"{source}-{number}.png", number + 1
        taken.add(name.casefold())
        named[source] = folder / name
    return dict(sorted(named.items()))


def _is_writable(name: str) -> bool:
    """Whether pictures can be written under this name."""
    from tccodec.picture.save import output_format

    try:
        output_format(PurePosixPath(name).suffix or "none")
    except BadOption:
        return False
    return True


class Restorer:
    """Gives restored pictures the times and permissions of their originals, and counts them."""

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        self.count = 0
        targets = restored_as(manifest.records, folder)
        self._records = {target: manifest.records[name] for name, target in targets.items()}

    def finish(self, done: FinishedJob) -> None:
        """Set the times and permissions of a finished job's output."""
        assert isinstance(done.job.target, Path)
        record = self._records[done.job.target]
        os.utime(done.job.target, ns=(record["mtime_ns"], record["mtime_ns"]))
        os.chmod(done.job.target, record["mode"] & 0o777)
        self.count += 1
