"""What people's picture files hold: nothing of it is lost in silence."""

from __future__ import annotations

import dataclasses
import io
import os
import random
import stat
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, ImageOps

from tccodec.container import Limits
from tccodec.errors import BadPicture, LimitExceeded
from tccodec.picture import from_image, read_picture, save_image, to_image
from tccodec.picture.icc import make_profile
from tccodec.picture.kinds import Kind, kind_of, named_as_picture
from tccodec.picture.save import write_strips
from tccodec.report.work.pictures import find_pictures, read_rgb
from tests.support.pictures import GREY, PHOTO, saved
from tests.support.png import chunk, png, png16


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
    (tmp_path / "dead.png").symlink_to("nothing")
    (tmp_path / ".thumbnails").mkdir()
    (tmp_path / ".thumbnails" / "stereo.mpo").write_bytes((tmp_path / "stereo.mpo").read_bytes())
    for recursive in (False, True):
        found = find_pictures(tmp_path, recursive=recursive)
        assert found == (
            [tmp_path / "stereo.mpo"],
            {tmp_path / "dead.png": "the link leads nowhere"},
        )


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


def test_a_profile_for_grey_is_kept_where_pillow_has_grey_as_rgb() -> None:
    icc = make_profile(primaries=None, curve=np.linspace(0, 1, 256) ** 1.4)
    grey = saved(Image.fromarray(GREY), "WEBP", lossless=True, icc_profile=icc)
    body = b"grey\0\0" + zlib.compress(icc)
    values = np.dstack([GREY.astype(np.uint16) * 257, np.full(GREY.shape, 30000)])
    for data in (grey, png16(values, 4, chunk(b"iCCP", body))):
        picture = read_picture(data)
        assert picture.icc == icc and picture.one_channel and "profile" not in str(picture.losses)
        assert (picture.rgb == GREY[:, :, None]).all()
    coloured = saved(Image.fromarray(PHOTO), "PNG", icc_profile=icc)
    assert read_picture(coloured).losses == ("ICC profile left out: it is for GRAY colours",)


@pytest.mark.parametrize("alpha", [False, True])
def test_a_grey_palette_keeps_its_profile_for_rgb(alpha: bool) -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    hidden = int(GREY[0, 0])
    options = {"transparency": hidden} if alpha else {}
    image = Image.fromarray(GREY).convert("P")
    picture = read_picture(saved(image, "PNG", icc_profile=icc, **options))
    assert picture.icc == icc and picture.losses == () and (picture.alpha is not None) == alpha
    assert (picture.rgb == GREY[:, :, None])[hidden != GREY].all()


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_transparent_grey_of_every_depth(bits: int) -> None:
    top = (1 << bits) - 1
    samples = (np.arange(48 * 64).reshape(48, 64) * 7919) & top
    if bits == 16:
        rows = [b"\0" + row.astype(">u2").tobytes() for row in samples]
    else:
        binary = (samples[:, :, None] >> np.arange(bits)[::-1]) & 1
        rows = [b"\0" + np.packbits(row.ravel()).tobytes() for row in binary]
    key = int(samples[3, 5])
    picture = read_picture(png((64, 48), bits, 0, rows, chunk(b"tRNS", struct.pack(">H", key))))
    assert picture.alpha is not None
    assert (picture.alpha == np.where(samples == key, 0, 255)).all()


def test_transparent_colour_of_16_bits_is_that_colour_alone() -> None:
    values = np.zeros((8, 8, 3), np.uint16)
    values[0, 0] = 300, 500, 700
    values[0, 1] = 300, 500, 701  # the same 8-bit levels
    key = chunk(b"tRNS", struct.pack(">3H", 300, 500, 700))
    picture = read_picture(png16(values, 2, key))
    assert picture.alpha is not None
    assert picture.alpha[0].tolist() == [0, *[255] * 7] and picture.alpha[1:].all()


@pytest.mark.parametrize("values", [[1.7], [1.2, 300.0], [-0.01, 1.0]])
def test_floating_point_with_a_highlight_is_not_black(values: list[float]) -> None:
    plane = GREY.astype(np.float32) / 255
    plane[0, : len(values)] = values
    picture = read_picture(saved(Image.fromarray(plane), "TIFF"))
    assert np.abs(picture.rgb[1:, :, 0].astype(int) - GREY[1:]).max() <= 1
    assert "cut off" in picture.losses[0]


def test_floating_point_levels_are_still_levels() -> None:
    for plane in (GREY.astype(np.float32), np.eye(48, dtype=np.float32) * 200):
        picture = read_picture(saved(Image.fromarray(plane), "TIFF"))
        assert (picture.rgb[:, :, 0] == plane).all() and picture.losses == ()


def exif(orientation: int, order: str = "<", kind: int = 3, count: int = 1) -> bytes:
    """A directory with the orientation, and a second one with a small JPEG."""
    value = struct.pack(
        order + {6: "bxxx", 8: "hxx", 9: "i", 4: "I"}.get(kind, "HH"),
        *((orientation, 0) if kind == 3 else (orientation,)),
    )
    small = saved(Image.new("RGB", (16, 12), "red"), "JPEG")
    body = struct.pack(order + "HHHI", 1, 0x0112, kind, count) + value
    body += struct.pack(order + "I", 26)
    body += struct.pack(order + "HHHIIHHIII", 2, 0x0201, 4, 1, 56, 0x0202, 4, 1, len(small), 0)
    return {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8) + body + small


@pytest.mark.parametrize(
    ("block", "prefix"),
    [
        (exif(6), b"Exif\0\0Exif\0\0"),
        (exif(6, ">"), b"Exif\0\0"),
        (exif(6, kind=6), b"Exif\0\0"),
        (exif(6, ">", kind=8), b"Exif\0\0"),
        (exif(6, kind=9), b"Exif\0\0"),
        (exif(6, kind=4), b"Exif\0\0"),
        (exif(6, count=2), b"Exif\0\0"),
    ],
)
def test_a_turned_picture_is_not_turned_again(block: bytes, prefix: bytes) -> None:
    picture = read_picture(saved(Image.fromarray(PHOTO), "JPEG", exif=prefix + block))
    for kind in ("png", "jpeg", "webp", "tiff"):
        data, _ = save_image(to_image(picture), kind)
        with Image.open(io.BytesIO(data)) as out:
            assert out.getexif().get(0x0112, 1) == 1
            assert ImageOps.exif_transpose(out).size == picture.rgb.shape[1::-1]


def test_the_small_picture_in_exif_does_not_stay_sideways() -> None:
    def small(data: bytes) -> int | None:
        with Image.open(io.BytesIO(data)) as out:
            return out.getexif().get_ifd(ExifTags.IFD.IFD1).get(0x0201)

    for order in "<>":
        turned = saved(Image.fromarray(PHOTO), "JPEG", exif=b"Exif\0\0" + exif(6, order))
        picture = read_picture(turned)
        assert small(turned) and picture.exif is not None
        assert not small(save_image(to_image(picture), "jpeg")[0])
        assert b"\xff\xd8\xff" not in picture.exif  # it takes no room either
        upright = saved(Image.fromarray(PHOTO), "JPEG", exif=b"Exif\0\0" + exif(1, order))
        kept = read_picture(upright).exif
        assert kept is not None and b"\xff\xd8\xff" in kept


def test_exif_that_cannot_be_read_is_said() -> None:
    picture = read_picture(saved(Image.fromarray(PHOTO), "JPEG", exif=b"Exif\0\0junk" * 9))
    assert picture.exif is None and picture.losses == ("EXIF left out: it cannot be read",)


def huge_png(side: int) -> bytes:
    rows = zlib.compress(bytes(side + 1) * 64, 9)
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND")


def test_pictures_inside_icons_meet_the_limit_before_they_are_decoded() -> None:
    inner = huge_png(20_000)
    ico = struct.pack("<HHH", 0, 1, 1) + struct.pack("<BBBBHHII", 0, 0, 0, 0, 1, 32, len(inner), 22)
    icns = struct.pack(">4sI4sI", b"icns", len(inner) + 16, b"ic09", len(inner) + 8)
    for data in (ico + inner, icns + inner):
        with pytest.raises(LimitExceeded, match="20000 x 20000"):
            read_picture(data)
    small = saved(Image.fromarray(PHOTO), "ICO", sizes=[(64, 48)])
    assert read_picture(small).width == 64
    small = saved(Image.fromarray(PHOTO).resize((64, 64)), "ICNS")
    assert read_picture(small).width >= 64


def test_a_size_that_only_a_header_can_have_is_too_large_not_damaged() -> None:
    ppm = b"P6\n1000000 1000000\n255\n"
    qoi = b"qoif" + struct.pack(">II", 2**32 - 1, 2**32 - 1) + b"\3\0"
    for data in (huge_png(100_000), ppm + bytes(99), qoi + bytes(99)):
        with pytest.raises(LimitExceeded, match="a side may have at most 65535 pixels"):
            read_picture(data)


def test_a_large_jpeg_inside_a_small_blp_meets_the_limit() -> None:
    jpeg = saved(Image.new("RGB", (3000, 3000)), "JPEG")
    head = struct.pack("<4s6I", b"BLP1", 0, 0, 16, 16, 5, 0)
    head += struct.pack("<32I", 160, *[0] * 15, len(jpeg), *[0] * 15)
    with pytest.raises(LimitExceeded, match="a part of it is above the limit of 1 megapixels"):
        read_picture(head + bytes(4) + jpeg, limits=Limits(max_pixels=1_000_000))


def test_our_png_with_a_large_profile_can_be_opened() -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = from_image(Image.fromarray(PHOTO))
    picture = dataclasses.replace(picture, icc=icc + random.randbytes(2 << 20))
    ours = io.BytesIO()
    losses = write_strips(picture.strips(), "png", ours)
    theirs, their_losses = save_image(to_image(picture), "png")
    assert losses == their_losses == ["left out, as PNG cannot hold it here: ICC profile"]
    for data in (ours.getvalue(), theirs):
        with Image.open(io.BytesIO(data)) as out:
            out.load()
    assert read_picture(save_image(to_image(picture), "tiff")[0]).icc == picture.icc


def test_a_png_with_a_large_profile_can_be_compressed() -> None:
    body = b"x\0\0" + zlib.compress(bytes(16) + b"RGB " + random.randbytes(2 << 20))
    rows = [b"\0" + row.tobytes() for row in PHOTO]
    picture = read_picture(png((64, 48), 8, 2, rows, chunk(b"iCCP", body)))
    assert picture.icc is not None and len(picture.icc) > 2 << 20


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "jp2", "webp", "tiff", "avif", "bmp"])
def test_long_comments_and_odd_exif_stop_no_format(kind: str) -> None:
    image = Image.fromarray(PHOTO)
    image.info |= {"comment": b"c" * 70_000, "exif": b"Exif\0\0junk" + bytes(99)}
    data, losses = save_image(image, kind)
    with Image.open(io.BytesIO(data)) as out:
        out.load()
    assert any("EXIF" in loss for loss in losses)


def test_avif_that_nothing_could_open_is_refused() -> None:
    with pytest.raises(BadPicture, match="AVIF"):
        save_image(Image.new("RGB", (1, 65_535)), "avif")


def test_white_is_zero_of_16_bits_is_no_negative() -> None:
    plane = GREY.astype(np.uint16) * 257
    data = saved(Image.fromarray(65535 - plane), "TIFF", tiffinfo={262: 0})
    with Image.open(io.BytesIO(data)) as image:
        assert image.tag_v2[262] == 0  # type: ignore[attr-defined]
    assert (read_picture(data).rgb[:, :, 0] == GREY).all()


def test_signed_16_bits_of_fits_do_not_wrap() -> None:
    """Cameras write 0 as -32768, with BZERO; Pillow reads the numbers as unsigned.

    Pillow 11.3 swaps their bytes as well.
    """
    cards = "SIMPLE  =  T", "BITPIX  = 16", "NAXIS   =  2", "NAXIS1  =  3", "NAXIS2  =  1", "END"
    head = "".join(card.ljust(80) for card in cards).ljust(2880).encode()
    data = head + np.array([-32640, 0, 32639], ">i2").tobytes()  # the same in either byte order
    picture = read_picture(data + bytes(2880 - 6))
    assert picture.rgb[0, :, 0].tolist() == [0, 128, 255] and "signed 16-bit" in picture.losses[0]


def test_unsigned_32_bits_do_not_wrap() -> None:
    plane = GREY.astype(np.uint32) * 16_843_009
    data = saved(Image.fromarray(plane.view(np.int32)), "TIFF")
    data = data.replace(struct.pack("<HHIH", 339, 3, 1, 2), struct.pack("<HHIH", 339, 3, 1, 1))
    low, high = float(GREY.min()), float(GREY.max())
    wanted = np.rint((GREY - low) * 255 / (high - low))
    assert np.abs(read_picture(data).rgb[:, :, 0] - wanted).max() <= 1


def test_a_kind_of_tiff_that_pillow_does_not_read_is_not_called_damaged_alone() -> None:
    data = saved(Image.fromarray(PHOTO), "TIFF")
    data = data.replace(struct.pack("<HHIH", 262, 3, 1, 2), struct.pack("<HHIH", 262, 3, 1, 99))
    with pytest.raises(BadPicture, match="TIFF file is damaged, or of a kind that Pillow"):
        read_picture(data)
