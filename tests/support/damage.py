"""Damaged files: bytes that are no picture, each in a way of its own."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from dataclasses import replace

from tccodec.container import TczFile, read, write
from tccodec.container.checksum import section_checksum
from tccodec.container.varint import encode_varint

MAGIC = b"\x89TCZ"
MODEL = bytes.fromhex("0123456789")


def header(*, width: int, height: int, rest: bytes = b"\x00", flags: int = 0) -> bytes:
    """The bytes of a header. rest: the setting, and the number of sections if a flag says so."""
    start = MAGIC + bytes([0x10 | flags]) + MODEL
    return start + encode_varint(width) + encode_varint(height) + rest


def with_section(tag: int, stored: bytes, *, width: int = 10) -> bytes:
    """A file whose only section is given as stored, with a right checksum."""
    front = header(width=width, height=10, rest=b"\x00\x01", flags=2)
    tile = zlib.crc32(front + b"\x00\x01" + b"t").to_bytes(4, "little")
    own = section_checksum(stored, header=front, tag=tag, before=tile)
    return front + b"\x01" + tile + b"t" + bytes([tag]) + encode_varint(len(stored)) + own + stored


# Headers that are refused, and a part of the reason.
HEADERS = [
    (b"", "empty"),
    (b"GIF89a", "not a .tcz file"),
    (MAGIC[:3], "not a .tcz file"),
    (MAGIC + b"\x10", "cut short"),
    (MAGIC + b"\x20" + MODEL + b"\1\1\0", "version 2"),
    (MAGIC + b"\x14" + MODEL + b"\1\1\0", "later version"),
    (MAGIC + b"\x10" + MODEL + b"\1\1\xe9\x07", "setting 1001"),
    (MAGIC + b"\x12" + MODEL + b"\1\1\0\0", "0 sections"),
    (MAGIC + b"\x12" + MODEL + b"\1\1\0\x21", "33 sections"),
]
# Tags and stored bodies of sections that are refused, and a part of the reason.
SECTIONS = [
    (0x80, b"", "out of order"),  # number 0
    (16, b"icc", "ancillary bit"),
    (0x81, b"alpha", "ancillary bit"),
    (0x41, b"alpha", "deflated twice"),
    (0xD0, b"\x05nonsense", "does not inflate"),
    (0xD0, b"\x05" + zlib.compress(b"1234"), "length"),
    (0xD0, b"\x03" + zlib.compress(b"1234"), "length"),
    (0xD0, b"\x04" + zlib.compress(b"1234") + b"x", "length"),
    (0xD0, b"\x04" + zlib.compress(b"1234")[:-1], "length"),
    (0xD0, b"", "cut short"),
]


def damaged(good: bytes) -> Iterator[bytes]:
    """A file with every bit flipped, cut at every byte, with bytes removed, doubled, swapped."""
    for bit in range(8 * len(good)):
        bent = bytearray(good)
        bent[bit // 8] ^= 1 << bit % 8
        yield bytes(bent)
    for i in range(len(good)):
        yield good[:i]
        yield good[: i + 1] + good[i:]
    for i in range(len(good) - 1):
        yield good[:i] + good[i + 1 :]
        if good[i] != good[i + 1]:
            yield good[:i] + good[i + 1 : i + 2] + good[i : i + 1] + good[i + 2 :]
    for extra in (b"\0", b"\xff", b"\0" * 4, good, b"A" * 1000):
        yield good + extra


def resealed(good: bytes, *, count: int) -> Iterator[bytes]:
    """Files with a few changed bytes in a payload or a section, and right checksums."""
    file, chance = read(good), random.Random(0)
    parts = [*file.tiles, *(section.body for section in file.sections)]
    for _ in range(count):
        bent = list(map(bytearray, parts))
        part = chance.choice([each for each in bent if each])
        for _ in range(chance.choice((1, 1, 3))):
            part[chance.randrange(len(part))] ^= 1 << chance.randrange(8)
        yield write(_with(file, [bytes(p) for p in bent]))


def _with(file: TczFile, parts: list[bytes]) -> TczFile:
    tiles, bodies = parts[: len(file.tiles)], parts[len(file.tiles) :]
    sections = [replace(s, body=b) for s, b in zip(file.sections, bodies, strict=True)]
    return replace(file, tiles=tuple(tiles), sections=tuple(sections))
