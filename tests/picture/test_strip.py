"""Metadata that is left out on request."""

from __future__ import annotations

import io
import struct
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from tccodec.container.sections import STRIPPABLE
from tccodec.errors import BadPicture
from tccodec.picture import Picture, read_picture, to_image
from tccodec.picture.icc import make_profile
from tccodec.picture.metadata import parsed
from tccodec.picture.places import without_positions, xmp_without_positions
from tccodec.picture.strip import stripped
from tests.support.pictures import gradient, picture

FileOf = Callable[..., bytes]
GPS = {1: "N", 2: (48.0, 51.0, 29.5), 3: "E", 4: (2.0, 17.0, 40.25), 29: "2026:05:06"}
P3 = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)  # white, red, green, blue


def exif_with_positions() -> Image.Exif:
    out = Image.Exif()
    out[0x010F] = "Maker of cameras"
    out[0x8769] = {0x927C: b"maker\0note", 0x9003: "2026:01:02 03:04:05"}
    out[ExifTags.IFD.GPSInfo] = GPS
    out[0x9C9B] = b"a tag after the positions"
    return out


@pytest.fixture
def photo(file_of: FileOf, srgb_icc: bytes) -> Picture:
    """A picture with everything that can be stripped."""
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a exif:GPSLatitude="48,51.5N"/></x:xmpmeta>'
    return read_picture(
        file_of(
            picture(),
            "JPEG",
            exif=exif_with_positions().tobytes(),
            icc_profile=srgb_icc,
            xmp=xmp,
            comment=b"a comment",
        )
    )


@pytest.mark.parametrize("kind", STRIPPABLE)
def test_one_kind_goes_and_the_others_stay(photo: Picture, kind: str) -> None:
    kept = stripped(photo, [kind])
    for name in ("exif", "xmp", "icc", "comment"):
        if name == kind:
            assert getattr(kept, name) is None
        elif kind == "gps" and name in ("exif", "xmp"):
            assert getattr(kept, name) not in (None, getattr(photo, name))
        else:
            assert getattr(kept, name) == getattr(photo, name)
    assert (kept.rgb == photo.rgb).all()


def test_positions_go_and_the_rest_of_exif_stays(photo: Picture) -> None:
    assert photo.exif is not None
    kept = without_positions(photo.exif)
    assert kept is not None and len(kept) == len(photo.exif)
    before, after = parsed(photo.exif), parsed(kept)
    assert before.get_ifd(ExifTags.IFD.GPSInfo)[2] == (48.0, 51.0, 29.5)
    assert set(before) - set(after) == {ExifTags.IFD.GPSInfo}
    assert {tag: before[tag] for tag in after} == dict(after)
    assert after.get_ifd(ExifTags.IFD.Exif)[0x927C] == b"maker\0note"
    assert after.get_ifd(ExifTags.IFD.Exif)[0x9003] == "2026:01:02 03:04:05"
    for value in (struct.pack(">II", 295, 10), struct.pack("<II", 295, 10), b"2026:05:06"):
        assert value not in kept
    assert without_positions(kept) == kept


def test_exif_whose_positions_overlap_other_tags_goes_whole(photo: Picture) -> None:
    assert photo.exif is not None
    order = "<" if photo.exif.startswith(b"II") else ">"
    hostile = bytearray(photo.exif)
    at = hostile.index(struct.pack(order + "HHI", 0x8825, 4, 1))
    (start,) = struct.unpack_from(order + "I", hostile, 4)
    struct.pack_into(order + "I", hostile, at + 8, start)  # the first directory itself
    assert without_positions(bytes(hostile)) is None
    kept = stripped(replace(photo, exif=bytes(hostile)), ["gps"])
    assert kept.exif is None
    assert kept.losses == ("EXIF left out: its positions cannot be removed alone",)
    assert not stripped(replace(photo, exif=bytes(hostile)), ["exif", "gps"]).losses


def tiff(*directories: list[tuple[int, int, int, int]], size: int = 0) -> bytes:
    """Directories of entries `(tag, type, count, value)` one after the other, and zeros after."""
    out = b"II*\0" + struct.pack("<I", 8)
    for entries in directories:
        body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
        out += struct.pack("<H", len(entries)) + body + bytes(4)
    return out.ljust(size, b"x")


POSITIONS, EXIF = 0x8825, 0x8769


@pytest.mark.parametrize(
    ("name", "exif", "whole"),
    [
        ("apart", tiff([(POSITIONS, 4, 1, 26)], [(1, 2, 9, 60), (3, 2, 9, 69)], size=99), False),
        (
            "each other",
            tiff([(POSITIONS, 4, 1, 26)], [(1, 2, 9, 60), (3, 2, 9, 68)], size=99),
            True,
        ),
        ("two directories", tiff([(POSITIONS, 4, 1, 26)] * 2, [(1, 2, 9, 70)], size=99), True),
        ("maker", tiff([(271, 2, 9, 70), (POSITIONS, 4, 1, 38)], [(1, 2, 9, 75)], size=99), True),
        (
            "notes",
            tiff(
                [(POSITIONS, 4, 1, 38), (EXIF, 4, 1, 56)],
                [(1, 2, 9, 80)],
                [(37500, 7, 20, 75)],
                size=99,
            ),
            True,
        ),
        ("in other directory", tiff([(EXIF, 4, 1, 26)], [(POSITIONS, 4, 1, 44)], size=99), True),
        ("16 bits", tiff([(POSITIONS, 3, 1, 26)], [(1, 2, 9, 60)], size=99), True),
        ("XMP", tiff([(700, 1, 9, 60)], size=99), True),
        ("IPTC", tiff([(33723, 7, 9, 60)], size=99), True),
        ("beyond the end", tiff([(POSITIONS, 4, 1, 26)], [(1, 2, 2**31, 60)], size=99), False),
    ],
)
def test_exif_whose_positions_overlap_anything_goes_whole(
    name: str, exif: bytes, whole: bool
) -> None:
    kept = without_positions(exif)
    assert (kept is None) == whole, name
    assert kept is None or not any(kept[60:69])


def test_positions_beside_the_thumbnail_go() -> None:
    second = [(513, 4, 1, 56), (514, 4, 1, 30)]
    exif = bytearray(tiff([(271, 2, 4, 0x61)], second, size=56))
    struct.pack_into("<I", exif, 22, 26)
    plain = bytes(exif) + b"\xff\xd8 a small picture ".ljust(30)
    assert without_positions(plain) == plain
    inner = bytes(exif) + b"\xff\xd8\xff\xe1\0\x20Exif\0\0and where".ljust(30)
    kept = without_positions(inner)
    assert kept is not None and len(kept) == len(inner) and b"where" not in kept
    assert parsed(kept)[271] == parsed(plain)[271]
    struct.pack_into("<H", exif, 28, POSITIONS)
    assert without_positions(bytes(exif)) is None


def test_many_positions_take_no_time() -> None:
    start = time.process_time()
    assert without_positions(tiff([(POSITIONS, 4, 1, 8)] * 1400)) is None
    values = [(tag, 2, 1 << 20, 1000) for tag in range(200)]
    assert without_positions(tiff([(POSITIONS, 4, 1, 26)], values, size=1 << 21)) is None
    for text in (b"<a:GPSx ", b"<a:GPSx>", b"<a:City '", b" ", b" a:City=", b"GPS", b" a:"):
        xmp_without_positions(text * (1 << 14))
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    ("xmp", "kept"),
    [
        (b'<a exif:GPSLatitude="48,51N" b:c="1"/>', b'<a b:c="1"/>'),
        (b"<a><exif:GPSAltitude>35/1</exif:GPSAltitude><b/></a>", b"<a><b/></a>"),
        (b"<a><exif:GPSAltitude/></a>", b"<a></a>"),
        (b"<a><b>GPSLatitude</b></a>", None),
        (b"<a/>", b"<a/>"),
        (b'<a photoshop:City="Paris" photoshop:Credit="c"/>', b'<a photoshop:Credit="c"/>'),
        (b"<a p:State='S'\n\tp:Country = 'F' c:CountryCode=\"FR\" c:Location=''/>", b"<a/>"),
        (b"<a><p:City>Paris</p:City><p:CityHall/></a>", b"<a><p:CityHall/></a>"),
        (
            b'<a d:GpsLatitude="48.85" d:Longtitude="2" d:Longitude="2" d:Speed="1"/>',
            b'<a d:Speed="1"/>',
        ),
        (
            b"<a><e:LocationShown><rdf:Bag><rdf:li e:City='Paris' e:LocationName='Louvre'>"
            b"<e:LocationShown/></rdf:li></rdf:Bag></e:LocationShown><dc:title>t</dc:title></a>",
            b"<a><dc:title>t</dc:title></a>",
        ),
        (b"<a><e:LocationCreated>Paris</a>", None),
        (b"<a>Paris</e:LocationCreated></a>", None),
        (b'<a p:City="Paris/>', None),
        (b"<a><City >Paris</City ></a>", b"<a></a>"),
        (b"<c:CreatorContactInfo c:CiAdrCity='Paris'/>",) * 2,
        (b"<a p:C\0i\0t\0y\0='Paris'/>", None),
    ],
)
def test_positions_in_xmp(xmp: bytes, kept: bytes | None) -> None:
    assert xmp_without_positions(xmp) == kept


def test_colours_of_another_profile_are_converted(file_of: FileOf) -> None:
    profile = make_profile(primaries=P3, curve=None)
    image = Image.fromarray(gradient(24, 40))
    before = read_picture(file_of(image, "PNG", icc_profile=profile))
    after = stripped(before, ["icc"])
    assert after.icc is None and "converted to sRGB" in after.notes[-1]
    wanted = ImageCms.profileToProfile(
        image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), 1
    )
    assert wanted is not None
    assert np.abs(after.rgb.astype(int) - np.asarray(wanted)).max() == 0
    assert np.abs(after.rgb.astype(int) - before.rgb).max() > 20


def test_a_grey_picture_stays_grey(file_of: FileOf) -> None:
    curve = np.linspace(0, 1, 256) ** 1.4
    grey = picture().convert("L")
    profile = make_profile(primaries=None, curve=curve)
    after = stripped(read_picture(file_of(grey, "PNG", icc_profile=profile)), ["icc"])
    assert after.grey and (after.rgb == after.rgb[:, :, :1]).all()
    assert to_image(after).mode == "L" and after.rgb.mean() > np.asarray(grey).mean() + 5


def test_a_profile_that_cannot_be_applied_is_refused(file_of: FileOf) -> None:
    broken = make_profile(primaries=P3, curve=None)[:200]
    hdr = make_profile(primaries=P3, curve=None, cicp=bytes((9, 16, 0, 1)))
    for profile, reason in ((broken, "no conversion to sRGB"), (hdr, "HDR")):
        with pytest.raises(BadPicture, match=reason):
            stripped(read_picture(file_of(picture(), "PNG", icc_profile=profile)), ["icc"])
