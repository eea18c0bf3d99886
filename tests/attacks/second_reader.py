"""A second reader of the container, as strict as docs/reference/format.md: sections 1 to 5.

It shares no line with the package. Where the two disagree on any bytes, one of them is wrong.
Pictures inside sections and the code of tile groups are not looked into.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

MEGAPIXELS = 200_000_000
SECTION = 32 << 20  # bytes of a section after inflation
# number: whether it is ancillary, bytes per pixel if it holds pixels
KNOWN = {1: (0, 2), 2: (0, 4), 3: (0, 4), **dict.fromkeys(range(16, 23), (1, 0))}
SOURCE, EXACT, BLOCKS = 20, 2, 3


class Refused(Exception):
    """Raised where a rule of the page is broken."""


@dataclass(frozen=True)
class Content:
    """What a file holds: sections by number, inflated, the unknown ones left out."""

    width: int
    height: int
    setting: int
    model: bytes
    grey: bool
    tiles: tuple[bytes, ...]
    sections: dict[int, bytes]


class _Cursor:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        part = self.data[self.at : self.at + count]
        need(len(part) == count)
        self.at += count
        return part

    def varint(self) -> int:
        value = 0
        for i in range(5):
            byte = self.take(1)[0]
            value += (byte % 128) << 7 * i
            if byte < 128:
                need(i == 0 or byte > 0)
                return value
        raise Refused


def need(rule: bool) -> None:
    """Refuse unless this holds."""
    if not rule:
        raise Refused


def read(data: bytes) -> Content:
    """The content of a file; `Refused` if it breaks a rule."""
    c = _Cursor(data)
    need(c.take(4) == bytes.fromhex("8954435A"))
    kind = c.take(1)[0]
    need(kind // 16 == 1 and kind % 16 < 4)
    grey, more = kind % 2 == 1, kind % 4 >= 2
    model = c.take(5)
    width, height, setting = c.varint(), c.varint(), c.varint()
    need(1 <= width <= 65535 and 1 <= height <= 65535 and setting <= 1000)
    need(width * height <= MEGAPIXELS)
    count = c.varint() if more else 0
    need(not more or 1 <= count <= 32)
    head = data[: c.at]
    groups = ((width + 1023) // 1024) * ((height + 1023) // 1024)
    need(len(data) - c.at >= 4 * groups)
    lengths = [c.varint() for _ in range(groups if more else groups - 1)]
    if not more:
        lengths.append(len(data) - c.at - 4 * groups - sum(lengths))
    need(all(0 <= n <= 1 << 24 for n in lengths))
    before, tiles = b"", []
    for i, n in enumerate(lengths):
        total = c.take(4)
        tiles.append(c.take(n))
        need(total == _crc(before + head + _leb(i) + _leb(n) + tiles[-1]))
        before = total
    sections: dict[int, bytes] = {}
    last = 0
    for _ in range(count):
        tag = c.take(1)[0]
        n = c.varint()
        total = c.take(4)
        body = c.take(n)
        need(total == _crc(before + head + bytes([tag]) + _leb(n) + body))
        before = total
        need(tag % 64 > last)
        last = tag % 64
        if last not in KNOWN:
            need(tag >= 128)
            continue
        sections[last] = _body(tag, body, width * height)
    need(c.at == len(data))
    need(EXACT not in sections or (BLOCKS not in sections and not any(tiles)))
    return Content(width, height, setting, model, grey, tuple(tiles), sections)


def _body(tag: int, stored: bytes, pixels: int) -> bytes:
    ancillary, each = KNOWN[tag % 64]
    limit = each * pixels + 4096 if each else SECTION
    need(tag // 128 == ancillary)
    body = stored
    if tag & 64:
        need(not each)
        c = _Cursor(stored)
        length = c.varint()
        need(length <= limit)
        inflater = zlib.decompressobj()
        try:
            body = inflater.decompress(stored[c.at :], length + 1)
        except zlib.error:
            raise Refused from None
        need(inflater.eof and not inflater.unused_data and len(body) == length)
    need(len(body) <= limit)
    if tag % 64 == SOURCE:
        need(1 <= len(body) <= 100 and all(0x20 <= b <= 0x7E for b in body))
    return body


def _leb(value: int) -> bytes:
    out = b""
    while value >= 128:
        out, value = out + bytes([value % 128 + 128]), value // 128
    return out + bytes([value])


def _crc(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")
