"""The manifest of an archive: what was coded from what, one JSON object per line.

The first line names the schema. Each further line is a picture; of several lines with one `source`
the last one counts. Paths are relative, with slashes: `source` to the folder that was archived,
`file` to that of the archive.

A line with `replacing` is written before a file is replaced. The run may be killed before it writes
the new line, so this one counts only where `file_sha256` is that of the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from tccodec import __version__
from tccodec.errors import BadOption, TccodecError, UnreadableFile
from tccodec.files.lines import append_line, drop_unfinished_line, only_writer, read_lines

NAME = "manifest.jsonl"
SCHEMA = "tccodec-archive-1"
_FIELDS: dict[str, type | tuple[type, ...]] = {
    "source": str,
    "sha256": str,
    "bytes": int,
    "mtime_ns": int,
    "mode": int,
    "file": str,
    "file_sha256": str,
    "file_bytes": int,
    "psnr": (int, float),
    "settings": dict,
    "losses": list,
}
_LARGEST = 2**63 - 1  # what systems hold of sizes and times


class Manifest:
    """The manifest in a folder. records: the pictures by `source`. begun: it has its first line."""

    def __init__(self, folder: Path) -> None:
        """Read it. A folder that is empty or does not exist has one without records.

        Raises `UnreadableFile` if it is damaged, `BadOption` if other files are in its place.
        """
        self.folder, self.path = folder, folder / NAME
        self.records: dict[str, dict[str, Any]] = {}
        self.begun = False
        self._size = self._bytes()
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return
        lines = read_lines(self.path)
        first = next(lines, None)
        if first is None and self.path.is_file():
            return  # a run was killed, or a disk was full, at its first line
        if not first or first.get("schema") != SCHEMA:
            raise BadOption(f"{folder} is not an archive: it has no {NAME} of tccodec archive")
        self.begun = True
        for number, line in enumerate(lines, 2):
            if not _is_record(line):
                raise UnreadableFile(f"{self.path}: line {number} is not a record of an archive")
            self.records[line["source"]] = line

    def begin(self) -> None:
        """Make the file, if there is none, or make it ready for more lines.

        Raises `TccodecError` if it has changed since it was read, which `archiving` prevents only
        where the file system has locks.
        """
        if self._bytes() != self._size:
            text = "another run has changed it meanwhile; start again when that has ended"
            raise TccodecError(f"{self.path}: {text}")
        drop_unfinished_line(self.path)
        if not self.begun:
            append_line(self.path, {"schema": SCHEMA, "tccodec": __version__})
            self.begun = True

    def _bytes(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def add(self, *records: dict[str, Any], synced: bool = False) -> None:
        """Add pictures, or replace them; synced: as in `append_line`."""
        append_line(self.path, *records, synced=synced)
        self.records |= {record["source"]: record for record in records}

    def replace_file(self, names: Iterable[str]) -> None:
        """Mark pictures, before the file that they share is replaced."""
        records = [self.records[name] for name in names]
        fresh = [record | {"replacing": True} for record in records if not is_marked(record)]
        if fresh:
            self.add(*fresh, synced=True)

    def is_there(self, record: Mapping[str, Any]) -> bool:
        """Whether the file of a record seems to be as it says; only one that is marked is read."""
        if is_marked(record):
            return not self.problem(record)
        path = self.file_of(record)
        return path.is_file() and path.stat().st_size == record["file_bytes"]

    def file_of(self, record: Mapping[str, Any]) -> Path:
        """Where the `.tcz` file of a record is."""
        return self.folder / str(record["file"])

    def problem(self, record: Mapping[str, Any]) -> str:
        """What is wrong with the file of a record; "" if it is as the manifest says."""
        path = self.file_of(record)
        try:
            if not path.is_file():
                return "there is no such file"
            if path.stat().st_size != record["file_bytes"]:
                return "its size is not that of the manifest"
            return "" if digest(path) == record["file_sha256"] else "its content has changed"
        except OSError as e:
            return e.strerror or str(e)


def archiving(folder: Path) -> AbstractContextManager[None]:
    """Held by the one run that writes to an archive, from before it reads the manifest.

    A second one gets a `TccodecError`, a folder of other files a `BadOption`.
    """
    if not (folder / NAME).exists():
        Manifest(folder)  # refuses other files, before one is made beside them
    return only_writer(folder / NAME, "another run is archiving to this folder")


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_marked(record: Mapping[str, Any]) -> bool:
    """Whether the file of a record was about to be replaced."""
    return bool(record.get("replacing"))


def unmarked(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record of a file that is as it says."""
    return {name: value for name, value in record.items() if name != "replacing"}


def _is_record(line: Mapping[str, Any]) -> bool:
    """Whether all fields are there, and both paths stay below their folders."""
    if not all(isinstance(line.get(name), kind) for name, kind in _FIELDS.items()):
        return False
    if any(abs(line[name]) > _LARGEST for name, kind in _FIELDS.items() if kind is int):
        return False
    if not isinstance(line.get("replacing", False), bool):
        return False
    return all(is_portable(line[name]) for name in ("source", "file"))


def is_portable(name: str) -> bool:
    """Whether a path with slashes leads below its folder on every system.

    On Windows backslashes divide paths, `C:` is a drive, and dots and spaces at the end of a name
    do not count.
    """
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or PureWindowsPath(name).drive:
        return False
    return not any(c in name for c in "\\\0") and all(part.strip(". ") for part in path.parts)
