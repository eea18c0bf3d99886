"""Takes a `.tcz` file apart and puts it together again with fitting checksums.

Written from docs/reference/format.md alone, and lenient on purpose: any field may be bent between
`parse` and `seal`, so that what lies behind the checksums can be reached.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

MAGIC = b"\x89TCZ"
TILE = 1024  # pixels per side
SECTIONS = 2  # the flag


def varint(value: int, *, pad: int = 0) -> bytes:
    """LEB128; `pad` more bytes make it longer than it must be."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    for _ in range(pad):
        out[-1] |= 0x80
        out.append(0)
    return bytes(out)


def unvarint(data: bytes, at: int) -> tuple[int, int]:
    """`(value, position after it)`, of any form."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


@dataclass
class Parts:
    """The fields of a file.

    tiles: payloads. sections: tag byte and stored body. count: the number of sections that the
    header tells, None for the true one. tail: bytes after the last part.
    """

    width: int = 1
    height: int = 1
    setting: int = 500
    model: bytes = bytes(5)
    flags: int = 0
    version: int = 1
    tiles: list[bytes] = field(default_factory=lambda: [b""])
    sections: list[tuple[int, bytes]] = field(default_factory=list)
    count: int | None = None
    tail: bytes = b""

    @property
    def tile_count(self) -> int:
        """Tile groups that a picture of this size has."""
        return -(-self.width // TILE) * -(-self.height // TILE)


def parse(data: bytes) -> Parts:
    """The parts of a valid file."""
    flags, at = data[4] & 15, 10
    width, at = unvarint(data, at)
    height, at = unvarint(data, at)
    setting, at = unvarint(data, at)
    count = 0
    if flags & SECTIONS:
        count, at = unvarint(data, at)
    parts = Parts(width, height, setting, data[5:10], flags & ~SECTIONS, data[4] >> 4)
    lengths: list[int] = []
    for _ in range(parts.tile_count - (not count)):
        length, at = unvarint(data, at)
        lengths.append(length)
    if not count:
        lengths.append(len(data) - at - 4 * parts.tile_count - sum(lengths))
    parts.tiles = []
    for length in lengths:
        parts.tiles.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    for _ in range(count):
        tag = data[at]
        length, at = unvarint(data, at + 1)
        parts.sections.append((tag, data[at + 4 : at + 4 + length]))
        at += 4 + length
    return parts


def seal(parts: Parts) -> bytes:
    """The file of these parts."""
    count = len(parts.sections) if parts.count is None else parts.count
    flags = parts.flags | (SECTIONS if count else 0)
    head = MAGIC + bytes([(parts.version << 4 | flags) & 255]) + parts.model
    head += varint(parts.width) + varint(parts.height) + varint(parts.setting)
    if count:
        head += varint(count)
    return (
        head + sealed_body(head, parts.tiles, parts.sections, stored_all=bool(count)) + parts.tail
    )


def sealed_body(
    head: bytes, tiles: list[bytes], sections: list[tuple[int, bytes]], *, stored_all: bool
) -> bytes:
    """What follows a header of any form: lengths, tile groups and sections with checksums.

    stored_all: whether the length of the last tile group is stored.
    """
    out = [varint(len(t)) for t in (tiles if stored_all else tiles[:-1])]
    before = b""
    for i, tile in enumerate(tiles):
        before = checksum(before + head + varint(i) + varint(len(tile)) + tile)
        out += [before, tile]
    for tag, body in sections:
        before = checksum(before + head + bytes([tag]) + varint(len(body)) + body)
        out += [bytes([tag]), varint(len(body)), before, body]
    return b"".join(out)


def deflated(body: bytes, *, announced: int | None = None) -> bytes:
    """The stored body of a deflated section; `announced` lies about the true length."""
    return varint(len(body) if announced is None else announced) + zlib.compress(body, 9)


def checksum(data: bytes) -> bytes:
    """CRC-32 in four bytes."""
    return zlib.crc32(data).to_bytes(4, "little")
