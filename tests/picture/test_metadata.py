"""Orientation applied exactly once; ICC, EXIF, XMP and comments kept as bytes."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageOps

from tccodec.picture import from_image, read_picture, save_image, to_image
from tccodec.picture.metadata import numbers_in, parsed, reset_orientation
from tests.support.pictures import gradient

FileOf = Callable[..., bytes]
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
UPRIGHT = XMP.replace(b'"6"', b'"1"')


def exif(orientation: int, *, maker: bytes = b"maker\0note") -> Image.Exif:
    out = Image.Exif()
    out[0x0112] = orientation
    out[0x010F] = "Maker of cameras"
    out[0x8769] = {0x927C: maker, 0x9003: "2026:01:02 03:04:05"}
    return out


def source(orientation: int) -> Image.Image:
    """An image that shows `gradient(24, 40)` once its orientation is applied."""
    back = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)
    image = Image.fromarray(gradient(24, 40))
    image.getexif()[0x0112] = back
    return ImageOps.exif_transpose(image)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_orientation_is_applied_once(orientation: int, kind: str, file_of: FileOf) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    if kind in ("JPEG", "AVIF"):
        options = {"quality": 100, "subsampling": "4:4:4"}
    data = file_of(source(orientation), kind, exif=exif(orientation).tobytes(), **options)
    picture = read_picture(data)
    assert picture.rgb.shape == (24, 40, 3)
    wanted = gradient(24, 40).astype(int)
    assert np.abs(picture.rgb - wanted).mean() < 3
    # What comes out says "upright", so no viewer turns it again.
    again, _ = save_image(to_image(picture), "png")
    with Image.open(io.BytesIO(again)) as out:
        assert out.getexif().get(0x0112, 1) == 1
        assert np.abs(np.asarray(ImageOps.exif_transpose(out)) - wanted).mean() < 3


def test_exif_keeps_every_other_byte(file_of: FileOf) -> None:
    raw = exif(6).tobytes()
    data = file_of(source(6), "JPEG", exif=raw)
    kept = read_picture(data).exif
    assert kept is not None
    plain = raw.removeprefix(b"Exif\0\0")
    changed = [i for i in range(len(plain)) if plain[i] != kept[i]]
    assert len(kept) == len(plain) and len(changed) == 1


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [3, 4])
def test_reset_orientation_by_hand(order: str, kind: int) -> None:
    import struct

    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)
    value = struct.pack(order + ("HH" if kind == 3 else "I"), *([8, 0] if kind == 3 else [8]))
    entry = struct.pack(order + "HHI", 0x0112, kind, 1) + value
    block = start + struct.pack(order + "H", 1) + entry + bytes(4)
    out = reset_orientation(block)
    parsed = Image.Exif()
    parsed.load(b"Exif\0\0" + out)
    assert parsed[0x0112] == 1 and len(out) == len(block)


@pytest.mark.parametrize(
    "block",
    [b"", b"II", b"II*\0", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff", b"junk" * 9],
)
def test_reset_orientation_leaves_what_it_cannot_walk(block: bytes) -> None:
    assert reset_orientation(block) == block


@pytest.mark.parametrize(
    "form", [b'tiff:Orientation="6"', b"tiff:Orientation='6'", b'tiff:Orientation\n = "6"']
)
@pytest.mark.parametrize("alone", [True, False])
def test_orientation_in_xmp(form: bytes, alone: bool, file_of: FileOf) -> None:
    given = XMP.replace(b'tiff:Orientation="6"', form)
    options = {} if alone else {"exif": exif(6)}
    picture = read_picture(file_of(source(6), "WEBP", lossless=True, xmp=given, **options))
    assert (picture.rgb == gradient(24, 40)).all()
    assert picture.xmp == given.replace(b"6", b"1")


@pytest.mark.parametrize("code", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_xmp_of_any_encoding_becomes_utf8(code: str, file_of: FileOf) -> None:
    data = file_of(source(6), "WEBP", lossless=True, xmp=XMP.decode().encode(code))
    picture = read_picture(data)
    assert (picture.rgb == gradient(24, 40)).all()
    assert picture.xmp == UPRIGHT


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "AVIF"])
def test_metadata_survives_both_ways(kind: str, file_of: FileOf, srgb_icc: bytes) -> None:
    """kind -> Picture -> kind -> Picture: the same ICC, EXIF and XMP."""
    image = Image.fromarray(gradient(24, 40))
    image.info |= {"icc_profile": srgb_icc, "exif": exif(1).tobytes(), "xmp": UPRIGHT}
    moved = ["maker notes are kept at another place, where parts of them may be unreadable"]
    first, notes = save_image(image, kind)
    assert notes == (moved if kind == "TIFF" else [])
    picture = read_picture(first)
    assert (picture.icc, picture.xmp) == (srgb_icc, UPRIGHT)
    assert picture.exif is not None
    parsed = Image.Exif()
    parsed.load(picture.exif)
    assert parsed[0x010F] == "Maker of cameras"
    assert parsed.get_ifd(0x8769)[0x927C] == b"maker\0note"
    second, again = save_image(to_image(picture), kind)
    assert again == notes
    after = read_picture(second)
    assert (after.icc, after.xmp) == (picture.icc, picture.xmp)
    if kind != "TIFF":  # a TIFF's own tags are written anew
        assert after.exif == picture.exif


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_comment(kind: str) -> None:
    image = Image.fromarray(gradient(24, 40))
    image.info["comment"] = "grüße".encode()
    data, _ = save_image(image, kind)
    assert read_picture(data).comment == "grüße".encode()


def test_exif_in_an_old_png_text_chunk(file_of: FileOf) -> None:
    from PIL.PngImagePlugin import PngInfo

    raw = exif(3).tobytes()
    text = PngInfo()
    text.add_text("Raw profile type exif", f"\nexif\n{len(raw):8}\n{raw.hex()}\n", zip=True)
    picture = read_picture(file_of(source(3), "PNG", pnginfo=text))
    assert (picture.rgb == gradient(24, 40)).all()
    assert picture.exif == exif(1).tobytes().removeprefix(b"Exif\0\0")  # every byte
    text = PngInfo()
    text.add_text("Raw profile type exif", "\nexif\n4\nzz")
    losses = read_picture(file_of(source(1), "PNG", pnginfo=text)).losses
    assert losses == ("EXIF left out: it cannot be read",)


def test_exif_that_is_written_anew_keeps_texts_and_directories() -> None:
    """From EXIF to the tags of a TIFF, and back: letters beyond ASCII, and what lies deeper."""
    own = {0x010F: "Jürgen", 0x4746: 5, 0x9C9B: "Titel\0".encode("utf-16-le")}
    given = Image.Exif()
    for tag, value in own.items():
        given[tag] = value.encode() if isinstance(value, str) else value
    given[0x8769] = {0x9003: "2026:01:02 03:04:05", 0xA005: {1: "R98"}}
    given[0x8825] = {1: "N", 2: (48.0, 51.0, 29.5)}
    given[50341] = b"PrintIM"
    image = Image.fromarray(gradient(24, 40))
    image.info["exif"] = given.tobytes()
    data, losses = save_image(image, "tiff")
    assert losses == ["EXIF tags are left out: private ones"]
    for exif in (None, read_picture(data).exif):
        with Image.open(io.BytesIO(data)) as tiff, warnings.catch_warnings(action="error"):
            found = tiff.getexif() if exif is None else parsed(exif)
            assert {tag: found[tag] for tag in own} == own | {
                0x010F: "Jürgen".encode().decode("latin-1")
            }
            assert found.get_ifd(0x8769)[0x9003] == "2026:01:02 03:04:05"
            assert found.get_ifd(0xA005) == {1: "R98"}
            assert found.get_ifd(0x8825) == {1: "N", 2: (48.0, 51.0, 29.5)}


@pytest.mark.parametrize("junk", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"nonsense"])
def test_damaged_exif_does_not_refuse_the_picture(junk: bytes) -> None:
    image = Image.fromarray(gradient(24, 40))
    image.info["exif"] = junk
    picture = from_image(image)
    assert (picture.rgb == gradient(24, 40)).all()
    for kind in ("png", "tiff", "webp"):
        save_image(to_image(picture), kind)


def test_metadata_too_large_for_jpeg_is_said() -> None:
    image = Image.fromarray(gradient(24, 40))
    image.info |= {"exif": exif(1, maker=bytes(70_000)).tobytes(), "xmp": XMP + b" " * 70_000}
    data, notes = save_image(image, "jpeg")
    assert len(notes) == 1 and "EXIF" in notes[0] and "XMP" in notes[0]
    assert read_picture(data).exif is None


def test_numbers_are_read_as_the_writer_resets_them() -> None:
    """Whatever its type: what `reset_orientation` leaves is 1, and anything else is not."""
    for order, magic in (("<", b"II*\0"), (">", b"MM\0*")):
        for kind in range(15):
            for count in (0, 1, 2, 9):
                entry = struct.pack(order + "HHIHH", 274, kind, count, 6, 6)
                block = magic + struct.pack(order + "IH", 8, 1) + entry + bytes(4)
                [(tag, value)] = numbers_in(block)
                assert tag == 274 and value != 1
                assert [*numbers_in(reset_orientation(block))] == [(274, 1)]
    assert [*numbers_in(b"")] == [*numbers_in(b"MM\0*")] == [*numbers_in(b"II*\0\x08\0\0\0")] == []
