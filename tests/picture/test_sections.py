"""Sections that are not as docs/reference/format.md says are refused, not half read."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from tccodec.container import Tag, TczFile, make_section
from tccodec.errors import BadFile
from tccodec.picture import (
    pack_alpha,
    pack_exact,
    stored_about,
    unpack_alpha,
    unpack_exact,
)
from tests.support.pictures import GREY, PHOTO, saved
from tests.support.png import chunk, png

SIZE = (64, 48)
RGB_ROWS = [b"\0" + row.tobytes() for row in PHOTO]
GREY_ROWS = [b"\0" + row.tobytes() for row in GREY]
RGB, ALPHA = png(SIZE, 8, 2, RGB_ROWS), png(SIZE, 8, 0, GREY_ROWS)
WEBP = saved(Image.fromarray(PHOTO), "WEBP", lossless=True)


def exact(data: bytes, method: int = 1) -> np.ndarray:
    return unpack_exact(bytes([method]) + data, width=64, height=48)


def alpha(data: bytes, method: int = 1) -> np.ndarray:
    return unpack_alpha(bytes([method]) + data, width=64, height=48)


def frames(kind: str, **options: object) -> bytes:
    images = [Image.fromarray(255 - PHOTO)]
    return saved(Image.fromarray(PHOTO), kind, save_all=True, append_images=images, **options)


def in_mode(mode: str, kind: str = "PNG", **options: object) -> bytes:
    return saved(Image.fromarray(PHOTO).convert(mode), kind, **options)


def interlaced() -> bytes:
    head = bytearray(RGB[8:33])
    head[8 + 12] = 1
    return RGB[:8] + chunk(b"IHDR", bytes(head[8:21])) + RGB[33:]


def split(data: bytes) -> bytes:
    """The same PNG with its pixels in two IDATs."""
    at = data.index(b"IDAT")
    body = data[at + 4 : data.index(b"IEND") - 8]
    return data[: at - 4] + chunk(b"IDAT", body[:99]) + chunk(b"IDAT", body[99:]) + chunk(b"IEND")


def bad_filter() -> bytes:
    return png(SIZE, 8, 2, [*RGB_ROWS[:-1], b"\5" + RGB_ROWS[-1][1:]])


def two_streams() -> bytes:
    head, rows = RGB[:33], b"".join(RGB_ROWS)
    return head + chunk(b"IDAT", zlib.compress(rows) + zlib.compress(b"")) + chunk(b"IEND")


def longer_webp() -> bytes:
    """Another chunk behind the pixels, within the length that the file tells."""
    body = WEBP[8:] + b"XXXX\0\0\0\0"
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def test_the_allowed_forms_are_read() -> None:
    for data in (RGB, split(RGB), saved(Image.fromarray(PHOTO), "PNG")):
        assert (exact(data) == PHOTO).all()
    assert (exact(WEBP, 2) == PHOTO).all() and (alpha(WEBP, 2) == PHOTO[:, :, 1]).all()
    assert (alpha(ALPHA) == GREY).all()
    one = saved(Image.fromarray(GREY).convert("1", dither=Image.Dither.NONE), "PNG")
    assert set(np.unique(alpha(one))) == {0, 255}


@pytest.mark.parametrize("side", [1, 7, 300])
def test_what_is_written_is_an_allowed_form(side: int) -> None:
    rng = np.random.default_rng(side)
    for plane in (rng.integers(0, 256, (side, 9)), rng.integers(0, 2, (side, 9)) * 255):
        plane = plane.astype(np.uint8)
        assert (unpack_alpha(pack_alpha(plane), width=9, height=side) == plane).all()
    drawn = np.repeat(rng.integers(0, 256, (side, 2, 3), dtype=np.uint8), 40, 1)
    body = pack_exact(drawn, at_most=1e9)
    assert body is not None
    assert (unpack_exact(body, width=80, height=side) == drawn).all()
    tall = np.zeros((17_000, 2, 3), np.uint8)  # above what WebP can hold
    body = pack_exact(tall, at_most=1e9)
    assert body is not None and body[0] == 1
    assert (unpack_exact(body, width=2, height=17_000) == tall).all()


@pytest.mark.parametrize(
    "data",
    [
        png(SIZE, 8, 2, RGB_ROWS[:-1]),
        png(SIZE, 8, 2, [*RGB_ROWS, RGB_ROWS[0]]),
        png(SIZE, 8, 2, [*RGB_ROWS, b"\0"]),
        png(SIZE, 8, 2, RGB_ROWS, chunk(b"tEXt", b"a\0b")),
        png(SIZE, 8, 2, RGB_ROWS, chunk(b"gAMA", b"\0\0\1\0")),
        png(SIZE, 8, 2, RGB_ROWS, chunk(b"tRNS", bytes(6))),
        RGB + b"\0",
        RGB[:-12],
        RGB[:-13] + b"?" + RGB[-12:],
        bad_filter(),
        two_streams(),
        interlaced(),
        frames("PNG"),
        *(in_mode(mode) for mode in ("L", "LA", "RGBA", "P", "1")),
        saved(Image.fromarray(GREY.astype(np.uint16)), "PNG"),
        in_mode("RGB", "GIF"),
    ],
)
def test_other_pngs_as_exact_pixels(data: bytes) -> None:
    with pytest.raises(BadFile, match="exact section"):
        exact(data)


@pytest.mark.parametrize("unpack", [exact, alpha])
@pytest.mark.parametrize(
    "data",
    [
        in_mode("RGB", "WEBP", quality=9),
        saved(Image.fromarray(np.dstack([PHOTO, GREY])), "WEBP", lossless=True),
        frames("WEBP", lossless=True),
        in_mode("RGB", "WEBP", lossless=True, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0"),
        WEBP + b"\0\0",
        longer_webp(),
        WEBP[:-2],
        WEBP[:24],
    ],
)
def test_other_webps(unpack: Callable[..., np.ndarray], data: bytes) -> None:
    with pytest.raises(BadFile, match="section"):
        unpack(data, 2)


@pytest.mark.parametrize(
    "data",
    [
        *(in_mode(mode) for mode in ("LA", "RGB", "RGBA", "P")),
        png(SIZE, 2, 0, [bytes(17)] * 48),
        png(SIZE, 8, 0, GREY_ROWS, chunk(b"tRNS", bytes(2))),
        saved(Image.fromarray(GREY.astype(np.uint16)), "PNG"),
    ],
)
def test_other_pngs_as_alpha(data: bytes) -> None:
    with pytest.raises(BadFile, match="alpha section"):
        alpha(data)


@pytest.mark.parametrize(
    ("tag", "body"),
    [
        (Tag.COMMENT, b"\xff\xfe"),
        (Tag.XMP, b"\xff"),
        (Tag.SOURCE, b"CMYK\x80"),
        (Tag.EXIF, b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"),
        (Tag.EXIF, b"II*\0\x08\0\0\0\x01\0\x12\x01\x06\0\x01\0\0\0\x06\0\0\0\0\0\0\0"),
    ],
)
def test_metadata_that_the_page_forbids(tag: Tag, body: bytes) -> None:
    file = TczFile(
        width=1,
        height=1,
        setting=0,
        model_id=bytes(5),
        tiles=(b"",),
        sections=(make_section(tag, body),),
    )
    with pytest.raises(BadFile, match=tag.name.lower()):
        stored_about(file)


def test_a_bomb_is_refused_by_its_header() -> None:
    bomb = io.BytesIO()
    Image.new("1", (60_000, 600)).save(bomb, "PNG")
    with pytest.raises(BadFile, match="size"):
        exact(bomb.getvalue())
