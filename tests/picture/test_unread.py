"""Metadata that Pillow leaves unread: kept, or said to be lost."""

from __future__ import annotations

import struct

import numpy as np
from PIL import Image

from tccodec.picture import Picture, from_image, read_picture
from tccodec.picture.icc import make_profile
from tccodec.picture.unread import Unread, unread_of
from tests.support.pictures import PHOTO, saved

IMAGE = Image.fromarray(PHOTO)
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
UPRIGHT = XMP.replace(b'"6"', b'"1"')
P3 = make_profile(primaries=(0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06), curve=None)
EXIF = b"II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"  # orientation 6, which says nothing
XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), kind) + body


def jpeg_2000(colours: bytes, *more: bytes) -> bytes:
    """A JP2 with another `colr` box, and with boxes before the picture."""
    data = saved(IMAGE, "JPEG2000")
    at, header, picture = (data.index(kind) - 4 for kind in (b"colr", b"jp2h", b"jp2c"))
    inner = data[header + 8 : at] + box(b"colr", colours) + data[at + 15 : picture]
    return data[:header] + box(b"jp2h", inner) + b"".join(more) + data[picture:]


def psd(resources: dict[int, bytes]) -> bytes:
    """A file of 8 x 6 pixels."""
    body = b"".join(
        struct.pack(">4sHHI", b"8BIM", number, 0, len(value)) + value + bytes(len(value) % 2)
        for number, value in resources.items()
    )
    start = struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, 6, 8, 8, 3)
    return start + bytes(4) + struct.pack(">I", len(body)) + body + bytes(6) + bytes(range(48)) * 3


def is_upright(picture: Picture) -> bool:
    """Whether EXIF and XMP are those above, with orientation 1."""
    return picture.xmp == UPRIGHT and picture.exif == EXIF.replace(b"\6", b"\1")


def test_jpeg_2000_keeps_its_profile() -> None:
    for method in (b"\2\0\0", b"\3\0\0"):
        picture = read_picture(jpeg_2000(method + P3))
        assert picture.icc == P3 and (picture.rgb == PHOTO).all() and picture.losses == ()
    assert read_picture(jpeg_2000(b"\1\0\0" + struct.pack(">I", 16))).icc is None
    grey = make_profile(primaries=None, curve=np.linspace(0, 1, 9))
    assert read_picture(jpeg_2000(b"\2\0\0" + grey)).losses == (
        "ICC profile left out: it is for GRAY colours",
    )


def test_boxes_of_jpeg_2000_are_kept_or_said() -> None:
    exif = box(b"uuid", b"JpgTiffExif->JP2" + EXIF)
    iptc = box(b"uuid", bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38") + b"caption")
    others = box(b"xml ", b"<a/>"), box(b"uuid", bytes(20))
    sides = b"\1\0\0" + struct.pack(">I", 16)
    picture = read_picture(jpeg_2000(sides, exif, box(b"uuid", XMP_BOX + XMP), iptc, *others))
    assert is_upright(picture) and (picture.rgb == PHOTO).all()
    assert picture.losses == ("IPTC is left out", "JPEG 2000 boxes are left out: xml, uuid")


def test_boxes_of_jpeg_xl_are_kept_or_said() -> None:
    image = Image.new("L", (1, 1))
    image.format = "JXL"
    start = box(b"JXL ", b"\r\n\x87\n") + box(b"ftyp", b"jxl ") + box(b"jxlc", bytes(9))
    packed = box(b"brob", b"Exif...") + box(b"brob", b"xml ...") + box(b"jumb", b"")
    unread = unread_of(image, start + box(b"Exif", bytes(4) + EXIF) + box(b"xml ", XMP) + packed)
    assert unread.xmp == XMP and unread.losses == ["JPEG XL boxes are left out: Exif, xml, jumb"]
    assert unread_of(image, b"\xff\x0a" + bytes(50)) == Unread()
    assert unread_of(image, start + packed[:15] + box(b"jbrd", b"")) == Unread()  # read as a JPEG


def test_a_jpeg_xl_is_turned_by_its_plugin_alone() -> None:
    image = IMAGE.copy()
    image.format, image.info["exif"] = "JXL", EXIF
    picture = from_image(image)
    assert picture.rgb.shape == PHOTO.shape and picture.exif == EXIF.replace(b"\6", b"\1")
    image.jpeg = True  # pillow_jxl's, for one that was a JPEG
    assert from_image(image).rgb.shape == (64, 48, 3)


def test_resources_of_photoshop_are_kept_or_said() -> None:
    resolution = struct.pack(">IHHIHH", 300 << 16, 1, 1, 150 << 16, 1, 1)
    picture = read_picture(psd({1005: resolution, 1028: b"caption", 1058: EXIF, 1060: XMP}))
    assert is_upright(picture) and picture.rgb.shape == (6, 8, 3)
    assert picture.resolution == (300.0, 150.0) and picture.losses == ("IPTC is left out",)
    assert read_picture(psd({1005: b"short"})).resolution is None


def test_extensions_of_gif_are_kept() -> None:
    gif = saved(IMAGE, "GIF")
    xmp = b"!\xff\x0bXMP DataXMP" + XMP + b"\1" + bytes(range(255, -1, -1)) + b"\0"
    blocks = b"".join(bytes([len(b)]) + b for b in (P3[:255], P3[255:500], P3[500:])) + b"\0"
    picture = read_picture(gif[:-1] + xmp + b"!\xff\x0bICCRGBG1012" + blocks + b";")
    assert picture.xmp == UPRIGHT and picture.icc == P3 and picture.losses == ()
    assert (picture.rgb == read_picture(gif).rgb).all()
