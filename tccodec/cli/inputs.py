"""Reading the inputs of jobs: the first bytes first, and never more than a limit."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from tccodec.cli.jobs import Job
from tccodec.container.layout import Header, read_header
from tccodec.container.limits import MAX_TILE_BYTES, Limits
from tccodec.container.sections import PIXEL_BYTES
from tccodec.errors import LimitExceeded

HEAD = 1 << 16  # bytes
_BLOCK = 1 << 22


class Input:
    """An open input. head: its first `HEAD` bytes. status: of a regular file, else None."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name
        try:
            status = os.fstat(file.fileno())
        except OSError:  # another program replaced stdin by something without a descriptor
            self.status = None
        else:
            self.status = status if stat.S_ISREG(status.st_mode) else None
        self.head = self._block(HEAD)
        self._whole: bytes | None = None

    def read(self, max_bytes: int) -> bytes:
        """The whole input; `LimitExceeded` as soon as it is longer than `max_bytes`."""
        if self._whole is None:
            self._whole = self._read(max_bytes)
        return self._whole

    def _read(self, max_bytes: int) -> bytes:
        size = self.status.st_size if self.status else 0
        parts, count = [self.head], len(self.head)
        while size <= max_bytes and count <= max_bytes and (block := self._block(_BLOCK)):
            parts.append(block)
            count += len(block)
        if max(size, count) > max_bytes:
            start = f"{size / 1e6:,.0f} MB are more than" if size else "it goes on after"
            raise LimitExceeded(
                f"{start} the {max_bytes / 1e6:,.0f} MB that it could need at most;"
                " --max-megapixels raises that"
            )
        return b"".join(parts)

    def _block(self, count: int) -> bytes:
        """The next `count` bytes at most. An `OSError` names the input."""
        try:
            return self._file.read(count)
        except OSError as e:
            raise OSError(e.errno, e.strerror or str(e), self._name) from e


@contextmanager
def open_input(job: Job) -> Iterator[Input]:
    """The input of a job, with its first bytes read. An `OSError` names the input."""
    if job.source is None:
        yield Input(sys.stdin.buffer, "stdin")
        return
    with job.source.open("rb") as file:
        yield Input(file, os.fspath(job.source))


def read_tcz(job: Job, *, limits: Limits) -> bytes:
    """The bytes of a `.tcz` file; any other file is refused after its first bytes.

    Raises the errors of `container.read_header`, and `LimitExceeded` for a file that is larger
    than a picture of its size can need.
    """
    with open_input(job) as source:
        header = read_header(source.head, limits=limits)
        return source.read(max_file_bytes(header, limits))


def max_file_bytes(header: Header, limits: Limits) -> int:
    """The most bytes that a file with this header can have."""
    pixels = header.width * header.height * sum(PIXEL_BYTES.values())
    sections = header.sections * (limits.max_section + (1 << 13)) + pixels
    return HEAD + header.tile_count * (MAX_TILE_BYTES + 16) + sections
