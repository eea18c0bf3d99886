"""Every mode that Pillow opens becomes the right 8-bit pixels, and says what was done."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms

from tccodec.errors import BadPicture
from tccodec.picture import from_image, read_picture
from tests.support.pictures import gradient

FileOf = Callable[..., bytes]


def near(a: np.ndarray, b: np.ndarray, *, within: int = 1) -> bool:
    return int(np.abs(a.astype(int) - b.astype(int)).max()) <= within


def test_rgb_is_untouched(rgb: Image.Image) -> None:
    picture = from_image(rgb)
    assert (picture.rgb == gradient(24, 40)).all()
    assert not picture.grey and picture.alpha is None
    assert picture.notes == () and picture.source == ""
    assert (picture.width, picture.height) == (40, 24)


def test_grey_is_remembered(rgb: Image.Image) -> None:
    grey = rgb.convert("L")
    picture = from_image(grey)
    assert picture.grey and picture.source == ""
    assert (picture.rgb == np.asarray(grey)[:, :, None]).all()


def test_bilevel() -> None:
    bits = np.array([[True, False, True]])
    picture = from_image(Image.fromarray(bits))
    assert picture.grey and picture.source == "1"
    assert picture.rgb[0, :, 0].tolist() == [255, 0, 255]


@pytest.mark.parametrize("mode", ["RGBA", "RGBa", "LA", "La", "PA"])
def test_alpha_is_split_off(mode: str, rgb: Image.Image) -> None:
    alpha = np.full((24, 40), 255, np.uint8)
    alpha[:, 20:] = 128
    image = rgb.convert("LA" if mode in ("LA", "La") else "RGBA")
    image.putalpha(Image.fromarray(alpha))
    if mode == "PA":
        image = rgb.convert("P").convert("PA")
        image.putalpha(Image.fromarray(alpha))
    elif mode != image.mode:
        image = image.convert(mode)
    assert image.mode == mode
    picture = from_image(image)
    assert picture.alpha is not None and (picture.alpha == alpha).all()
    assert picture.grey == (mode in ("LA", "La"))
    wanted = np.asarray(rgb.convert("L").convert("RGB") if picture.grey else rgb)
    if mode != "PA":
        assert near(picture.rgb, wanted, within=2)  # premultiplied modes round


def test_opaque_alpha_is_dropped_with_a_note(rgb: Image.Image) -> None:
    picture = from_image(rgb.convert("RGBA"))
    assert picture.alpha is None
    assert "without transparency" in " ".join(picture.notes)


def test_palette(rgb: Image.Image) -> None:
    image = rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    picture = from_image(image)
    assert (picture.rgb == np.asarray(image.convert("RGB"))).all()
    assert picture.source == "P" and not picture.grey


def test_grey_palette_is_grey(rgb: Image.Image) -> None:
    image = rgb.convert("L").convert("P")
    picture = from_image(image)
    assert picture.grey
    assert (picture.rgb[:, :, 0] == np.asarray(rgb.convert("L"))).all()


def test_palette_with_transparent_entries(rgb: Image.Image, file_of: FileOf) -> None:
    image = rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    levels = bytes([0, 100, *[255] * 14])
    picture = read_picture(file_of(image, "PNG", transparency=levels))
    assert picture.alpha is not None
    wanted = np.array(list(levels), np.uint8)[np.asarray(image)]
    assert (picture.alpha == wanted).all()


def test_palette_of_colours_with_alpha(rgb: Image.Image, file_of: FileOf) -> None:
    """`quantize` makes one of RGBA, and TGA files hold one."""
    shade = Image.linear_gradient("L").resize(rgb.size)
    image = Image.merge("RGBA", (*rgb.split(), shade)).quantize(16)
    with Image.open(io.BytesIO(file_of(image, "TGA"))) as read:
        assert read.palette is not None and read.palette.mode == "RGBA"
    for picture in (from_image(image), read_picture(file_of(image, "TGA"))):
        assert picture.alpha is not None and len(np.unique(picture.alpha)) > 2
        assert (picture.alpha == np.asarray(image.convert("RGBA"))[..., 3]).all()


def test_gif_with_a_transparent_colour(rgb: Image.Image, file_of: FileOf) -> None:
    image = rgb.convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    picture = read_picture(file_of(image, "GIF", transparency=3))
    assert picture.alpha is not None and set(np.unique(picture.alpha)) == {0, 255}


@pytest.mark.parametrize(("mode", "key"), [("L", 7), ("RGB", (1, 2, 3)), ("1", 0)])
def test_colour_key_becomes_alpha(mode: str, key: int | tuple[int, ...], file_of: FileOf) -> None:
    image = Image.new(mode, (4, 2), 255 if mode != "RGB" else (9, 9, 8))
    image.putpixel((1, 0), key)
    picture = read_picture(file_of(image, "PNG", transparency=key))
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[255, 0, 255, 255], [255] * 4]
    assert picture.grey == (mode != "RGB")


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_sixteen_bits_are_rounded_not_cut(order: str, file_of: FileOf) -> None:
    values = np.array([[0, 128, 129, 257, 32767, 65406, 65407, 65535]], order)
    kind = "I;16" if order == "<u2" else "I;16B"
    image = Image.frombytes(kind, (8, 1), values.tobytes())
    assert from_image(image).rgb[0, :, 0].tolist() == [0, 0, 1, 1, 127, 254, 255, 255]
    through_png = read_picture(file_of(Image.fromarray(values.astype("<u2")), "PNG"))
    assert through_png.grey and through_png.source == "I;16"
    assert through_png.rgb[0, :, 0].tolist() == [0, 0, 1, 1, 127, 254, 255, 255]
    assert any("16" in n for n in through_png.losses)


def test_sixteen_bit_colour_key(file_of: FileOf) -> None:
    values = np.array([[0, 5000, 65535]], np.uint16)
    picture = read_picture(file_of(Image.fromarray(values), "PNG", transparency=5000))
    assert picture.alpha is not None and picture.alpha.tolist() == [[255, 0, 255]]


def test_sixteen_bits_a_channel_are_said(file_of: FileOf) -> None:
    """Pillow drops the low bytes of a 16-bit RGB PNG silently."""
    import struct
    import zlib

    def chunk(name: bytes, body: bytes) -> bytes:
        crc = zlib.crc32(name + body)
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", crc)

    pixels = b"\0" + struct.pack(">6H", 0, 0x80FF, 0xFFFF, 257, 514, 771)
    head = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
    data += chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    picture = read_picture(data)
    assert picture.rgb[0].tolist() == [[0, 0x80, 0xFF], [1, 2, 3]]
    assert picture.losses == ("16 bits a channel reduced to 8",)


@pytest.mark.parametrize(
    ("values", "wanted", "word"),
    [
        (np.array([[0, 100, 255]], np.int32), [0, 100, 255], "levels"),
        (np.array([[0, 257, 65535]], np.int32), [0, 1, 255], "16 to 8"),
        (np.array([[-10, 0, 90]], np.int32), [0, 26, 255], "stretched"),
        (np.array([[0, 0.5, 1]], np.float32), [0, 128, 255], "0 .. 1"),
        (np.array([[0, 20.4, 255]], np.float32), [0, 20, 255], "levels"),
        (np.array([[-1, 0, 1]], np.float32), [0, 128, 255], "stretched"),
        (np.array([[7000, 7000, 7000]], np.float32), [0, 0, 0], "stretched"),
    ],
)
def test_wide_grey(values: np.ndarray, wanted: list[int], word: str) -> None:
    picture = from_image(Image.fromarray(values))
    assert picture.grey
    assert picture.rgb[0, :, 0].tolist() == wanted
    assert word in (picture.losses + picture.notes)[0]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none(bad: float) -> None:
    with pytest.raises(BadPicture, match="finite"):
        from_image(Image.fromarray(np.array([[0, bad]], np.float32)))


def test_sixteen_bit_pgm_however_dark() -> None:
    data = b"P5 3 1 65535\n" + np.array([0, 100, 255], ">u2").tobytes()
    assert read_picture(data).rgb.max() == 1


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "HSV", "RGBX"])
def test_other_colour_modes(mode: str, rgb: Image.Image) -> None:
    picture = from_image(rgb.convert(mode))
    assert not picture.grey and picture.source == mode
    assert near(picture.rgb, gradient(24, 40), within=6)
    assert picture.notes or picture.losses


def test_lab(rgb: Image.Image) -> None:
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    image = ImageCms.profileToProfile(rgb, srgb, lab, outputMode="LAB")
    assert image is not None
    difference = np.abs(from_image(image).rgb.astype(int) - gradient(24, 40)).mean()
    assert difference < 3  # 8-bit LAB is coarse


def test_cmyk_jpeg_keeps_its_polarity(rgb: Image.Image, file_of: FileOf) -> None:
    """Adobe's CMYK JPEG files are inverted; a negative here is the classic bug."""
    data = file_of(rgb.convert("CMYK"), "JPEG", quality=100)
    assert near(read_picture(data).rgb, gradient(24, 40), within=16)


def test_cmyk_with_a_damaged_profile_still_opens(rgb: Image.Image) -> None:
    image = rgb.convert("CMYK")
    image.info["icc_profile"] = bytes(16) + b"CMYK" + bytes(200)
    picture = from_image(image)
    assert near(picture.rgb, gradient(24, 40), within=2)
    assert picture.icc is None
    wanted = "CMYK converted to RGB without its ICC profile, which cannot be used"
    assert picture.losses == (wanted,)


def test_profile_of_another_colour_space_is_dropped(rgb: Image.Image, srgb_icc: bytes) -> None:
    image = rgb.convert("L")
    image.info["icc_profile"] = srgb_icc
    picture = from_image(image)
    assert picture.icc is None
    assert "ICC profile left out" in picture.losses[0]


def test_the_image_given_is_not_changed(rgb: Image.Image) -> None:
    image = rgb.convert("RGBA")
    image.putalpha(100)
    image.info["exif"] = b"Exif\0\0nonsense"
    before = image.tobytes(), dict(image.info)
    from_image(image)
    assert (image.tobytes(), image.info) == before
