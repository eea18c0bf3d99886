"""What `tccodec archive` does: sorts the pictures of a folder, and lists those that are coded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tccodec.cli.jobs import Job, SkippedFile
from tccodec.cli.manifest import Manifest, digest, is_portable, unmarked
from tccodec.cli.outputs import may_be_tcz
from tccodec.cli.reporter import FinishedJob, Reporter
from tccodec.files.atomic import replacing

_FAILED_TOO = "of the same content as one that failed"


@dataclass(frozen=True, slots=True)
class Source:
    """A picture of the folder: its job, its name there, and the hash and status of its file."""

    job: Job
    name: str
    sha256: str
    status: os.stat_result


@dataclass(slots=True)
class SortedSources:
    """The pictures of a folder.

    todo: to be coded, the first of each content. copies: further ones of the same content, by hash.
    coded_before: not listed yet, each with the record of a picture of the same content. done: the
    number of those that are archived already. orphans: records of pictures that are no longer in
    the folder, and share a file that one of `todo` will replace by other content.
    """

    todo: list[Source] = field(default_factory=list)
    copies: dict[str, list[Source]] = field(default_factory=dict)
    coded_before: list[tuple[Source, dict[str, Any]]] = field(default_factory=list)
    done: int = 0
    orphans: list[dict[str, Any]] = field(default_factory=list)

    def say(self, report: Reporter) -> None:
        """Say how many pictures need no coding, and why."""
        duplicates = len(self.coded_before) + sum(map(len, self.copies.values()))
        report.remark(
            f"same content as another: {duplicates}; archived before, and left alone: {self.done}",
            {"duplicates": duplicates, "archived": self.done},
        )


def read_sources(folder: Path, jobs: list[Job]) -> tuple[list[Source], list[Job]]:
    """The pictures of a folder with their hashes, and jobs whose input cannot be archived."""
    sources, failed = [], []
    for job in jobs:
        assert isinstance(job.source, Path)
        if job.problem:
            failed.append(job)
            continue
        name = job.source.relative_to(folder).as_posix()
        if not is_portable(name):
            failed.append(replace(job, problem="not every system can have such a name"))
            continue
        try:
            sources.append(Source(job, name, digest(job.source), job.source.stat()))
        except OSError as e:
            failed.append(replace(job, problem=e.strerror or str(e)))
    return sources, failed


def sort(sources: list[Source], manifest: Manifest, settings: Mapping[str, Any]) -> SortedSources:
    """Divide the pictures into those to be coded with these settings and those that need not be."""
    new_content = {_file_name(manifest, source.job): source.sha256 for source in sources}
    usable: dict[str, dict[str, Any]] = {}  # a record for each content that needs no coding
    for record in manifest.records.values():
        # A file that a picture of other content is about to replace is of no use to others.
        kept = new_content.get(record["file"], record["sha256"]) == record["sha256"]
        if kept and record["settings"] == settings and manifest.is_there(record):
            usable.setdefault(record["sha256"], record)
    result = SortedSources()
    coded: set[str] = set()
    for source in sources:
        old_record, known = manifest.records.get(source.name), usable.get(source.sha256)
        if known is None and source.sha256 not in coded:
            coded.add(source.sha256)
            result.todo.append(source)
        elif known is None:
            result.copies.setdefault(source.sha256, []).append(source)
        elif old_record and _same(old_record, known, "sha256", "file", "file_sha256"):
            result.done += 1
        else:
            result.coded_before.append((source, known))
    names = {source.name for source in sources}
    replaced = {_file_name(manifest, source.job): source.sha256 for source in result.todo}
    for record in manifest.records.values():
        other = replaced.get(record["file"], record["sha256"]) != record["sha256"]
        if other and record["source"] not in names:
            result.orphans.append(record)
    return result


def may_replace(job: Job) -> Job:
    """The job; a `.tcz` file in its place is one of the archive, and may be replaced."""
    exists = job.target is not None and job.target.is_file() and may_be_tcz(job.target)
    return replace(job, replaceable=exists)


class ArchiveLog:
    """The `OutputLog` of an archive. It holds nothing, so that other processes can have a copy."""

    def check(self, job: Job, data: bytes) -> Job:
        """The job, which may replace a file of the archive."""
        return may_replace(job)

    def record(self, job: Job, data: bytes, output: bytes, *, stopped: bool) -> dict[str, Any]:
        """The part of a record that is known where the file is made."""
        return {
            "sha256": hashlib.sha256(data).hexdigest(),
            "bytes": len(data),
            "file_sha256": hashlib.sha256(output).hexdigest(),
            "file_bytes": len(output),
        }


class Archiver:
    """Lists finished jobs in a manifest."""

    def __init__(
        self, manifest: Manifest, sources: SortedSources, settings: Mapping[str, Any]
    ) -> None:
        self._manifest, self._settings = manifest, dict(settings)
        self._sources = {source.job.source: source for source in sources.todo}
        self._copies, self._orphans = sources.copies, sources.orphans
        self._planned = {_file_name(manifest, source.job) for source in sources.todo}
        self._listed: dict[str, list[str]] = {}  # by file
        for name, record in manifest.records.items():
            self._listed.setdefault(record["file"], []).append(name)

    def keep_orphans(self) -> None:
        """Copy the files of orphans, before they are replaced."""
        copies: dict[tuple[str, str], str] = {}
        for record in self._orphans:
            if self._manifest.problem(record):
                continue  # it is lost already
            key = record["file"], record["file_sha256"]
            if key not in copies:
                copies[key] = self._copied(record)
            self._manifest.add(unmarked(record) | {"file": copies[key]})

    def _copied(self, record: Mapping[str, Any]) -> str:
        """Copy the file of a record to a name of its own; returns that."""
        folder, number = self._manifest.folder, 2
        name = _file_of(record["source"])
        while name in self._planned or os.path.lexists(folder / name):
            name, number = _file_of(f"{record['source']}-{number}"), number + 1
        old = self._manifest.file_of(record)
        with replacing(folder / name, overwrite=False, like=old.stat(), times=True) as file:
            file.write(old.read_bytes())
        return name

    def begin(self, job: Job) -> None:
        """Called before a picture is coded: until its line is there, old ones are not believed."""
        self._manifest.replace_file(self._sharing(_file_name(self._manifest, job)))

    def add_finished(self, done: FinishedJob) -> None:
        """Add a finished picture, and those of the same content, to the manifest.

        One whose search was stopped by Ctrl-C has settings of its own, and so is coded anew the
        next time.
        """
        assert done.record is not None
        source = self._sources[done.job.source]
        record = {
            **done.record,
            "file": _file_name(self._manifest, done.job),
            "psnr": done.extra["psnr"],
            "settings": self._settings | ({"stopped": True} if done.stopped else {}),
            "losses": list(done.losses),
        }
        others = []
        if record["sha256"] == source.sha256:
            others = [_line(other, record) for other in self._copies.pop(source.sha256, [])]
        names = {source.name, *(line["source"] for line in others)}
        for name in self._sharing(record["file"]):
            old = self._manifest.records[name]
            if name not in names and _same(old, record, "sha256"):
                others.append(record | {k: old[k] for k in ("source", "mtime_ns", "mode")})
        self._manifest.add(*others, _line(source, record))  # at once: a kill leaves all or none

    def _sharing(self, file: str) -> list[str]:
        """The pictures whose file this is."""
        records = self._manifest.records
        return [name for name in self._listed.get(file, []) if records[name]["file"] == file]

    def uncoded_copies(self) -> list[SkippedFile]:
        """Pictures that are not archived, because the one of the same content has failed."""
        paths = (source.job.source for sources in self._copies.values() for source in sources)
        return [SkippedFile(path, _FAILED_TOO, failed=True) for path in paths if path is not None]

    def add_copy(self, source: Source, record: Mapping[str, Any]) -> None:
        """Add a picture whose content is that of a record."""
        self._manifest.add(_line(source, record))


def _line(source: Source, record: Mapping[str, Any]) -> dict[str, Any]:
    """The line of a picture whose content is that of a record."""
    assert isinstance(source.job.source, Path)
    status = source.status  # the file may be gone
    if record["sha256"] != source.sha256:  # it has changed meanwhile
        status = source.job.source.stat()
    return {
        **unmarked(record),
        "source": source.name,
        "mtime_ns": status.st_mtime_ns,
        "mode": status.st_mode & 0o777,
    }


def _same(a: Mapping[str, Any], b: Mapping[str, Any], *names: str) -> bool:
    return all(a[name] == b[name] for name in names)


def _file_of(name: str) -> str:
    """The file of a picture that shares none with others."""
    return f"{name}.tcz"


def _file_name(manifest: Manifest, job: Job) -> str:
    assert job.target is not None
    return job.target.relative_to(manifest.folder).as_posix()
