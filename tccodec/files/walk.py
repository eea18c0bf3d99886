"""The content of a folder and all below it: files to read, and entries that are skipped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

HIDDEN = "hidden"
LINKED = "a link to a folder"
SPECIAL = "not a regular file"

P = TypeVar("P", covariant=True)  # what a path is: here `pathlib.Path`


@dataclass(frozen=True, slots=True)
class Entry(Generic[P]):
    """An entry of a folder.

    skipped: why it is left out, else "". error: why it cannot be read, else "".
    """

    path: P
    skipped: str = ""
    error: str = ""


def walk(
    folder: Path, *, recursive: bool = True, skip: Path | None = None
) -> Iterator[Entry[Path]]:
    """Everything below `folder` in a fixed order: its files by name, then its folders.

    recursive: enter the folders, too. skip: a folder that is not entered. Hidden files and folders
    and links to folders are skipped, and so is anything but regular files: reading a pipe would
    block, and a device might never end. Links to files count as files.
    """
    waiting = [folder]
    skipped_folder = skip.resolve() if skip else None
    while waiting:
        current = waiting.pop()
        try:
            with os.scandir(current) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as e:
            yield Entry(current, error=e.strerror or "cannot be read")
            continue
        below: list[Path] = []
        for entry in entries:
            path = current / entry.name
            try:
                if entry.name.startswith("."):
                    yield Entry(path, skipped=HIDDEN)
                elif entry.is_dir(follow_symlinks=False):
                    if recursive and path.resolve() != skipped_folder:
                        below.append(path)
                elif entry.is_dir():
                    yield Entry(path, skipped=LINKED)
                elif entry.is_file():
                    yield Entry(path)
                elif entry.is_symlink() and not path.exists():
                    yield Entry(path, error="the link leads nowhere")
                else:
                    yield Entry(path, skipped=SPECIAL)
            except OSError as e:  # a circle of links, or a folder that became unreadable
                yield Entry(path, error=e.strerror or "cannot be read")
        waiting += reversed(below)
