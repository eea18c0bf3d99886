"""Binary files of the standard library, typed: that they are a `FileSource` is checked by mypy."""

from __future__ import annotations

import gzip
import io
import mmap
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from tccodec import FileSource


class Whole:
    """The least that a file must have."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self) -> bytes:
        return self.data


@contextmanager
def binary_files(data: bytes) -> Iterator[list[FileSource]]:
    """Five files that hold `data`."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writable:
        writable.writestr("x", data)
    packed = io.BytesIO(gzip.compress(data))
    with (
        tempfile.SpooledTemporaryFile() as spooled,
        zipfile.ZipFile(archive) as readable,
        mmap.mmap(-1, len(data)) as mapped,
    ):
        for file in (spooled, mapped):
            file.write(data)
            file.seek(0)
        member: IO[bytes] = readable.open("x")
        yield [spooled, member, mapped, gzip.GzipFile(fileobj=packed), Whole(data)]
