"""Metadata that Pillow leaves unread: in JPEG 2000, Photoshop's files and GIF.

JPEG 2000    boxes (ISO 15444-1): `colr` with a profile, `uuid` with EXIF or XMP
PSD          image resources, of which Pillow reads the profile
GIF          application extensions: XMP as one piece, the profile in blocks
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace

from PIL import Image

from tccodec.picture.chunks import box_bodies, gif_blocks
from tccodec.picture.types import Loss

_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EXIF = b"JpgTiffExif->JP2"
_IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
_OWN_BOXES = {b"jP  ", b"ftyp", b"jp2h", b"jp2c", b"rreq", b"free"}
_JXL_BOXES = {b"JXL ", b"ftyp", b"jxlc", b"jxlp", b"jxll", b"jxli", b"jbrd", b"Exif", b"xml "}
_RESOLUTION_ID, _IPTC_ID, _EXIF_ID, _XMP_ID = 1005, 1028, 1058, 1060
_GIF_XMP, _GIF_ICC = b"!\xff\x0bXMP DataXMP", b"!\xff\x0bICCRGBG1012"
_GIF_XMP_END = b"\x01\xff\xfe\xfd"  # of 258 bytes that lead readers of blocks to the end


@dataclass(slots=True)
class Unread:
    """What a file holds besides what is in Pillow's `info`.

    dpi: pixels per inch across and down. losses: what no section holds.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    losses: list[Loss] = field(default_factory=list)


def unread_of(image: Image.Image, data: bytes) -> Unread:
    """The metadata that Pillow has not read. `data`: the bytes of the file, empty if not known.

    What is in `info`, even as empty, was read or is to be left out.
    """
    out = _in_file(image, data)
    return replace(
        out,
        icc=None if "icc_profile" in image.info else out.icc,
        exif=None if "exif" in image.info else out.exif,
        xmp=None if "xmp" in image.info else out.xmp,
    )


def _in_file(image: Image.Image, data: bytes) -> Unread:
    if image.format == "JPEG2000":
        return _of_jpeg_2000(data)
    if image.format == "JXL":
        return _of_jpeg_xl(data)
    if image.format == "PSD":
        return _of_psd(getattr(image, "resources", []))
    return _of_gif(data) if image.format == "GIF" else Unread()


def _of_jpeg_2000(data: bytes) -> Unread:
    out, names, colours = Unread(), [], b""
    for kind, body in box_bodies(data):
        if kind == b"jp2h":
            inner = box_bodies(bytes(body))
            colours = next((bytes(b) for name, b in inner if name == b"colr"), b"")
        elif kind == b"uuid" and body[:16] == _XMP:
            out.xmp = bytes(body[16:])
        elif kind == b"uuid" and body[:16] == _EXIF:
            out.exif = bytes(body[16:])
        elif kind == b"uuid" and body[:16] == _IPTC:
            out.losses.append(Loss("IPTC is left out"))
        elif kind not in _OWN_BOXES:
            names.append(kind.decode("latin-1").strip())
    if colours[:1] in (b"\2", b"\3"):  # the method: a profile
        out.icc = colours[3:]
    return _with_boxes(out, "JPEG 2000", names)


def _of_jpeg_xl(data: bytes) -> Unread:
    out, names, packed, from_jpeg = Unread(), list[str](), list[bytes](), False
    for kind, body in box_bodies(data if data[4:8] == b"JXL " else b""):
        if kind == b"xml " and out.xmp is None:
            out.xmp = bytes(body)
        elif kind == b"brob":
            packed.append(bytes(body[:4]))
        elif kind not in _JXL_BOXES:
            names.append(kind.decode("latin-1").strip())
        from_jpeg |= kind == b"jbrd"  # the plugin makes the JPEG again, with its metadata
    packed = [] if from_jpeg else packed
    return _with_boxes(out, "JPEG XL", [*(p.decode("latin-1").strip() for p in packed), *names])


def _with_boxes(out: Unread, name: str, boxes: list[str]) -> Unread:
    """`out` with the loss of these boxes."""
    if boxes:
        text = f"{name} boxes are left out"
        out.losses.append(Loss(f"{text}: {', '.join(dict.fromkeys(boxes))}", text))
    return out


def _of_psd(resources: list[tuple[int, bytes, bytes]]) -> Unread:
    bodies = {number: body for number, _, body in resources}
    out = Unread(exif=bodies.get(_EXIF_ID), xmp=bodies.get(_XMP_ID))
    resolution = bodies.get(_RESOLUTION_ID, b"")
    if len(resolution) >= 16:
        across, down = struct.unpack(">I4xI4x", resolution[:16])
        out.dpi = across / 65536, down / 65536
    if _IPTC_ID in bodies:
        out.losses.append(Loss("IPTC is left out"))
    return out


def _of_gif(data: bytes) -> Unread:
    out = Unread()
    if (at := data.find(_GIF_XMP)) >= 0 and (end := data.find(_GIF_XMP_END, at)) >= 0:
        out.xmp = data[at + len(_GIF_XMP) : end]
    if (at := data.find(_GIF_ICC)) >= 0:
        out.icc = b"".join(gif_blocks(data, at + len(_GIF_ICC)))
    return out
