"""Folders that are replaced whole, so that a process killed at any moment leaves one of them.

The new one is written beside the old one, as NAME.tmp. The old one then becomes NAME.old, the new
one NAME, and NAME.old is deleted.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tccodec.files.atomic import sync_folder


def _beside(folder: Path, suffix: str) -> Path:
    return folder.with_name(folder.name + suffix)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """A new, empty folder that becomes `folder` at the end of the block, if that succeeds.

    A link is followed and stays a link. An `OSError` names the file or folder; a file in the place
    of one of the three is left alone. For one writer at a time.
    """
    folder = Path(os.path.realpath(folder))
    new, old = _beside(folder, ".tmp"), _beside(folder, ".old")
    for path in (folder, new, old):
        if os.path.lexists(path) and (path.is_symlink() or not path.is_dir()):
            raise NotADirectoryError(errno.ENOTDIR, "not a folder", str(path))
    if new.exists():  # left by a process that was killed
        shutil.rmtree(new)
    new.mkdir(parents=True)
    try:
        yield new
        sync_folder(new)
        if folder.exists():
            if old.exists():
                shutil.rmtree(old)
            os.replace(folder, old)
        os.replace(new, folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    if old.exists():
        shutil.rmtree(old)


def current(folder: Path) -> Path:
    """`folder`, or the one it was to replace if a process was killed between the two names."""
    old = _beside(Path(os.path.realpath(folder)), ".old")
    return old if old.is_dir() and not folder.exists() else folder
