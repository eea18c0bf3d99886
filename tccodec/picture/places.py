"""Where a picture was taken, left out of its EXIF and XMP."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from PIL import ExifTags

from tccodec.picture.metadata import (
    ORIENTATION,
    VALUE_BYTES,
    entries,
    first_directory,
    parsed,
    second_directory,
    thumbnail_in,
    without_thumbnail,
)

_POSITIONS = 0x8825  # the tag that points to the directory with GPS positions
_POINTER = ((4, 1), (13, 1))  # types and counts that such a tag may have
_PACKETS = (700, 33723, 34377)  # XMP, IPTC, and Photoshop's data with IPTC in them
_MARKS = (b"Exif\0", b"http://ns.adobe.com/", b"Photoshop 3.0\0")  # of metadata in a JPEG
# Names of XMP properties that say where: IPTC's, and positions, also those of drones.
_PLACES = (
    rb"(?i:\w*(?:gps|latitude|longt?itude)\w*|lat|lon|long|lng|coverage|city|state|country"
    rb"|countrycode|countryname|location|locationcreated|locationshown|locationid|locationname"
    rb"|sublocation|provincestate|worldregion|shotlocation)"
)
# All of these take time in proportion to the bytes, whatever they are.
_PLACE_TAG = re.compile(
    rb"<(/?)((?:[\w.-]+:)?" + _PLACES + rb""")(?=[\s/>])(?:[^<>"']|"[^"<]*"|'[^'<]*')*+>"""
)
_PLACE_ATTRIBUTE = re.compile(
    rb"(?<!\s)\s++[\w.-]+:" + _PLACES + rb"""\s*+=\s*+(?:"[^"]*"|'[^']*')"""
)
_PLACE_LEFT = re.compile(rb"[<\s][\w.-]+:" + _PLACES + rb"(?=[\s=/>])")


def without_positions(exif: bytes) -> bytes | None:
    """`exif` (a TIFF structure) without GPS positions; None if it can only be left out whole.

    Their entry is removed, and their directory and its values are overwritten with zeros. The
    length stays the same, so the offsets in maker notes remain right. A thumbnail with metadata of
    its own goes, too. Left out whole is EXIF with positions in other directories, or with XMP or
    IPTC in it. Values that overlap others, and more than one directory of positions, are only found
    in files that were made to do harm.
    """
    if any(mark in exif[thumbnail_in(exif)] for mark in _MARKS):
        exif = without_thumbnail(exif)
    order, start = first_directory(exif)
    own = list(entries(exif, (order, start)))
    out = bytearray(exif)
    positions = [(at, place) for _, at, tag, place in own if tag == _POSITIONS]
    more = next((value for _, _, tag, value in own if tag == ExifTags.IFD.Exif), 0)
    others = [*entries(exif, (order, more)), *entries(exif, second_directory(exif)[1])]
    named = [tag for _, _, tag, _ in others] + [tag for _, _, tag, _ in own if tag in _PACKETS]
    if len(positions) > 1 or not {_POSITIONS, *_PACKETS}.isdisjoint(named):
        return None
    for at, place in positions:
        if struct.unpack_from(order + "HI", exif, at + 2) not in _POINTER:
            return None
        parts = list(_parts(exif, (order, place)))
        if _overlap(parts, [*_parts(exif, (order, start)), *_parts(exif, (order, more))]):
            return None
        for first, end in parts:
            out[first:end] = bytes(end - first)
        end = own[-1][1] + 16  # after the link to the next directory
        out[at:end] = out[at + 12 : end] + bytes(12)
        struct.pack_into(order + "H", out, start, len(own) - 1)
    kept = bytes(out[: len(exif)])
    tags = parsed(kept)
    damaged = len(tags) < len(parsed(exif)) - len(positions) or tags.get(ORIENTATION, 1) != 1
    return None if damaged or tags.get_ifd(_POSITIONS) else kept


def _parts(exif: bytes, directory: tuple[str, int]) -> Iterator[tuple[int, int]]:
    """`(start, end)` of a directory's entries, and of their values, as far as they are inside."""
    for order, at, _, value in entries(exif, directory):
        kind, count = struct.unpack_from(order + "HI", exif, at + 2)
        size = count * VALUE_BYTES.get(kind, 1)
        yield at, at + 12
        if size > 4 and value < len(exif):
            yield value, min(value + size, len(exif))


def _overlap(parts: list[tuple[int, int]], others: list[tuple[int, int]]) -> bool:
    """Whether any of the `parts` overlaps another of them or one of the `others`."""
    end_of_parts = end_of_all = 0
    marked = [(start, end, True) for start, end in parts]
    for start, end, is_part in sorted(marked + [(start, end, False) for start, end in others]):
        if start < (end_of_all if is_part else end_of_parts):
            return True
        end_of_all = max(end_of_all, end)
        if is_part:
            end_of_parts = end
    return False


def xmp_without_positions(xmp: bytes) -> bytes | None:
    """XMP without GPS positions and names of places; None if it can only be left out whole.

    Those are properties such as `exif:GPSLatitude`, `photoshop:City`, `Iptc4xmpCore:Location` and
    `Iptc4xmpExt:LocationShown`, with any prefix. Free text, such as titles and keywords, stays.
    """
    kept = _without_elements(xmp)
    if kept is None:
        return None
    kept = _PLACE_ATTRIBUTE.sub(b"", kept)
    # A zero byte is in no text: names behind one were not seen.
    return None if b"GPS" in kept or b"\0" in kept or _PLACE_LEFT.search(kept) else kept


def _without_elements(xmp: bytes) -> bytes | None:
    """XMP without the elements named in `_PLACES`; None if one is not closed."""
    kept, at, name, depth = bytearray(), 0, b"", 0
    for tag in _PLACE_TAG.finditer(xmp):
        closing, empty = bool(tag[1]), tag[0].endswith(b"/>")
        if not depth:
            if closing:
                return None
            kept += xmp[at : tag.start()]
            at, name, depth = tag.end(), tag[2], 0 if empty else 1
        elif tag[2] == name and not empty:
            depth += -1 if closing else 1
            at = tag.end()
    return None if depth else bytes(kept + xmp[at:])
