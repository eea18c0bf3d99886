"""EXIF, XMP, ICC and comments: taken from Pillow's `info`, brought to one form, kept as bytes.

Pixels are stored upright, so the orientation must become 1, or a viewer would turn them again. It
is changed in place, in EXIF and in XMP. Writing the EXIF anew moves the maker notes, whose offsets
only their maker knows; only the tags of a TIFF have to be written so.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from PIL import ExifTags, Image

from tccodec.container.varint import decode_varint, encode_varint
from tccodec.errors import BadFile

EXIF_PREFIX = b"Exif\0\0"
ORIENTATION = 0x0112
# Tags of a TIFF's directory that describe the picture, not the layout of the file.
TIFF_TAGS = (
    *(270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 33432),
    *(18246, 18249, *range(40091, 40096)),  # ratings and texts of Windows
)
_TIFF_IFDS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
MAKER_NOTES, _INTEROPERABILITY = 0x927C, 0xA005  # the second is a directory inside that of Exif
_SHORT = 3
_JPEG_AT, _JPEG_BYTES = 0x0201, 0x0202  # tags of the thumbnail, in the second directory
VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
# Types of values that are numbers, as `struct` names them; two are a fraction.
_NUMBERS = {3: "H", 4: "I", 5: "II", 6: "b", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d"}
# The first bytes of a packet tell its encoding (ISO 16684-1), UTF-8 if it is none of these.
_XMP_CODES = (
    *((b"\xff\xfe\0\0", "utf-32"), (b"<\0\0\0", "utf-32-le"), (b"\xff\xfe", "utf-16")),
    *((b"\0\0\xfe\xff", "utf-32"), (b"\0\0\0<", "utf-32-be"), (b"\xfe\xff", "utf-16")),
    *((b"<\0", "utf-16-le"), (b"\0<", "utf-16-be")),
)
_XMP_TURNED = re.compile(rb"""(tiff:Orientation\s*+(?:=\s*+["']|>\s*+))([2-8])""")
_X_RESOLUTION, _Y_RESOLUTION, _UNIT = 282, 283, 296
_INCH, _CENTIMETRE = 2.0, 3.0
_METRE_STEP = 0.013  # in pixels per inch, half of one pixel per metre


def orientation_of(image: Image.Image) -> int:
    """Orientation, 1 .. 8, of a loaded image, from its EXIF, or from XMP where that has none.

    1 if there is none, or an invalid one, and for a JPEG XL that was no JPEG: its plugin has turned
    it by another field, which takes precedence (ISO 18181-2).
    """
    if image.format == "JXL" and not getattr(image, "jpeg", False):
        return 1
    try:
        value = image.getexif().get(ORIENTATION)
    except Exception:
        return 1  # EXIF that cannot be parsed has no orientation
    if value is None and (turned := _XMP_TURNED.search(_packet(image))):
        value = int(turned[2])  # Pillow knows some of the forms only
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def exif_of(image: Image.Image) -> bytes | None:
    """EXIF of a loaded image as it is in the file, without a prefix, or None."""
    raw = image.info.get("exif")
    if not isinstance(raw, bytes) or not raw:
        raw = _hexadecimal_exif(image) or _rebuilt_exif(image) or b""
    return without_prefix(raw)


def without_prefix(exif: bytes | None) -> bytes | None:
    """EXIF without the prefix of JPEG; None if nothing is left."""
    exif = exif or b""
    while exif.startswith(EXIF_PREFIX):
        exif = exif[len(EXIF_PREFIX) :]
    return exif or None


def is_tiff(exif: bytes) -> bool:
    """Whether this begins like a TIFF structure, as EXIF must."""
    return exif.startswith((b"II*\0", b"MM\0*"))


def parsed(exif: bytes) -> Image.Exif:
    """The tags of a TIFF structure; empty if it cannot be parsed."""
    exif_tags = Image.Exif()
    try:
        exif_tags.load(exif)
    except Exception:  # Pillow's parser raises all kinds of errors
        return Image.Exif()
    return exif_tags


def _hexadecimal_exif(image: Image.Image) -> bytes:
    """EXIF in a text chunk of an old PNG; that text if it is damaged, empty if there is none."""
    text = image.info.get("Raw profile type exif")
    if not isinstance(text, str):
        return b""
    try:
        return bytes.fromhex("".join(text.split("\n")[3:]))  # after its name and length
    except ValueError:
        return text.encode("utf-8", "replace")


def _rebuilt_exif(image: Image.Image) -> bytes | None:
    """EXIF from a TIFF's own tags."""
    try:
        kept = descriptive(image.getexif())
        return kept.tobytes() if len(kept) else None
    except Exception:
        return None  # invalid tags are no reason to refuse the picture


class _Text(str):
    """Text of a tag. Pillow reads it as Latin-1, but would write only ASCII, and "?" for others."""

    __slots__ = ()

    def encode(self, encoding: str = "latin-1", errors: str = "replace") -> bytes:
        """The bytes that were read, whatever Pillow asks for."""
        return super().encode("latin-1", "replace")


def descriptive(exif: Image.Exif) -> Image.Exif:
    """The tags that describe the picture, not the layout of a file."""
    kept = Image.Exif()
    kept.endian = exif.endian  # maker notes may be in the order of the rest
    for tag, value in _texts(exif).items():
        if tag in TIFF_TAGS:
            kept[tag] = value
    for ifd in _TIFF_IFDS:
        values = _texts(exif.get_ifd(ifd))
        if values.pop(_INTEROPERABILITY, None) and (more := exif.get_ifd(_INTEROPERABILITY)):
            values[_INTEROPERABILITY] = _texts(more)  # its position is another one now
        if values:
            kept.get_ifd(ifd).update(values)
            kept[ifd] = 0  # the position, which Pillow fills in
    return kept


def _texts(values: Mapping[int, Any]) -> dict[int, Any]:
    return {tag: _Text(v) if isinstance(v, str) else v for tag, v in values.items()}


def reset_orientation(exif: bytes) -> bytes:
    """`exif` (a TIFF structure) with the orientation of its first directory set to 1.

    Whatever its type was, the entry becomes one 16-bit number. The length and all other bytes stay
    the same. A structure that cannot be read is returned as it is.
    """
    out = bytearray(exif)
    for order, entry, tag, _ in entries(exif, first_directory(exif)):
        if tag == ORIENTATION:
            struct.pack_into(order + "HIHH", out, entry + 2, _SHORT, 1, 1, 0)
    return bytes(out)


def without_thumbnail(exif: bytes) -> bytes:
    """`exif` (a TIFF structure) whose thumbnail is unlinked and overwritten with zeros.

    The length stays the same, so the offsets in maker notes remain right.
    """
    link, (order, second) = second_directory(exif)
    if not second:
        return exif
    out = bytearray(exif)
    struct.pack_into(order + "I", out, link, 0)
    thumbnail = thumbnail_in(exif)
    out[thumbnail] = bytes(len(out[thumbnail]))
    return bytes(out)


def second_directory(exif: bytes) -> tuple[int, tuple[str, int]]:
    """Where the second directory is linked, and that directory; zeros if there is none."""
    order, at = first_directory(exif)
    link = max((at + 12 for _, at, _, _ in entries(exif, (order, at))), default=0)
    return link, (order, _number(exif, order + "I", link) if link else 0)


def thumbnail_in(exif: bytes) -> slice:
    """The part of `exif` that is its thumbnail; empty if there is none."""
    tags = {tag: value for _, _, tag, value in entries(exif, second_directory(exif)[1])}
    start, size = tags.get(_JPEG_AT, 0), tags.get(_JPEG_BYTES, 0)
    return slice(start, start + size if 0 < start < start + size <= len(exif) else start)


def first_directory(exif: bytes) -> tuple[str, int]:
    """Byte order and position of the first directory; an empty order if there is none."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2], "")
    return (order, _number(exif, order + "I", 4)) if order else ("", 0)


def _number(exif: bytes, form: str, at: int) -> int:
    """The number at position `at`, or 0 beyond the end."""
    inside = at + struct.calcsize(form) <= len(exif)
    return int(struct.unpack_from(form, exif, at)[0]) if inside else 0


def entries(exif: bytes, directory: tuple[str, int]) -> Iterator[tuple[str, int, int, int]]:
    """`(byte order, position, tag, value as 32 bits)` of a directory's entries."""
    order, start = directory
    if not order or not start:
        return
    for index in range(_number(exif, order + "H", start)):
        at = start + 2 + 12 * index
        if at + 12 > len(exif):
            return
        tag, _, _, value = struct.unpack_from(order + "HHII", exif, at)
        yield order, at, tag, value


def numbers_in(exif: bytes) -> Iterator[tuple[int, float]]:
    """`(tag, its first number)` of the entries of the first directory; NaN where there is none.

    Not by Pillow, whose versions differ: they would refuse different files.
    """
    exif = without_prefix(exif) or b""
    for order, at, tag, place in entries(exif, first_directory(exif)):
        kind, count = struct.unpack_from(order + "HI", exif, at + 2)
        size = count * VALUE_BYTES.get(kind, 1)
        start = place if size > 4 else at + 8
        if kind in _NUMBERS and count and start + size <= len(exif):
            top, *below = struct.unpack_from(order + _NUMBERS[kind], exif, start)
            yield tag, top / (below[0] or math.nan) if below else top
        else:
            yield tag, math.nan


def resolution_of(
    image: Image.Image, exif: bytes | None, unread: tuple[float, float] | None = None
) -> tuple[float, float] | None:
    """Pixels per inch across and down of a loaded image, from its own fields or its EXIF.

    unread: what its own fields say where Pillow does not read them. None if there is none, and for
    72 x 72, which programs assume anyway.
    """
    dpi = image.info.get("dpi", unread)
    # 1 x 1 is what Pillow says of a TIFF that has none.
    if not isinstance(dpi, tuple) or len(dpi) != 2 or dpi == (1, 1):
        return resolution_in(exif)
    return _resolution(*dpi)


def resolution_in(exif: bytes | None) -> tuple[float, float] | None:
    """Pixels per inch across and down from EXIF, or None."""
    if exif is None:
        return None
    tags = dict(numbers_in(exif))
    factor = {_INCH: 1.0, _CENTIMETRE: 2.54}.get(tags.get(_UNIT, _INCH))
    across, down = tags.get(_X_RESOLUTION), tags.get(_Y_RESOLUTION)
    if factor is None or across is None or down is None:
        return None
    return _resolution(across, down, factor)


def _resolution(across: Any, down: Any, factor: float = 1.0) -> tuple[float, float] | None:
    """Both, rounded to thousandths; whole numbers are restored if metric units moved them."""
    try:
        both = float(across) * factor, float(down) * factor
    except (TypeError, ValueError, ArithmeticError):  # by zero, or too large
        return None
    if not all(0.001 <= v < 1e6 for v in both):  # NaN, too
        return None
    snapped = [round(v) if abs(v - round(v)) < _METRE_STEP else round(v, 3) for v in both]
    return None if snapped == [72, 72] else (float(snapped[0]), float(snapped[1]))


def pack_resolution(resolution: tuple[float, float]) -> bytes:
    """Body of the section: both in thousandths of a pixel per inch, as varints."""
    return b"".join(encode_varint(round(v * 1000)) for v in resolution)


def unpack_resolution(body: bytes) -> tuple[float, float]:
    """Inverse of `pack_resolution`; `BadFile` for an invalid body."""
    across, at = decode_varint(body, 0)
    down, at = decode_varint(body, at)
    if at != len(body) or not across or not down:
        raise BadFile("the resolution section is not as it should be")
    return across / 1000, down / 1000


def xmp_of(image: Image.Image, unread: bytes | None = None) -> bytes | None:
    """XMP packet of a loaded image as UTF-8, with orientation 1, or None.

    unread: the packet, if Pillow has not read it.
    """
    return _XMP_TURNED.sub(rb"\g<1>1", _packet(image, unread)) or None


def _packet(image: Image.Image, unread: bytes | None = None) -> bytes:
    """XMP packet of a loaded image as UTF-8; empty if there is none."""
    raw = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp") or unread
    if isinstance(raw, str):
        raw = raw.encode("utf-8", "replace")
    if not isinstance(raw, bytes):
        return b""
    code = next((code for start, code in _XMP_CODES if raw.startswith(start)), "utf-8")
    return raw.decode(code, "replace").rstrip("\0").encode()


def icc_of(image: Image.Image) -> bytes | None:
    """ICC profile, or None."""
    raw = image.info.get("icc_profile")
    return raw if isinstance(raw, bytes) and raw else None


def comment_of(image: Image.Image) -> bytes | None:
    """Comment as UTF-8, or None: JPEG's COM, GIF's comment, PNG's text chunk "Comment"."""
    raw = image.info.get("comment") or image.info.get("Comment")
    if isinstance(raw, bytes):
        raw = _text(raw)
    if not isinstance(raw, str):
        return None
    return raw.strip("\0 \r\n").encode("utf-8", "replace") or None


def _text(raw: bytes) -> str:
    """Text as UTF-8; if it is not that, it is read as Windows-1252."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")
