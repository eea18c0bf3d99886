"""The header of a `.tcz` file, and how a picture is cut into tile groups.

    offset  bytes  field
    0       4      magic 89 54 43 5A ("\\x89TCZ")
    4       1      format version in the high nibble, flags in the low one
    5       5      model id: the first bytes of the SHA-256 over the model's weights and tables
    10      1-3    width in pixels, varint, 1 .. 65535
            1-3    height in pixels, varint, 1 .. 65535
            1-2    setting, varint, 0 .. 1000
            1      number of sections, varint, 1 .. 32: only with the flag SECTIONS

The first byte of the magic has its top bit set, so a transfer that strips the bit is noticed at
once. Version and flags share a byte because every byte counts in the file of a thumbnail.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import NewType

from tccodec.container.limits import DEFAULT_LIMITS, MAX_SECTIONS, MAX_SIDE, Limits
from tccodec.container.varint import decode_varint, encode_varint
from tccodec.errors import BadFile

MAGIC = b"\x89TCZ"
VERSION = 1
MODEL_ID_BYTES = 5
MAX_SETTING = 1000
TILE_SIDE = 1024  # pixels per side of a tile group
FIXED_BYTES = len(MAGIC) + 1 + MODEL_ID_BYTES

# From 0, the smallest file, to 1000, the best one. The quality that people give, 0 to 100, is
# another scale: `tccodec.coding.quality` converts between them.
Setting = NewType("Setting", int)


class Flags(enum.IntFlag):
    """The low nibble of byte 4. A reader refuses bits that it does not know."""

    GREY = 1  # the picture is grey: give back one channel, the mean of the three
    SECTIONS = 2  # a section count follows the setting, sections follow the tile groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The fields before the tile groups.

    width, height: pixels. setting: 0 .. 1000. model_id: 5 bytes. sections: their
    number. size: bytes of this header in the file.
    """

    width: int
    height: int
    setting: Setting
    model_id: bytes
    grey: bool = False
    sections: int = 0
    version: int = VERSION
    size: int = 0

    @property
    def tile_count(self) -> int:
        """Number of tile groups."""
        columns, rows = tile_grid(self.width, self.height)
        return columns * rows


def tile_grid(width: int, height: int) -> tuple[int, int]:
    """`(columns, rows)` of tile groups of 1024 x 1024 pixels; the last ones may be smaller."""
    return -(-width // TILE_SIDE), -(-height // TILE_SIDE)


def tile_box(width: int, height: int, *, index: int) -> tuple[int, int, int, int]:
    """`(left, top, right, bottom)` in pixels of tile group `index`, in raster order."""
    columns, rows = tile_grid(width, height)
    if not 0 <= index < columns * rows:
        raise ValueError(f"tile group {index} of {columns * rows}")
    left, top = index % columns * TILE_SIDE, index // columns * TILE_SIDE
    return left, top, min(left + TILE_SIDE, width), min(top + TILE_SIDE, height)


def encode_header(header: Header) -> bytes:
    """Bytes of `header`; a field out of its range is a `ValueError`."""
    if not (1 <= header.width <= MAX_SIDE and 1 <= header.height <= MAX_SIDE):
        raise ValueError(f"a picture of {header.width} x {header.height} pixels does not fit")
    if not 0 <= header.setting <= MAX_SETTING:
        raise ValueError(f"setting must be 0 .. {MAX_SETTING}, not {header.setting}")
    if len(header.model_id) != MODEL_ID_BYTES:
        raise ValueError(f"a model id has {MODEL_ID_BYTES} bytes, not {len(header.model_id)}")
    if not 0 <= header.sections <= MAX_SECTIONS:
        raise ValueError(f"at most {MAX_SECTIONS} sections, not {header.sections}")
    flags = Flags(0)
    if header.grey:
        flags |= Flags.GREY
    if header.sections:
        flags |= Flags.SECTIONS
    out = MAGIC + bytes([VERSION << 4 | flags]) + header.model_id
    out += encode_varint(header.width) + encode_varint(header.height)
    out += encode_varint(header.setting)
    return out + encode_varint(header.sections) if header.sections else out


def read_header(data: bytes | memoryview, *, limits: Limits = DEFAULT_LIMITS) -> Header:
    """The header at the start of `data`, which may be a whole file or its first 20 bytes.

    Checksums are not verified here, but by `read`. Raises `BadFile` if this is not a header and
    `LimitExceeded` for a picture above `limits`.
    """
    if bytes(data[: len(MAGIC)]) != MAGIC:
        if len(data) == 0:
            raise BadFile("the file is empty")
        raise BadFile("this is not a .tcz file")
    if len(data) < FIXED_BYTES:
        raise BadFile("the file is cut short inside its header")
    version, flags = data[4] >> 4, data[4] & 15
    if version != VERSION:
        raise BadFile(f"format version {version}; this program reads version {VERSION}")
    if flags & ~int(Flags.GREY | Flags.SECTIONS):
        raise BadFile("the file uses a feature of a later version of the format")
    width, at = decode_varint(data, FIXED_BYTES)
    height, at = decode_varint(data, at)
    limits.check_picture(width, height)
    value, at = decode_varint(data, at)
    if value > MAX_SETTING:
        raise BadFile(f"setting {value} is above {MAX_SETTING}")
    sections = 0
    if flags & Flags.SECTIONS:
        sections, at = decode_varint(data, at)
        if not 1 <= sections <= MAX_SECTIONS:
            raise BadFile(f"the header announces {sections} sections, not 1 .. {MAX_SECTIONS}")
    return Header(
        width=width,
        height=height,
        setting=Setting(value),
        model_id=bytes(data[5:FIXED_BYTES]),
        grey=bool(flags & Flags.GREY),
        sections=sections,
        version=version,
        size=at,
    )
