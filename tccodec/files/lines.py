"""Files of JSON objects, one per line, that grow while a program runs.

A run that was killed loses at most the line it was writing: a last line counts if it is whole.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

from tccodec.errors import TccodecError, UnreadableFile
from tccodec.files.atomic import is_special
from tccodec.files.locks import try_lock
from tccodec.files.text import from_json


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file; none if it does not exist. An unfinished last line is left out.

    Raises `UnreadableFile` for a line that is not an object, and for a device or a pipe;
    `OSError` if the file cannot be read.
    """
    try:
        text = _content(path)
    except FileNotFoundError:
        return
    lines = text.split(b"\n")
    for number, line in enumerate(lines, 1):
        value = _object(line)
        if value is not None:
            yield value
        elif number < len(lines) or not _may_be_unfinished(line):
            raise UnreadableFile(f"{path}: line {number} is not a JSON object")


def _content(path: Path) -> bytes:
    """The bytes of a regular file; reading a pipe would block, a device might never end."""
    if is_special(path):
        raise UnreadableFile(f"{path} is not a regular file")
    return path.read_bytes()


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = from_json(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _may_be_unfinished(last: bytes) -> bool:
    """Whether a killed run may have left this, which is not an object, after the last line end."""
    return not last.strip(b"\0") or last.startswith(b"{")


def append_line(path: Path, *values: dict[str, Any], synced: bool = False) -> None:
    """Add objects to a file, which is made if needed. Several processes may do so at once.

    synced: they are to survive a power cut, if the system can do that. An `OSError` names the file;
    then nothing is added.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    line = b"".join(json.dumps(value).encode() + b"\n" for value in values)
    try:
        # Without a buffer: one write to the end, which systems do not mix with others.
        with path.open("ab", buffering=0) as file:
            count = 0
            try:
                while count < len(line):
                    count += file.write(line[count:]) or 0
            except OSError:
                if count:  # a full disk takes a part
                    _take_back(file, count)
                raise
            if synced:
                with contextlib.suppress(OSError):
                    os.fsync(file.fileno())
    except OSError as e:  # that of a full disk has no name
        raise OSError(e.errno, e.strerror or str(e), str(path)) from e


def _take_back(file: FileIO, count: int) -> None:
    """Remove the last `count` bytes, which were just written; else the next line follows them."""
    end = file.tell()
    if os.fstat(file.fileno()).st_size == end:  # else another process has added a line
        os.ftruncate(file.fileno(), end - count)


def drop_unfinished_line(path: Path) -> None:
    """Remove what a killed run left after the last line end. Call it before adding lines.

    A whole object without a line end gets one. Raises `UnreadableFile` for any other text, and for
    a device or a pipe.
    """
    try:
        text = _content(path)
    except FileNotFoundError:
        return
    last = text[text.rfind(b"\n") + 1 :]
    if not last:
        return  # nothing to cut: another process may be adding lines
    if _object(last) is not None:
        with path.open("ab") as file:
            file.write(b"\n")
    elif _may_be_unfinished(last):
        os.truncate(path, len(text) - len(last))
    else:
        raise UnreadableFile(f"{path}: its last line is not a JSON object")


@contextmanager
def only_writer(path: Path, busy: str) -> Iterator[None]:
    """Hold the lock of a file in the block.

    The file and its folders are made if needed, and go if they stay empty.

    busy: what another process that holds it does, for the message of the `TccodecError`. Where the
    file system has no locks, nothing is held. `UnreadableFile` for a device or a pipe.
    """
    made = [folder for folder in path.parents if not folder.exists()]  # the inner ones first
    with contextlib.ExitStack() as stack:
        while True:
            file = stack.enter_context(_opened(path))
            if try_lock(file.fileno()) is False:
                raise TccodecError(f"{path}: {busy}; start again when that has ended")
            if _is_at(file, path):
                break  # else its last holder has removed it meanwhile
        try:
            yield
        finally:
            # Windows removes no open file: there, an empty one stays.
            with contextlib.suppress(OSError):
                if os.fstat(file.fileno()).st_size == 0 and _is_at(file, path):
                    path.unlink()
                    for folder in made:
                        folder.rmdir()


def _opened(path: Path) -> BinaryIO:
    if is_special(path):
        raise UnreadableFile(f"{path} is not a regular file")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("ab")


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
