"""Files that are written completely or not at all.

    with replacing(path) as file:
        file.write(...)

The bytes go to a file with an unpredictable name in the same folder. If the block succeeds, it
takes the place of `path`; if not, it is deleted. So a reader sees the old file or the new one, and
a crash, a full disk or a signal leaves the old one. What a killed process leaves is removed by the
next one that writes into the folder, a minute later or more.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tccodec.errors import OutputExists
from tccodec.files.locks import try_lock

_PART = re.compile(r"\.tccodec-[0-9a-f]{16}\.part")
_FRESH = 60.0  # seconds; a younger file may not be locked yet, or no longer
_swept: set[Path] = set()
_LINKS = 40  # links in a row that Linux follows at most
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
for _name in ("O_NOFOLLOW", "O_CLOEXEC", "O_BINARY"):  # not every system has all of them
    _NEW |= getattr(os, _name, 0)


@contextmanager
def replacing(
    target: str | os.PathLike[str],
    *,
    overwrite: bool = True,
    advice: str = "",
    like: os.stat_result | None = None,
    times: bool = False,
) -> Iterator[BinaryIO]:
    """A new file, open for writing, that becomes `target` at the end of the block.

    overwrite: whether an existing file may be replaced. If not, `OutputExists` is raised, also
        for a file that appears during the block.
    advice: half a sentence for its message: what would replace the file.
    like: the status of the file that the new one is made from. A new target gets its permissions,
        as far as the umask allows. A replaced target keeps its own.
    times: whether the target also gets the file times of `like`.

    A link is followed and stays a link. Devices and pipes are opened and written to, whatever
    `overwrite` says. Folders are made as needed. An `OSError`, also one from the block, names
    `target`.
    """
    named = Path(target)
    try:
        if is_special(named):
            buffer = io.BytesIO()
            yield buffer
            with open(os.open(named, os.O_WRONLY), "wb") as file:
                file.write(buffer.getbuffer())
            return
        if not overwrite and os.path.lexists(named):
            raise _exists(named, advice)
        path = _followed(named)
        _make_folder(path.parent)
        old = _status(path)
        source = old or like
        mode = stat.S_IMODE(source.st_mode) & 0o777 if source else 0o666
        _sweep(path.parent)
        part = path.with_name(f".tccodec-{secrets.token_hex(8)}.part")
        try:
            # Created with its permissions: nobody can open it in between, and the umask applies.
            with open(part, "wb", opener=lambda name, _: os.open(name, _NEW, mode)) as file:
                try_lock(file.fileno())  # until it is closed, it is no left-over
                yield file
                file.flush()
                if old is not None:
                    _take_over(file.fileno(), old)
                os.fsync(file.fileno())
            if times and like is not None:
                os.utime(part, ns=(like.st_atime_ns, like.st_mtime_ns))
            if overwrite:
                os.replace(part, path)
            elif not _published(part, path):
                raise _exists(named, advice)
            sync_folder(path.parent)
        finally:
            part.unlink(missing_ok=True)
    except OSError as e:
        raise OSError(e.errno, e.strerror or str(e), os.fspath(named)) from e


def check_writable(target: Path) -> None:
    """`OSError`, which names `target`, if no file can be written there.

    It finds that out before the work, not after it. What it misses, writing reports.
    """
    folder = Path(os.path.realpath(target)).parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        text = f"{folder.name} is not a folder"
        raise NotADirectoryError(errno.ENOTDIR, text, os.fspath(target))
    if not os.access(folder, os.W_OK | os.X_OK):
        code = errno.EROFS if _is_read_only(folder) else errno.EACCES
        raise OSError(code, os.strerror(code), os.fspath(target))


def _is_read_only(folder: Path) -> bool:
    """Whether nothing on the file system can be written: a card with its lock on, a disc."""
    return hasattr(os, "statvfs") and bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def _sweep(folder: Path) -> None:
    """Remove the unfinished files of processes that were killed; once for each folder."""
    if folder in _swept or not hasattr(os, "geteuid"):  # on Windows a killed process may leave one
        return
    _swept.add(folder)
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):  # another process may have removed it meanwhile
                if _PART.fullmatch(entry.name) and _is_left_over(entry):
                    os.unlink(entry.path)


def _is_left_over(entry: os.DirEntry[str]) -> bool:
    status = entry.stat(follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
        return False
    if time.time() - status.st_ctime < _FRESH:
        return False
    handle = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        return bool(try_lock(handle))
    finally:
        os.close(handle)


def write_atomically(target: str | os.PathLike[str], data: bytes) -> None:
    """Write a whole file and replace an existing one; see `replacing`."""
    with replacing(target) as file:
        file.write(data)


def is_special(path: Path) -> bool:
    """Whether the path exists and is neither a regular file nor a folder."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _followed(path: Path) -> Path:
    """Where a path that may be a link leads; `OutputExists` for a link that cannot be trusted.

    In a folder that everybody may write to, somebody else's link could point to any file of ours.
    The rule is that of Linux's protected_symlinks, which covers opening but not renaming.
    """
    for _ in range(_LINKS):
        link = _status(path)
        if link is None or not stat.S_ISLNK(link.st_mode):
            return path
        folder = path.parent.stat()
        shared = folder.st_mode & stat.S_ISVTX and folder.st_mode & stat.S_IWOTH
        if shared and link.st_uid not in (os.geteuid(), folder.st_uid):
            raise OutputExists(f"{path} is a link of another user")
        path = path.parent / os.readlink(path)
    raise OutputExists(f"{path} is a link that leads in a circle")


def _status(path: Path) -> os.stat_result | None:
    """The status of the path itself, even of a link, or None if it does not exist."""
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _exists(path: Path, advice: str) -> OutputExists:
    return OutputExists(f"{path} exists" + (f"; {advice}" if advice else ""))


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, f"{folder} is not a folder") from None


def _take_over(handle: int, old: os.stat_result) -> None:
    """Give an open file the owner and permissions of the one that it replaces."""
    if not hasattr(os, "fchown"):
        return
    if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
        with contextlib.suppress(OSError):  # only root may change owners
            os.fchown(handle, old.st_uid, old.st_gid)
    os.fchmod(handle, stat.S_IMODE(old.st_mode) & 0o777)


def _published(part: Path, path: Path) -> bool:
    """Rename `part` to `path`; False if a file with that name has appeared."""
    try:
        try:
            os.link(part, path, follow_symlinks=False)
            return True
        except FileExistsError:
            return False
        except (OSError, NotImplementedError):  # a file system without links, such as FAT
            os.close(os.open(path, _NEW))
    except FileExistsError:
        return False
    try:
        os.replace(part, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return True


def sync_folder(folder: Path) -> None:
    """Make the new name survive a power cut, if the system can do that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
