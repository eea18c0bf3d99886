"""Reading what is no picture, alpha, saving in formats that cannot hold everything."""

from __future__ import annotations

import contextlib
import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tccodec.container import Limits
from tccodec.errors import BadFile, BadOption, BadPicture, LimitExceeded
from tccodec.picture import (
    Picture,
    output_format,
    pack_alpha,
    read_picture,
    save_image,
    to_image,
    unpack_alpha,
)
from tccodec.picture.hidden import fill_hidden, repeat_over_hidden
from tccodec.picture.save import LARGEST_SIDES
from tests.support.pictures import gradient

FileOf = Callable[..., bytes]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "empty"),
        (b"hello", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", "PostScript"),
        (b"\x89TCZ\x10", r"is a \.tcz file already"),
        (bytes(99), "not a pic"),
    ],
)
def test_no_picture(data: bytes, text: str) -> None:
    with pytest.raises(BadPicture, match=text):
        read_picture(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "AVIF", "PPM"])
def test_truncated_files(kind: str, rgb: Image.Image, file_of: FileOf) -> None:
    data = file_of(rgb, kind)
    with pytest.raises(BadPicture) as caught:
        read_picture(data[: len(data) // 2])
    assert "\n" not in str(caught.value)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_files_raise_nothing_else(data: st.DataObject) -> None:
    """Whatever is done to a picture file: pixels, or one of our two errors."""
    kind = data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "PPM"]))
    out = io.BytesIO()
    Image.fromarray(gradient(8, 9)).save(out, kind)
    bent = bytearray(out.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        bent[data.draw(st.integers(0, len(bent) - 1))] = data.draw(st.integers(0, 255))
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, of odd metadata
        with contextlib.suppress(BadPicture, LimitExceeded):
            read_picture(bytes(bent), limits=Limits(max_pixels=1_000_000))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_picture(tmp_path / "none.png")


def test_size_limit_is_ours_not_pillows(rgb: Image.Image, file_of: FileOf, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    data = file_of(rgb, "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)  # would raise at 20
    assert read_picture(data).width == 40
    assert Image.MAX_IMAGE_PIXELS == 10
    with pytest.raises(LimitExceeded, match="40 x 24"):
        read_picture(data, limits=Limits(max_pixels=40 * 24 - 1))
    assert Image.MAX_IMAGE_PIXELS == 10


def test_bomb_is_refused_before_its_pixels_are_made(file_of: FileOf) -> None:
    """A PNG of 60,000 x 60,000 is 4 kB; the size in its header is enough to refuse it."""
    data = bytearray(file_of(Image.new("1", (8, 8)), "PNG"))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    import struct
    import zlib

    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    with pytest.raises(LimitExceeded, match="60000 x 60000"):
        read_picture(bytes(data))


def test_first_frame_of_several(rgb: Image.Image, file_of: FileOf) -> None:
    others = [Image.new("RGB", rgb.size, colour) for colour in ("red", "blue")]
    data = file_of(rgb, "WEBP", save_all=True, append_images=others, lossless=True)
    picture = read_picture(data)
    assert (picture.rgb == gradient(24, 40)).all()
    assert "frame 1 of 3 is kept" in picture.losses


def alphas() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    soft = np.clip(gradient(50, 70)[:, :, 2].astype(int) * 2 - 128, 0, 255).astype(np.uint8)
    return [
        np.zeros((5, 9), np.uint8),
        np.full((1, 1), 77, np.uint8),
        (rng.random((33, 17)) < 0.5).astype(np.uint8) * 255,
        soft,
        rng.integers(0, 256, (64, 48), dtype=np.uint8),
        rng.integers(0, 256, (3000, 1), dtype=np.uint8),
        rng.integers(0, 256, (1, 17000), dtype=np.uint8),
    ]


@pytest.mark.parametrize("alpha", alphas())
def test_alpha_is_lossless_and_bounded(alpha: np.ndarray) -> None:
    body = pack_alpha(alpha)
    height, width = alpha.shape
    assert (unpack_alpha(body, width=width, height=height) == alpha).all()
    assert len(body) <= 2 * alpha.size + 4096  # what the container accepts


def test_alpha_is_small_where_it_is_simple() -> None:
    assert len(pack_alpha(np.zeros((2000, 2000), np.uint8))) == 2
    assert len(pack_alpha(alphas()[3])) < 300


@pytest.mark.parametrize(
    "body",
    [b"", b"\0", b"\0\1\2", b"\3x", b"\1", b"\1junk", b"\2RIFF", b"\1" + bytes(100)],
)
def test_bad_alpha(body: bytes) -> None:
    with pytest.raises(BadFile, match="alpha"):
        unpack_alpha(body, width=4, height=4)


def test_alpha_of_another_size() -> None:
    for alpha in alphas()[2:4]:
        with pytest.raises(BadFile, match="size"):
            unpack_alpha(pack_alpha(alpha), width=4, height=4)


def test_alpha_of_another_format(rgb: Image.Image, file_of: FileOf) -> None:
    """Only the announced decoder runs: a TIFF in a PNG's place is not opened."""
    with pytest.raises(BadFile):
        unpack_alpha(b"\1" + file_of(rgb, "TIFF"), width=40, height=24)


def test_hidden_colours_are_continued() -> None:
    rgb, alpha = gradient(64, 64), np.zeros((64, 64), np.uint8)
    alpha[:, :32] = 255
    rgb[:, 32:] = 0
    out = fill_hidden(rgb, alpha)
    assert (out[:, :32] == rgb[:, :32]).all()
    step = np.abs(out[:, 32].astype(int) - out[:, 31]).mean()
    assert step < 20 < np.abs(rgb[:, 32].astype(int) - rgb[:, 31]).mean()
    assert np.abs(np.diff(out[:, 31:].astype(int), axis=1)).max() < 40  # and no blocks further in
    assert fill_hidden(rgb, np.full_like(alpha, 255)) is rgb
    assert (fill_hidden(rgb, np.zeros_like(alpha)) == 128).all()


def test_hidden_colours_are_repeated() -> None:
    rgb = np.arange(1, 13, dtype=np.uint8).reshape(3, 4, 1).repeat(3, 2)
    alpha = np.array([[0, 0, 0, 0], [0, 255, 0, 9], [0, 0, 0, 0]], np.uint8)
    out = repeat_over_hidden(Picture(rgb=rgb, alpha=alpha))
    assert out[..., 0].tolist() == [[6, 6, 6, 8]] * 3
    tall = repeat_over_hidden(Picture(rgb=rgb.repeat(200, 0), alpha=alpha.repeat(200, 0)))
    assert (tall == np.array([6, 6, 6, 8])[:, None]).all()
    assert repeat_over_hidden(Picture(rgb=rgb, alpha=np.full_like(alpha, 1))) is rgb
    assert repeat_over_hidden(Picture(rgb=rgb, alpha=np.zeros_like(alpha))) is rgb


def test_hidden_colours_of_one_row() -> None:
    rgb = np.array([[[10, 20, 30], [0, 0, 0], [0, 0, 0]]], np.uint8)
    out = fill_hidden(rgb, np.array([[255, 0, 0]], np.uint8))
    assert out.tolist() == [[[10, 20, 30]] * 3]


LOSSLESS = ["png", "tiff", "jp2", "qoi", "dds", "sgi", "tga"]


@pytest.mark.parametrize("kind", [*LOSSLESS, "jpeg", "webp", "avif", "bmp", "ppm", "gif"])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_every_mode_in_every_format(kind: str, mode: str, rgb: Image.Image) -> None:
    Image.init()
    if kind == "qoi" and "QOI" not in Image.SAVE:
        pytest.skip("this Pillow only reads QOI")
    image = rgb.convert(mode)
    if mode.endswith("A"):
        image.putalpha(Image.fromarray(gradient(24, 40)[:, :, 0]))
    data, notes = save_image(image, kind)
    with Image.open(io.BytesIO(data)) as out:
        assert out.format == output_format(kind)[0]
        assert out.size == (40, 24)
        if kind in ("png", "tiff"):
            assert out.mode == mode
        if kind in LOSSLESS:
            assert out.convert("RGBA").tobytes() == image.convert("RGBA").tobytes()
    flattened = [n for n in notes if "white" in n]
    assert bool(flattened) == (mode.endswith("A") and kind in ("jpeg", "ppm", "bmp"))


def test_flattening_is_on_white() -> None:
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    data, _ = save_image(image, "jpeg")
    with Image.open(io.BytesIO(data)) as out:
        assert out.getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_jpeg_2000_is_with_boxes_or_without_as_its_suffix_says(mode: str, rgb: Image.Image) -> None:
    image = rgb.convert(mode)
    for suffix in (".jp2", ".jpx", ".jpf", ".j2k", ".J2C", ".jpc"):
        data, losses = save_image(image, suffix)
        boxes = suffix in (".jp2", ".jpx", ".jpf")
        assert data.startswith(b"\0\0\0\x0cjP  \r\n\x87\n" if boxes else b"\xff\x4f\xff\x51")
        with Image.open(io.BytesIO(data)) as out:
            assert losses == [] and out.tobytes() == image.tobytes()


def test_webp_output_is_lossless(rgb: Image.Image) -> None:
    data, _ = save_image(rgb, "webp")
    with Image.open(io.BytesIO(data)) as out:
        assert out.tobytes() == rgb.tobytes()


def test_the_jpeg_in_a_pdf_is_a_good_one(rgb: Image.Image) -> None:
    rgb.info["dpi"] = (300.0, 150.0)
    data, losses = save_image(rgb, "pdf")
    assert losses == [] and b"MediaBox [ 0 0 9.6 11.52 ]" in data
    with Image.open(io.BytesIO(data[data.index(b"\xff\xd8\xff") :])) as inside:
        assert inside.size == rgb.size
        assert np.abs(np.asarray(inside).astype(int) - np.asarray(rgb)).max() < 8


def test_too_large_for_the_format() -> None:
    with pytest.raises(BadPicture, match="WEBP"):
        save_image(Image.new("L", (17_000, 1)), "webp")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        *(("jpg", ("JPEG", ".jpg")), (".PNG", ("PNG", ".png")), ("tga", ("TGA", ".tga"))),
        ("mpo", ("JPEG", ".mpo")),  # with one picture
        *(("JPEG2000", ("JPEG2000", ".jp2")), (".j2c", ("JPEG2000", ".j2c"))),
    ],
)
def test_format_names(name: str, wanted: tuple[str, str]) -> None:
    assert output_format(name) == wanted


@pytest.mark.parametrize(
    "name",
    [
        *("", "docx", "psd", "tcz"),
        *("h5", "hdf", "wmf", "emf", "bufr", "grib"),  # a place for another package's function
        *("xbm", "msp", "palm", "blp", "spider"),  # of one bit, of a palette, of floats
        *("pbm", "pfm"),  # likewise, though Pillow would write something under these names
    ],
)
def test_a_format_that_cannot_be_written(name: str) -> None:
    for spelling in (name, f".{name.upper()}"):
        with pytest.raises(BadOption, match="cannot write the format"):
            output_format(spelling)


def test_a_format_that_this_pillow_was_built_without(monkeypatch: pytest.MonkeyPatch) -> None:
    Image.init()
    monkeypatch.delitem(Image.SAVE, "AVIF")
    with pytest.raises(BadOption, match=r"'avif'; use one of png, jpeg, webp, tiff, bmp, ppm$"):
        output_format("avif")


def test_every_format_that_can_be_written_holds_grey_and_colour() -> None:
    Image.init()
    kinds = set()
    for suffix in Image.registered_extensions():
        try:
            kinds.add(output_format(suffix)[0])
        except BadOption:
            continue
    assert kinds >= {"PNG", "JPEG", "TIFF", "PDF", "EPS", "DDS", "ICO", "TGA"}
    for kind in kinds - {"ICNS"}:  # slow: it writes ten sizes
        for mode in ("L", "LA", "RGB", "RGBA"):
            assert save_image(Image.new(mode, (16, 16)), kind)[0]


def test_grey_comes_back_as_the_mean() -> None:
    rgb = np.array([[[10, 11, 12], [0, 0, 1], [254, 255, 255]]], np.uint8)
    image = to_image(Picture(rgb=rgb, grey=True))
    assert image.mode == "L" and list(image.tobytes()) == [11, 0, 255]


@pytest.mark.parametrize(
    ("grey", "alpha", "mode"),
    [(0, 0, "RGB"), (0, 1, "RGBA"), (1, 0, "L"), (1, 1, "LA")],
)
def test_mode_of_the_result(grey: int, alpha: int, mode: str) -> None:
    plane = np.full((24, 40), 9, np.uint8) if alpha else None
    image = to_image(Picture(rgb=gradient(24, 40), grey=bool(grey), alpha=plane))
    assert image.mode == mode
    if alpha:
        assert image.getchannel("A").getextrema() == (9, 9)


@pytest.mark.parametrize("kind", ["JPEG", "PDF", "PCX", "WEBP"])
def test_the_largest_side_of_a_format_is_that_of_its_library(kind: str) -> None:
    largest = LARGEST_SIDES[kind]
    assert save_image(Image.new("L", (largest, 1)), kind)[0]
    with pytest.raises(BadPicture, match=f"{kind}: a side has over {largest} pixels"):
        save_image(Image.new("L", (1, largest + 1)), kind)
    with pytest.raises((OSError, ValueError, OverflowError, struct.error)):
        Image.new("L", (largest + 1, 1)).save(io.BytesIO(), kind)
