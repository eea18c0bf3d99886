"""PNG files by hand, for what Pillow does not write."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray


def png16(values: NDArray[np.uint16], colour: int, *chunks: bytes) -> bytes:
    """A PNG of 16 bits a sample from uint16 `(H, W, samples)`."""
    rows = [b"\0" + row.astype(">u2").tobytes() for row in values]
    return png(values.shape[1::-1], 16, colour, rows, *chunks)


def png(size: tuple[int, ...], depth: int, colour: int, rows: list[bytes], *chunks: bytes) -> bytes:
    """A PNG of these rows, each after its filter byte; `more` are chunks before the pixels."""
    head = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(b"".join(rows)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(chunks) + data + chunk(b"IEND")


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    """A chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
