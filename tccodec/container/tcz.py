"""Reading and writing whole `.tcz` files.

    header                                          layout.py
    for each tile group but the last: length        varint, raster order
    length of the last tile group                   varint, only if sections follow
    for each tile group: checksum (4), payload      checksum.py
    for each section: tag, length, checksum, body   sections.py

The lengths come first, so a reader of one region can jump to its tile groups. Without sections,
the last payload runs to the end of the file and needs no stored length. Its checksum covers the
length, so a file that was cut or extended is still noticed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tccodec.container.checksum import CHECKSUM_BYTES, section_checksum, tile_checksum
from tccodec.container.layout import (
    Header,
    Setting,
    encode_header,
    read_header,
    tile_grid,
)
from tccodec.container.limits import DEFAULT_LIMITS, MAX_TILE_BYTES, Limits
from tccodec.container.sections import (
    ANCILLARY,
    NUMBER,
    Section,
    Tag,
    is_known,
    pack_body,
    unpack_body,
)
from tccodec.container.varint import decode_varint, encode_varint
from tccodec.errors import BadFile


@dataclass(frozen=True, slots=True, kw_only=True)
class TczFile:
    """The content of a `.tcz` file.

    width, height: pixels. setting: 0 .. 1000. model_id: 5 bytes. grey: decode
    to one channel. tiles: one payload per tile group, raster order. sections: ascending numbers.
    """

    width: int
    height: int
    setting: Setting
    model_id: bytes
    tiles: tuple[bytes, ...]
    grey: bool = False
    sections: tuple[Section, ...] = ()

    def section(self, tag: Tag) -> bytes | None:
        """Body of the section `tag`, or None."""
        return next((s.body for s in self.sections if s.number == tag), None)

    @property
    def payload_bytes(self) -> int:
        """Bytes of all tile payloads together."""
        return sum(map(len, self.tiles))


def write(file: TczFile) -> bytes:
    """Bytes of `file`. Raises `ValueError` for content that the format cannot hold."""
    columns, rows = tile_grid(file.width, file.height)
    if len(file.tiles) != columns * rows:
        raise ValueError(f"{len(file.tiles)} tile groups, {columns * rows} needed")
    if any(len(t) > MAX_TILE_BYTES for t in file.tiles):
        raise ValueError(f"a tile group of more than {MAX_TILE_BYTES} bytes")
    numbers = [s.number for s in file.sections]
    if numbers != sorted(set(numbers)):
        raise ValueError("sections must have ascending numbers, each once")
    if _pixels_twice(file.tiles, file.sections):
        raise ValueError("the file would hold its pixels twice")
    header = encode_header(
        Header(
            width=file.width,
            height=file.height,
            setting=file.setting,
            model_id=file.model_id,
            grey=file.grey,
            sections=len(file.sections),
        )
    )
    lengths = file.tiles if file.sections else file.tiles[:-1]
    parts = [header, *(encode_varint(len(t)) for t in lengths)]
    before = b""
    for index, payload in enumerate(file.tiles):
        before = tile_checksum(payload, header=header, index=index, before=before)
        parts += [before, payload]
    for section in file.sections:
        tag, stored = pack_body(section)
        before = section_checksum(stored, header=header, tag=tag, before=before)
        parts += [bytes([tag]), encode_varint(len(stored)), before, stored]
    return b"".join(parts)


def read(data: bytes, *, limits: Limits = DEFAULT_LIMITS) -> TczFile:
    """The content of a `.tcz` file, with every byte verified.

    Unknown ancillary sections are skipped. Raises `BadFile` for whatever else the format forbids,
    and `LimitExceeded` for sizes above `limits`. Copies nothing before it is known that the lengths
    fit the data.
    """
    header = read_header(data, limits=limits)
    raw_header = data[: header.size]
    lengths, at = _tile_lengths(data, header)
    tiles: list[bytes] = []
    before = b""
    for index, length in enumerate(lengths):
        stored_sum, payload, at = _take(data, at, length)
        expected = tile_checksum(payload, header=raw_header, index=index, before=before)
        if stored_sum != expected:
            where = "" if len(lengths) == 1 else f" in tile group {index} of {len(lengths)}"
            raise BadFile(f"the file is damaged{where}: the checksum does not match")
        tiles.append(payload)
        before = stored_sum
    sections: list[Section] = []
    last = 0
    for _ in range(header.sections):
        if at >= len(data):
            raise BadFile("the file is cut short: a section is missing")
        tag = data[at]
        length, at = decode_varint(data, at + 1)
        stored_sum, stored, at = _take(data, at, length)
        if stored_sum != section_checksum(stored, header=raw_header, tag=tag, before=before):
            raise BadFile("the file is damaged in a section: the checksum does not match")
        before = stored_sum
        if tag & NUMBER <= last:  # also refuses number 0
            raise BadFile("the sections of the file are out of order")
        last = tag & NUMBER
        section = _known(tag, stored, header=header, limits=limits)
        if section is not None:
            sections.append(section)
    if at != len(data):
        raise BadFile(f"{len(data) - at} bytes follow the end of the file's content")
    if _pixels_twice(tiles, sections):
        raise BadFile("the file holds its pixels twice")
    return TczFile(
        width=header.width,
        height=header.height,
        setting=header.setting,
        model_id=header.model_id,
        tiles=tuple(tiles),
        grey=header.grey,
        sections=tuple(sections),
    )


def _pixels_twice(tiles: Sequence[bytes], sections: Sequence[Section]) -> bool:
    numbers = [s.number for s in sections]
    return Tag.EXACT in numbers and (any(tiles) or Tag.BLOCKS in numbers)


def _known(tag: int, stored: bytes, *, header: Header, limits: Limits) -> Section | None:
    """The section, or None for an unknown ancillary one; `BadFile` for an unknown critical one."""
    number = tag & NUMBER
    if not is_known(number):
        if tag & ANCILLARY:
            return None
        raise BadFile(f"the file needs section {number}, which this version does not know")
    return unpack_body(tag, stored, pixels=header.width * header.height, limits=limits)


def _tile_lengths(data: bytes, header: Header) -> tuple[list[int], int]:
    """`(bytes of each tile payload, position after the lengths)`, checked against the data.

    The number is checked before the loop, so a header that announces thousands of tile groups
    without the bytes for them costs no time.
    """
    count, at = header.tile_count, header.size
    stored = count if header.sections else count - 1
    if stored + count * CHECKSUM_BYTES > len(data) - at:
        raise BadFile(f"the file is too short for its {count} tile group{'s' * (count > 1)}")
    lengths: list[int] = []
    for _ in range(stored):
        length, at = decode_varint(data, at)
        if length > MAX_TILE_BYTES:
            raise BadFile(f"a tile group of {length} bytes is above {MAX_TILE_BYTES}")
        lengths.append(length)
    room = len(data) - at - count * CHECKSUM_BYTES - sum(lengths)
    if room < 0:
        raise BadFile("the file is cut short")
    if not header.sections:
        if room > MAX_TILE_BYTES:
            raise BadFile(f"a tile group of {room} bytes is above {MAX_TILE_BYTES}")
        lengths.append(room)
    return lengths, at


def _take(data: bytes, at: int, length: int) -> tuple[bytes, bytes, int]:
    """`(checksum, body, position after it)` of the tile group or section at `data[at]`."""
    start = at + CHECKSUM_BYTES
    if length > len(data) - start:
        raise BadFile("the file is cut short")
    return data[at:start], data[start : start + length], start + length
