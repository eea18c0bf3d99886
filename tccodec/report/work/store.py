"""Finished points on disk, with keys made of everything that they depend on.

A point's key is a hash of the picture's content, how it is read, the codec with its version and
settings, and the quality. Points are lines of `points.jsonl`, appended and flushed one by one. A
run that is killed loses at most the points that it was working on; an incomplete last line is
ignored. A later line with the same key adds to the earlier one: so a metric can be added to a
point. Large things (thumbnails, coded pictures, features) are files named by their key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from tccodec.errors import BadFolder
from tccodec.files.atomic import write_atomically
from tccodec.files.locks import try_lock
from tccodec.files.text import from_json

# Increased when the meaning of stored records changes.
SCHEMA = 2


def key_of(**parts: Any) -> str:
    """A hash of everything that a stored result depends on."""
    text = json.dumps({"schema": SCHEMA} | parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def write_in_report(path: Path, data: bytes) -> None:
    """Write a file so that it is either the old or the new one, never half of it.

    Raises `BadFolder` where the folder cannot be written.
    """
    try:
        write_atomically(path, data)
    except OSError as error:
        raise BadFolder(f"cannot write {path}: {error.strerror}") from error


class Store:
    """The store of one report folder; a context manager.

    One process writes; a second one gets a `BadFolder`, if the file system has locks.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._points: dict[str, dict[str, Any]] = {}
        self._path = folder / "points.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab")
            if try_lock(self._file.fileno()) is False:
                self._file.close()
                raise BadFolder(
                    f"another report is being made in {folder.parent}; start again when that has "
                    "ended"
                )
            self._load()
        except OSError as error:
            raise self._unwritable(error) from error

    def _load(self) -> None:
        self._torn = False
        data = self._path.read_bytes()
        self._torn = bool(data) and not data.endswith(b"\n")
        for line in data.splitlines():
            try:
                entry = from_json(line)
                self._merge(entry["key"], entry["point"])
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # an incomplete line: its point is computed again

    def _merge(self, key: str, point: Mapping[str, Any]) -> dict[str, Any]:
        old = self._points.get(key, {})
        metrics = dict(old.get("metrics", {})) | dict(point.get("metrics", {}))
        merged = old | dict(point) | {"metrics": metrics}
        self._points[key] = merged
        return merged

    def get(self, key: str) -> dict[str, Any] | None:
        """A stored point, or None."""
        return self._points.get(key)

    def add(self, key: str, point: Mapping[str, Any]) -> dict[str, Any]:
        """Store a point at once; metrics of an earlier point with this key are kept.

        `BadFolder` if it cannot be written.
        """
        line = json.dumps({"key": key, "point": point}, separators=(",", ":"), sort_keys=True)
        start = b"\n" if self._torn else b""
        try:
            self._file.write(start + line.encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise self._unwritable(error) from error
        self._torn = False
        return self._merge(key, point)

    def blob_path(self, key: str, suffix: str) -> Path:
        """Path of the file for a large result of `key`, whether it exists or not."""
        return self.folder / "blobs" / key[:2] / f"{key}{suffix}"

    def blob(self, key: str, suffix: str) -> bytes | None:
        """The content of such a file, or None."""
        path = self.blob_path(key, suffix)
        return path.read_bytes() if path.is_file() else None

    def close(self) -> None:
        """Close `points.jsonl`; `BadFolder` if a point is still to be written and cannot be."""
        try:
            self._file.close()
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> BadFolder:
        return BadFolder(f"cannot write in {self.folder}: {error.strerror}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
