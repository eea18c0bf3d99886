"""Locks of the operating system on open files: a process that is killed leaves none behind."""

from __future__ import annotations

import errno
import os
from typing import Any

fcntl: Any
msvcrt: Any
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None
try:
    import msvcrt
except ImportError:
    msvcrt = None

_HELD = {errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK}
# Windows lets nobody else read or write the bytes that are locked: this one is behind all content.
_BYTE = 2**31 - 2


def try_lock(handle: int) -> bool | None:
    """Lock an open file until it is closed, or its process and those forked from it have ended.

    False if another process, or another handle of this one, has locked it. None if that cannot be
    found out, because the file system has no locks.
    """
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        elif msvcrt is not None:
            position = os.lseek(handle, 0, os.SEEK_CUR)
            os.lseek(handle, _BYTE, os.SEEK_SET)
            try:
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            finally:
                os.lseek(handle, position, os.SEEK_SET)
        else:
            return None
    except OSError as e:
        return False if e.errno in _HELD else None
    return True
