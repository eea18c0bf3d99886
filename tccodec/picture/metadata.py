"""EXIF, XMP, ICC and comments: found in Pillow's `info`, brought to one form, kept as bytes.

The orientation is the one field that may not be kept as it is: the pixels are stored upright,
so a viewer must not turn them again. It is set to 1 in place, in EXIF and in XMP, because
writing the whole EXIF anew would move the maker notes, whose offsets only their maker knows.
"""

from __future__ import annotations

import re
import struct

from PIL import ExifTags, Image

EXIF_PREFIX = b"Exif\0\0"
ORIENTATION = 0x0112
# Tags of a TIFF's own directory that describe the picture rather than the file's layout.
_TIFF_TAGS = (270, 271, 272, 282, 283, 296, 305, 306, 315, 33432)
_TIFF_IFDS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
_SHORT, _LONG = 3, 4


def orientation_of(image: Image.Image) -> int:
    """EXIF orientation, 1 .. 8, of a loaded image; 1 when there is none or it makes no sense."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:
        return 1  # an EXIF block that cannot be parsed says nothing about orientation
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def exif_of(image: Image.Image) -> bytes | None:
    """EXIF of a loaded image as a TIFF structure with orientation 1, or None."""
    raw = image.info.get("exif")
    if not isinstance(raw, bytes) or not raw:
        raw = _rebuilt_exif(image)
    if not raw:
        return None
    return reset_orientation(raw.removeprefix(EXIF_PREFIX))


def _rebuilt_exif(image: Image.Image) -> bytes | None:
    """EXIF of formats that keep it elsewhere: a TIFF's own tags, old PNG text chunks."""
    try:
        kept = descriptive(image.getexif())
        return kept.tobytes() if len(kept) else None
    except Exception:
        return None  # odd tags are no reason to refuse the picture


def descriptive(found: Image.Exif) -> Image.Exif:
    """The tags that describe the picture, without those of some file's layout."""
    kept = Image.Exif()
    for tag in _TIFF_TAGS:
        if tag in found:
            kept[tag] = found[tag]
    for ifd in _TIFF_IFDS:
        if values := found.get_ifd(ifd):
            kept[ifd] = dict(values)
    return kept


def reset_orientation(exif: bytes) -> bytes:
    """`exif` (a TIFF structure) with the orientation of its first directory set to 1.

    Same length, every other byte unchanged. What cannot be walked is returned as it is.
    """
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 8:
        return exif
    out = bytearray(exif)
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, number = struct.unpack_from(order + "HHI", exif, entry)
            if tag == ORIENTATION and number == 1 and kind in (_SHORT, _LONG):
                struct.pack_into(order + ("H" if kind == _SHORT else "I"), out, entry + 8, 1)
    except struct.error:
        return exif
    return bytes(out)


def xmp_of(image: Image.Image) -> bytes | None:
    """XMP packet of a loaded image with orientation 1, or None."""
    raw = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if isinstance(raw, str):
        raw = raw.encode("utf-8", "replace")
    if not isinstance(raw, bytes):
        return None
    raw = raw.rstrip(b"\0")
    return re.sub(rb'(tiff:Orientation(?:="|>))[2-8]', rb"\g<1>1", raw) or None


def icc_of(image: Image.Image) -> bytes | None:
    """ICC profile, or None."""
    raw = image.info.get("icc_profile")
    return raw if isinstance(raw, bytes) and raw else None


def comment_of(image: Image.Image) -> bytes | None:
    """Comment as UTF-8, or None: JPEG's COM, GIF's comment, PNG's text chunk "Comment"."""
    raw = image.info.get("comment") or image.info.get("Comment")
    if isinstance(raw, bytes):
        raw = raw.decode("utf-8", "replace")
    if not isinstance(raw, str):
        return None
    return raw.strip("\0 \r\n").encode("utf-8") or None
