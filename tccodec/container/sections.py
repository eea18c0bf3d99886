"""Optional sections: alpha, lossless pixels and metadata of a picture.

    bytes  field
    1      tag: bits 0-5 the number, bit 6 DEFLATED, bit 7 ANCILLARY
    1-5    length of the stored body in bytes, varint
    4      checksum, little endian (see `checksum.py`)
    ...    body

Sections are in ascending order of their number, each number at most once. A reader skips an
unknown section that is ancillary. It refuses a file with any other unknown section, because the
picture would come out wrong without it. A DEFLATED body is a varint with the true length, then a
zlib stream that inflates to exactly that many bytes.
"""

from __future__ import annotations

import enum
import zlib
from dataclasses import dataclass, replace

from tccodec.container.limits import Limits
from tccodec.container.varint import decode_varint, encode_varint
from tccodec.errors import BadFile, LimitExceeded

NUMBER = 0x3F
DEFLATED = 0x40
ANCILLARY = 0x80


class Tag(enum.IntEnum):
    """Numbers of the sections that this version knows. Below 16: critical."""

    ALPHA = 1  # see tccodec/picture/alpha.py
    EXACT = 2  # see tccodec/picture/exact.py; all tile groups are empty then
    BLOCKS = 3  # see tccodec/picture/blocks.py; not beside EXACT
    ICC = 16  # colour profile, as in ICC.1
    EXIF = 17  # TIFF structure, without the "Exif\0\0" of JPEG; its orientation is 1
    XMP = 18  # packet, UTF-8
    COMMENT = 19  # text, UTF-8
    SOURCE = 20  # Pillow's mode of the input, ASCII, if it was not 8-bit RGB or grey
    RESOLUTION = 21  # thousandths of pixels per inch, across and down, varints; not if EXIF has it
    PREVIEW = 22  # see tccodec/picture/preview.py; nothing else in the file depends on it


FIRST_ANCILLARY = 16
# Most bytes for each pixel in sections of pixels. These are compressed already: never deflated.
PIXEL_BYTES: dict[int, int] = {Tag.ALPHA: 2, Tag.EXACT: 4, Tag.BLOCKS: 4}
SOURCE_BYTES = 100


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a file.

    number: a `Tag` if this version knows it. body: its bytes, inflated. ancillary: a reader that
    does not know the number may skip it.
    """

    number: int
    body: bytes
    ancillary: bool = True

    @property
    def name(self) -> str:
        """The name to show: `icc`, or `section 42` for a number that this version does not know."""
        try:
            return Tag(self.number).name.lower()
        except ValueError:
            return f"section {self.number}"


def is_known(number: int) -> bool:
    """Whether this version knows sections of that number."""
    return any(number == tag for tag in Tag)


def make_section(tag: Tag, body: bytes) -> Section:
    """The section of `tag`, with the ancillary bit that belongs to it."""
    return Section(int(tag), body, ancillary=tag >= FIRST_ANCILLARY)


def _is_name(body: bytes) -> bool:
    """Whether this can be the name of a mode: printable ASCII, because programs show it."""
    return 0 < len(body) <= SOURCE_BYTES and all(0x20 <= byte < 0x7F for byte in body)


def pack_body(section: Section) -> tuple[int, bytes]:
    """`(tag byte, stored body)`: deflated where that is shorter.

    Raises `ValueError` for a section that the format forbids.
    """
    if not 1 <= section.number <= NUMBER:
        raise ValueError(f"a section number is 1 .. {NUMBER}, not {section.number}")
    if is_known(section.number) and section.ancillary != (section.number >= FIRST_ANCILLARY):
        raise ValueError(f"section {section.name} has a wrong ancillary bit")
    if section.number == Tag.SOURCE and not _is_name(section.body):
        raise ValueError(f"source is 1 .. {SOURCE_BYTES} printable ASCII characters")
    tag = section.number | (ANCILLARY if section.ancillary else 0)
    packed = encode_varint(len(section.body)) + zlib.compress(section.body, 9)
    # Pixels are compressed already: deflating them again would only allow two forms of one file.
    if section.number not in PIXEL_BYTES and len(packed) < len(section.body):
        return tag | DEFLATED, packed
    return tag, section.body


def unpack_body(tag: int, stored: bytes, *, pixels: int, limits: Limits) -> Section:
    """Inverse of `pack_body`, for a section that this version knows.

    pixels: of the picture; the limits of sections of pixels depend on it. Raises `LimitExceeded`
    for a body above its limit and `BadFile` for one that the format forbids, such as one that does
    not inflate to the length that it announces. Never allocates more than that length.
    """
    number = tag & NUMBER
    section = Section(number, stored, bool(tag & ANCILLARY))
    if section.ancillary != (number >= FIRST_ANCILLARY):
        raise BadFile(f"section {section.name} has a wrong ancillary bit")
    if number in PIXEL_BYTES and tag & DEFLATED:
        raise BadFile(f"the {section.name} section is deflated twice")
    limit = _limit(number, pixels, limits)
    if tag & DEFLATED:
        section = replace(section, body=_inflated(section.name, stored, limit))
    elif len(stored) > limit:
        raise LimitExceeded(f"{section.name} of {len(stored)} bytes is above {limit}")
    if number == Tag.SOURCE and not _is_name(section.body):
        raise BadFile("section source is not the name of a mode in printable ASCII")
    return section


# Metadata that can be left out. "gps": positions in EXIF and XMP, and places in XMP.
STRIPPABLE = ("exif", "gps", "xmp", "icc", "comment")


def icc_space(profile: bytes) -> str:
    """Colour space of a profile: `RGB`, `GRAY`, `CMYK`, ..., or "" if the profile is too short."""
    return profile[16:20].decode("latin-1").strip()


def has_one_channel(icc: bytes | None, *, grey: bool) -> bool:
    """Whether a file decodes to one channel: a grey one with a profile for RGB stays RGB.

    icc: the body of the section, or None. grey: as in the header.
    """
    return grey and (icc is None or icc_space(icc) != "RGB")


def _limit(number: int, pixels: int, limits: Limits) -> int:
    """Bytes that the body of a section may have."""
    if number == Tag.SOURCE:
        return SOURCE_BYTES
    each = PIXEL_BYTES.get(number)
    return limits.max_section if each is None else each * pixels + 4096


def _inflated(name: str, stored: bytes, limit: int) -> bytes:
    length, at = decode_varint(stored, 0)
    if length > limit:
        raise LimitExceeded(f"{name} of {length} bytes is above {limit}")
    inflater = zlib.decompressobj()
    try:
        body = inflater.decompress(stored[at:], length + 1)
    except zlib.error:
        raise BadFile(f"{name} does not inflate") from None
    if len(body) != length or not inflater.eof or inflater.unused_data:
        raise BadFile(f"{name} does not inflate to the length it announces")
    return body
