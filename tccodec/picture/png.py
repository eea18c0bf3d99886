"""PNG and Netpbm files written strip by strip; no library does that without the whole picture.

Decoded photographs have noise but no repetition. So every row gets the Paeth filter and zlib looks
for runs only, which takes a third of the time of Pillow's writer at level 4, for about the same
size.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np

from tccodec.picture.icc import cicp_of
from tccodec.picture.metadata import is_tiff
from tccodec.picture.types import Loss, Pixels, Strips, planes_of

PNG_ICC = 1 << 20  # bytes of a profile; Pillow refuses files with larger ones
_PNG_TEXT = 60_000_000  # bytes of all text, likewise
_METRE = 0.0254  # metres per inch
_PAETH = 4  # the number of the filter in PNG
_COLOURS = {1: 0, 2: 4, 3: 2, 4: 6}  # samples per pixel -> PNG's colour type


def fit_for_png(strips: Strips) -> tuple[Strips, list[Loss]]:
    """The picture with only the metadata that a PNG can hold, and the losses."""
    unfit: dict[str, bytes] = {}
    if strips.exif and not is_tiff(strips.exif):
        unfit["exif"] = strips.exif
    if strips.icc and len(strips.icc) > PNG_ICC:
        unfit["icc_profile"] = strips.icc
    if len(strips.xmp or b"") + len(strips.comment or b"") > _PNG_TEXT:
        unfit["comment"] = strips.comment or b""
    removed: dict[str, Any] = {"icc": None} if "icc_profile" in unfit else {}
    removed |= {name: None for name in ("exif", "comment") if name in unfit}
    return replace(strips, **removed), metadata_losses("PNG", unfit)


def metadata_losses(kind: str, names: Iterable[str]) -> list[Loss]:
    """The losses for metadata, by their names in Pillow's `info`, that a format cannot hold."""
    names_shown = {"icc_profile": "ICC profile", "exif": "EXIF", "xmp": "XMP", "dpi": "resolution"}
    listed = ", ".join(names_shown.get(name, name) for name in names)
    return [Loss(f"left out, as {kind} cannot hold it here: {listed}")] if listed else []


def write_png(strips: Strips, out: BinaryIO) -> None:
    """Write an 8-bit PNG of mode L, LA, RGB or RGBA with all metadata; `out` need not seek."""
    samples = (1 if strips.one_channel else 3) + (strips.alpha is not None)
    out.write(b"\x89PNG\r\n\x1a\n")
    size = struct.pack(">II", strips.width, strips.height)
    _chunk(out, b"IHDR", size + bytes([8, _COLOURS[samples], 0, 0, 0]))
    signal = cicp_of(strips.icc) if strips.icc else None
    if signal:
        _chunk(out, b"cICP", signal)
    if strips.icc:
        _chunk(out, b"iCCP", b"ICC Profile\0\0" + zlib.compress(strips.icc))
    if strips.resolution:
        metres = [round(v / _METRE) for v in strips.resolution]
        _chunk(out, b"pHYs", struct.pack(">IIB", *metres, 1))
    if strips.exif:
        _chunk(out, b"eXIf", strips.exif)
    for keyword, text in ((b"XML:com.adobe.xmp", strips.xmp), (b"Comment", strips.comment)):
        if text:
            valid = text.decode("utf-8", "replace").encode()
            _chunk(out, b"iTXt", keyword + b"\0\0\0\0\0" + valid)
    packer = zlib.compressobj(2, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    above = np.zeros((1, strips.width * samples), np.uint8)
    y = 0
    for rgb in strips.rows:
        planes = planes_of(rgb, strips)
        if strips.alpha is not None:
            planes = np.concatenate([planes, strips.alpha[y : y + len(rgb), :, None]], 2)
        rows = planes.reshape(len(rgb), -1)
        _chunk(out, b"IDAT", packer.compress(_filtered(rows, above, samples).data))
        above = rows[-1:]
        y += len(rgb)
    _chunk(out, b"IDAT", packer.flush())
    _chunk(out, b"IEND", b"")


def write_netpbm(strips: Strips, out: BinaryIO, *, grey: bool) -> None:
    """Write a binary PPM, or a PGM of a grey picture; neither holds alpha or metadata."""
    kind, channels = (b"P5", 1) if grey else (b"P6", 3)
    out.write(b"%s\n%d %d\n255\n" % (kind, strips.width, strips.height))
    for rgb in strips.rows:
        planes = np.broadcast_to(planes_of(rgb, strips), (*rgb.shape[:2], channels))
        out.write(np.ascontiguousarray(planes).data)


def _chunk(out: BinaryIO, kind: bytes, body: bytes) -> None:
    if body or kind == b"IEND":
        checksum = zlib.crc32(body, zlib.crc32(kind))
        out.write(struct.pack(">I", len(body)) + kind)
        out.write(body)
        out.write(struct.pack(">I", checksum))


def _filtered(rows: Pixels, above: Pixels, samples: int) -> Pixels:
    """Filtered rows `(r, 1 + n)`, type first, of rows `(r, n)` and the row above, `(1, n)`."""
    up = np.concatenate([above, rows[:-1]])
    left, corner = np.zeros_like(rows), np.zeros_like(rows)
    left[:, samples:], corner[:, samples:] = rows[:, :-samples], up[:, :-samples]
    # The neighbour nearest to left + up - corner; ties in this order.
    a, b, c = (t.astype(np.int16) for t in (left, up, corner))
    to_left, to_up, to_corner = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    predicted = np.where(to_up <= to_corner, up, corner)
    predicted = np.where((to_left <= to_up) & (to_left <= to_corner), left, predicted)
    out = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
    out[:, 0] = _PAETH
    np.subtract(rows, predicted, out=out[:, 1:])
    return out
