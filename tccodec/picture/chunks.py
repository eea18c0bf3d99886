"""The outer structure of picture files: chunks, boxes, segments, and where a file ends.

Only what Pillow does not report. Damaged structure ends a search early; it is not an error here.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """`(type, body, position after it)` of the chunks of a PNG file, up to IEND.

    The bodies of IDAT chunks are given as empty.
    """
    at = len(PNG_MAGIC)
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, start = data[at + 4 : at + 8], at + 8
        at = start + length + 4
        yield kind, b"" if kind == b"IDAT" else data[start : start + length], at
        if kind == b"IEND":
            return


def boxes(data: bytes, at: int = 0) -> Iterator[tuple[bytes, int]]:
    """`(type, position)` of the boxes (ISO 14496-12) from position `at` on."""
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        yield kind, at
        if size == 1 and at + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, at + 8)
        if size < 8:
            return
        at += size


def box_bodies(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """`(type, body)` of the boxes; a body may be cut off or, with a size of 0, runs to the end."""
    view = memoryview(data)
    for kind, at in boxes(data):
        (size,) = struct.unpack_from(">I", data, at)
        start = at + 8
        if size == 1 and at + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, start)
            start += 8
        yield kind, view[start : at + size if size else len(data)]


def gif_blocks(data: bytes, at: int) -> Iterator[bytes]:
    """The bodies of a GIF's blocks from position `at` on, up to the empty one."""
    while at < len(data) and data[at]:
        yield data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]


def end_of(data: bytes, kind: str) -> int:
    """Position after the picture in a file; the end of the file for formats not known here."""
    if kind == "PNG":
        ends = [end for name, _, end in png_chunks(data) if name == b"IEND"]
        return ends[0] if ends else len(data)
    if kind in ("WEBP", "BMP") and len(data) >= 8:
        if kind == "BMP":
            return int(struct.unpack_from("<I", data, 2)[0]) or len(data)
        (size,) = struct.unpack_from("<I", data, 4)
        return 8 + int(size) + int(size) % 2
    find_end = {"JPEG": _jpeg_end, "MPO": _jpeg_end, "GIF": _gif_end}.get(kind)
    return find_end(data) if find_end else len(data)


def _gif_end(data: bytes) -> int:
    at = 13 + _palette(data, 10)
    while at < len(data) and data[at] != 0x3B:
        if data[at] == 0x2C:  # a frame, with a palette of its own, and the size of its codes
            at += 11 + _palette(data, at + 9)
        else:
            at += 2
        at += sum(1 + len(block) for block in gif_blocks(data, at)) + 1
    return at + 1


def _palette(data: bytes, at: int) -> int:
    """Bytes of a GIF's palette, from the flags at position `at`."""
    flags = data[at] if at < len(data) else 0
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _jpeg_end(data: bytes) -> int:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xD9:
            return at + 2
        if marker == 0xFF:  # fill
            at += 1
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        at += 2 + length
        if marker == 0xDA:  # coded data up to the next marker that is no restart
            marker_match = _NEXT_MARKER.search(data, at)
            at = marker_match.start() if marker_match else len(data)
    if data[at : at + 2] == b"\xff\xd9":
        return at + 2
    return len(data)
