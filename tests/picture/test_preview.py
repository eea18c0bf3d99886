"""Previews: small, in sRGB, of what can be seen, and never in the way of the picture."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

import tccodec
from tccodec.container import Tag, TczFile, make_section, read, write
from tccodec.picture import Picture, from_image
from tccodec.picture.icc import make_profile
from tccodec.picture.preview import MAX_BYTES, MAX_SIDE, Previewer, preview_file, stored_preview
from tests.support.paths import EXAMPLE
from tests.support.pictures import photo

LARGE = 1_000_000  # bytes of a file whose preview may be as large as any


def file_with(body: bytes) -> TczFile:
    section = make_section(Tag.PREVIEW, body)
    return TczFile(
        width=1, height=1, setting=0, model_id=bytes(5), tiles=(b"",), sections=(section,)
    )


def shown(picture: Picture, file_bytes: int = LARGE) -> Image.Image:
    body = Previewer(picture).preview(file_bytes)
    assert body is not None
    image = stored_preview(file_with(body))
    assert image is not None
    return image


@pytest.fixture(scope="module")
def example() -> Picture:
    with Image.open(EXAMPLE) as image:
        return from_image(image)


@pytest.mark.parametrize("file_bytes", [12_000, 25_000, 60_000, LARGE])
def test_it_takes_at_most_a_hundredth_and_looks_like_the_picture(
    example: Picture, file_bytes: int
) -> None:
    body = Previewer(example).preview(file_bytes)
    assert body is not None
    assert len(body) <= min(file_bytes // 100, MAX_BYTES)
    image = stored_preview(file_with(body))
    assert image is not None and max(image.size) <= MAX_SIDE
    whole = Image.fromarray(example.rgb).resize(image.size, Image.Resampling.BOX)
    error = np.square(np.subtract(image, whole, dtype=float)).mean()
    assert error < (400 if file_bytes < 20_000 else 250 if file_bytes < 100_000 else 120)


def test_small_files_have_none(example: Picture) -> None:
    assert Previewer(example).preview(11_999) is None


@pytest.mark.parametrize("size", [(1, 1), (3000, 1), (1, 300), (127, 129)])
def test_any_shape(size: tuple[int, int]) -> None:
    image = shown(Picture(rgb=photo(size[1], size[0])))
    assert max(image.size) <= min(MAX_SIDE, max(size))


def test_a_grey_picture_is_grey() -> None:
    grey = photo(80, 100)[:, :, :1].repeat(3, 2)
    pixels = np.asarray(shown(Picture(rgb=grey, grey=True)))
    assert (pixels == pixels[..., :1]).all()


def test_transparent_parts_are_white() -> None:
    rgb = np.zeros((64, 64, 3), np.uint8)
    alpha = np.zeros((64, 64), np.uint8)
    alpha[:, :32] = 255
    pixels = np.asarray(shown(Picture(rgb=rgb, alpha=alpha))).astype(int)
    assert pixels[:, :28].max() < 20 and pixels[:, 36:].min() > 235


def test_colours_are_those_of_srgb() -> None:
    wide = (0.3127, 0.329, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046)
    green = np.full((64, 64, 3), (120, 200, 60), np.uint8)
    profile = make_profile(primaries=wide, curve=None)
    got = np.asarray(shown(Picture(rgb=green, icc=profile))).mean((0, 1))
    source, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(Image.fromarray(green), source, srgb)
    want = np.asarray(converted).mean((0, 1))
    assert np.abs(want - (120, 200, 60)).max() > 20
    assert np.abs(got - want).max() < 4


def test_a_profile_without_a_conversion_has_no_preview(example: Picture) -> None:
    assert Previewer(replace(example, icc=b"no profile")).preview(LARGE) is None


@pytest.mark.parametrize("body", [b"", b"preview", b"\x0a\x01\x00\x32\x00", bytes(MAX_BYTES + 1)])
def test_what_is_no_preview_is_not_shown(body: bytes) -> None:
    assert stored_preview(file_with(body)) is None


def test_damage_within_a_preview_hides_the_preview_only(
    example: Picture, tiny_model_dir: Path
) -> None:
    codec = tccodec.Codec.from_pretrained(tiny_model_dir, device="cpu")
    image = Image.fromarray(photo(40, 60))
    file = read(codec.compress(image, lossy=True))
    want = np.asarray(codec.decompress(write(file)))
    body = Previewer(example).preview(LARGE)
    assert body is not None
    for bad in (body[:-1], body[: len(body) // 2], body + b"\0", body[:20] + b"\xff" * 40, b"?"):
        damaged = write(replace(file, sections=(make_section(Tag.PREVIEW, bad),)))
        assert (np.asarray(codec.decompress(damaged)) == want).all()
        codec.verify(damaged)
        tccodec.preview(damaged)  # whatever a decoder makes of it, or None


def test_the_file_of_a_preview_is_an_avif(example: Picture) -> None:
    body = Previewer(example).preview(LARGE)
    assert body is not None
    avif = preview_file(file_with(body))
    assert avif is not None and avif[4:12] == b"ftypavif" and avif.endswith(body)
