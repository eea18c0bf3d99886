"""TIFFs that Pillow reads without an error, but not as they are."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tccodec.errors import BadPicture
from tccodec.picture import Picture, from_image, read_picture
from tests.support.pictures import gradient
from tests.support.tiff import tiff

SIZE = (40, 24)
RGB = gradient(24, 40)
GREY = RGB[:, :, 0]
SHADE = np.arange(40, dtype=np.uint8).repeat(24).reshape(24, 40) + 1


def planes(pixels: np.ndarray, order: str) -> list[bytes]:
    """The channels of `(H, W, n)`, each in 16 bits."""
    wide = (pixels.astype(np.uint16) * 257).astype(f"{order}u2")
    return [wide[:, :, i].tobytes() for i in range(wide.shape[2])]


def read_twice(data: bytes) -> Picture:
    """What is read from a file, also by way of an image."""
    with Image.open(io.BytesIO(data)) as image:
        through_image = from_image(image)
    picture = read_picture(data)
    assert (picture.rgb == through_image.rgb).all()
    return picture


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("deflate", [False, True])
def test_sixteen_bits_with_channels_apart(order: str, deflate: bool) -> None:
    options = {"bits": 16, "photometric": 2, "apart": True, "order": order, "deflate": deflate}
    picture = read_twice(tiff(SIZE, planes(RGB, order), samples=3, **options))
    assert (picture.rgb == RGB).all()
    assert picture.losses == ("16 bits a channel reduced to 8",)
    rgba = np.dstack([RGB, SHADE])
    picture = read_twice(tiff(SIZE, planes(rgba, order), samples=4, alpha=True, **options))
    assert (picture.rgb == RGB).all()
    assert picture.alpha is not None and (picture.alpha == SHADE).all()


@pytest.mark.parametrize("order", ["<", ">"])
def test_one_channel_that_lies_apart(order: str) -> None:
    """Nothing differs, but Pillow forgets the number of bits, and that white is zero."""
    options = {"apart": True, "order": order}
    wide = (GREY.astype(np.uint16) * 257).astype(f"{order}u2")
    for data in (
        tiff(SIZE, [(255 - GREY).tobytes()], bits=8, photometric=0, **options),
        tiff(SIZE, [wide.tobytes()], bits=16, photometric=1, **options),
        tiff(
            SIZE,
            [(GREY / 255).astype(f"{order}f4").tobytes()],
            bits=32,
            photometric=1,
            kind=3,
            **options,
        ),
    ):
        picture = read_twice(data)
        assert picture.grey and (picture.rgb[:, :, 0] == GREY).all()


@pytest.mark.parametrize(("kind", "dtype"), [(2, "i2"), (2, "i4"), (3, "f4")])
@pytest.mark.parametrize("order", ["<", ">"])
def test_compressed_numbers_of_either_order(order: str, kind: int, dtype: str) -> None:
    values = GREY / 255 if kind == 3 else GREY.astype(int)
    data = values.astype(order + dtype)
    options = {"bits": 8 * data.itemsize, "photometric": 1, "kind": kind, "order": order}
    picture = read_twice(tiff(SIZE, [data.tobytes()], deflate=True, **options))
    assert (picture.rgb[:, :, 0] == GREY).all()


def test_a_layout_that_pillow_cannot_read_is_refused() -> None:
    """Pillow takes 16 bits of CMYK for 8, and alpha beside grey for zero."""
    inks = np.dstack([255 - RGB, np.zeros_like(GREY)])
    wide = tiff(SIZE, planes(inks, "<"), bits=16, photometric=5, samples=4, apart=True)
    both = [GREY.tobytes(), SHADE.tobytes()]
    options = {"bits": 8, "photometric": 1, "samples": 2, "apart": True, "alpha": True}
    for data in (wide, tiff(SIZE, both, deflate=True, **options)):
        with pytest.raises(BadPicture, match="channels apart"):
            read_picture(data)


def test_twelve_bits_are_full_scale() -> None:
    values = GREY.astype(int) * 4095 // 255
    bits = values[:, :, None] >> np.arange(11, -1, -1) & 1
    data = tiff(SIZE, [np.packbits(bits).tobytes()], bits=12, photometric=1)
    picture = read_twice(data)
    assert np.abs(picture.rgb[:, :, 0].astype(int) - GREY).max() <= 1
    assert picture.losses == ("12-bit grey reduced to 8 bits",) == (picture.inexact,)


def test_floats_of_which_white_is_zero() -> None:
    data = (1 - GREY / 255).astype("<f4").tobytes()
    picture = read_twice(tiff(SIZE, [data], bits=32, photometric=0, kind=3))
    assert (picture.rgb[:, :, 0] == GREY).all()


def test_signed_bytes_are_signed() -> None:
    """Pillow reads them as unsigned: the darker half comes out bright."""
    signed = (GREY.astype(int) - 128).astype(np.int8)
    low, high = int(signed.min()), int(signed.max())
    wanted = np.rint((signed.astype(float) - low) * 255 / (high - low))
    options = {"bits": 8, "photometric": 1, "kind": 2}
    picture = read_twice(tiff(SIZE, [signed.tobytes()], **options))
    assert (picture.rgb[:, :, 0] == wanted).all()
    assert picture.inexact == f"signed 8-bit grey stretched from {low} .. {high} to 8 bits"
    positive = read_twice(tiff(SIZE, [(GREY // 2).tobytes()], **options))
    assert (positive.rgb[:, :, 0] == GREY // 2).all() and not positive.inexact
