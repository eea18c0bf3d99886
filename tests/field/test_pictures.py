"""What people's picture files hold: nothing of it is lost in silence."""

from __future__ import annotations

import dataclasses
import io
import os
import stat
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from tccodec.errors import BadPicture
from tccodec.picture import from_image, read_picture, save_image, to_image
from tccodec.picture.kinds import Kind, kind_of, named_as_picture
from tccodec.picture.save import write_strips
from tccodec.report.pictures import find_pictures, read_rgb

RNG = np.random.default_rng(7)
PHOTO = np.clip(
    np.add.outer(np.arange(48) * 3.0, np.arange(64) * 1.5)[:, :, None]
    + [0, 20, 40]
    + RNG.normal(0, 4, (48, 64, 3)),
    0,
    255,
).astype(np.uint8)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def test_postscript_named_jpg_starts_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "gs"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path / 'ran'}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    eps = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    (tmp_path / "photo.jpg").write_bytes(eps)
    for source in (eps, b"\xc5\xd0\xd3\xc6" + eps, tmp_path / "photo.jpg"):
        with pytest.raises(BadPicture, match="PostScript is not supported"):
            read_picture(source)
    assert not (tmp_path / "ran").exists()


def test_mpo_under_its_own_suffix_is_a_picture(tmp_path: Path) -> None:
    images = [Image.fromarray(PHOTO), Image.fromarray(PHOTO[::-1])]
    images[0].save(tmp_path / "stereo.mpo", "MPO", save_all=True, append_images=images[1:])
    assert named_as_picture(tmp_path / "stereo.mpo")
    assert kind_of(tmp_path / "stereo.mpo").kind is Kind.PICTURE
    assert find_pictures(tmp_path) == [tmp_path / "stereo.mpo"]


def test_a_raw_files_small_preview_is_not_taken_for_the_picture() -> None:
    raw = bytearray(saved(Image.fromarray(PHOTO), "TIFF", tiffinfo={254: 1, 50706: b"\1\4\0\0"}))
    with pytest.raises(BadPicture, match="camera RAW is not supported"):
        read_picture(bytes(raw))


def test_report_reads_a_dark_16_bit_picture_as_compress_does(tmp_path: Path) -> None:
    dark = (PHOTO[:, :, 0] // 2).astype(np.uint16)
    Image.fromarray(dark).save(tmp_path / "dark16.png")
    theirs = read_picture(tmp_path / "dark16.png").rgb
    assert theirs.max() < 2
    assert (read_rgb(tmp_path / "dark16.png") == theirs).all()


def test_report_lays_transparency_over_white(tmp_path: Path) -> None:
    alpha = np.zeros((48, 64), np.uint8)
    alpha[:, 32:] = 255
    Image.fromarray(np.dstack([PHOTO, alpha])).save(tmp_path / "a.png")
    seen = read_rgb(tmp_path / "a.png")
    assert (seen[:, :32] == 255).all() and (seen[:, 32:] == PHOTO[:, 32:]).all()


GREY = PHOTO[:, :, 0]


def png16(values: np.ndarray, colour: int, *more: bytes) -> bytes:
    """A PNG of 16 bits a sample from uint16 `(H, W, samples)`."""
    rows = [b"\0" + row.astype(">u2").tobytes() for row in values]
    return png(values.shape[1::-1], 16, colour, rows, *more)


def png(size: tuple[int, ...], depth: int, colour: int, rows: list[bytes], *more: bytes) -> bytes:
    """A PNG by hand, for what Pillow does not write; `more` are chunks before the pixels."""
    head = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(b"".join(rows)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(more) + data + chunk(b"IEND")


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK", "YCbCr", "RGBX"])
def test_black_and_white_stored_in_colour_comes_back_grey(mode: str) -> None:
    """Decoding errs by channel; what comes back must still have no tint."""
    image = Image.fromarray(GREY).convert("RGB").convert(mode, palette=Image.Palette.ADAPTIVE)
    picture = from_image(image)
    assert picture.grey
    noisy = PHOTO // 8 + picture.rgb // 2  # as a network would: another error in each channel
    out = to_image(dataclasses.replace(picture, rgb=noisy))
    assert out.mode == "L"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_black_and_white_files_in_colour_are_grey(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    assert read_picture(saved(Image.fromarray(GREY).convert("RGB"), kind, **options)).grey
    coloured = np.dstack([GREY] * 3)
    coloured[-1, -1, 2] ^= 64
    assert not read_picture(saved(Image.fromarray(coloured), "PNG")).grey


def test_sixteen_bit_grey_with_alpha_comes_back_grey() -> None:
    values = np.dstack([GREY.astype(np.uint16) * 257, np.full(GREY.shape, 30000)])
    picture = read_picture(png16(values, 4))
    assert picture.grey and (picture.rgb[:, :, 0] == GREY).all()
    assert to_image(picture).mode == "LA"


def test_hidden_colours_do_not_make_a_grey_picture_coloured() -> None:
    rgba = np.dstack([GREY] * 3 + [np.full(GREY.shape, 255, np.uint8)])
    rgba[:8, :8] = (255, 0, 0, 0)
    assert read_picture(saved(Image.fromarray(rgba), "PNG")).grey


@pytest.mark.parametrize("alpha", [False, True])
def test_grey_with_a_profile_for_rgb_keeps_both(alpha: bool) -> None:
    """The profile says what the values mean: it stays, and so do three equal channels."""
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = Image.fromarray(GREY).convert("RGB")
    if alpha:
        image.putalpha(Image.fromarray(255 - GREY))
    picture = read_picture(saved(image, "PNG", icc_profile=icc))
    assert picture.grey and picture.icc == icc
    picture = dataclasses.replace(picture, rgb=PHOTO // 2)
    ours = io.BytesIO()
    write_strips(picture.strips(), "png", ours)
    jpeg, _ = save_image(to_image(picture), "jpeg")
    for data in (ours.getvalue(), jpeg):
        with Image.open(io.BytesIO(data)) as out:
            assert out.mode[:3] == "RGB" and out.info["icc_profile"] == icc
            planes = np.asarray(out)[:, :, :3]
            assert (planes == planes[:, :, :1]).all()
