"""The content of a folder and all below it: files to read, and what is passed over."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HIDDEN = "hidden"
LINKED = "a link to a folder"
SPECIAL = "no regular file"


@dataclass(frozen=True, slots=True)
class Found:
    """An entry of a folder. passed: why it is left out. error: why it cannot be read."""

    path: Path
    passed: str = ""
    error: str = ""


def walk(folder: Path, *, recursive: bool = True, skip: Path | None = None) -> Iterator[Found]:
    """Everything below `folder` in a fixed order: its files by name, then its folders.

    recursive: look into the folders, too. skip: a folder that is not looked into.
    Hidden files and folders, links to folders, and what is no regular file (a pipe would block,
    a device never end) are passed over. Links to files are files.
    """
    waiting = [folder]
    away = skip.resolve() if skip else None
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as e:
            yield Found(here, error=e.strerror or "cannot be read")
            continue
        below: list[Path] = []
        for entry in entries:
            path = here / entry.name
            try:
                if entry.name.startswith("."):
                    yield Found(path, passed=HIDDEN)
                elif entry.is_dir(follow_symlinks=False):
                    if recursive and path.resolve() != away:
                        below.append(path)
                elif entry.is_dir():
                    yield Found(path, passed=LINKED)
                elif entry.is_file():
                    yield Found(path)
                elif entry.is_symlink() and not path.exists():
                    yield Found(path, error="the link leads nowhere")
                else:
                    yield Found(path, passed=SPECIAL)
            except OSError as e:  # a circle of links, or a folder that became unreadable
                yield Found(path, error=e.strerror or "cannot be read")
        waiting += reversed(below)
