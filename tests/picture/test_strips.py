"""Files that are written strip by strip are what Pillow would have written at once."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageCms

from tccodec.errors import BadPicture
from tccodec.picture import Picture, Pixels, Strips, read_picture, to_image
from tccodec.picture.save import write_strips
from tests.support.paths import EXAMPLE


def content(*, grey: bool = False, alpha: bool = False) -> Picture:
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:61, :83]
    rgb = np.stack([x * 3, y * 4, x + y], -1) + rng.integers(0, 40, (61, 83, 3))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    return Picture(
        rgb=rgb.clip(0, 255).astype(np.uint8),
        grey=grey,
        alpha=rng.integers(0, 255, (61, 83)).astype(np.uint8) if alpha else None,
        icc=None if grey else profile,
        exif=exif.tobytes().removeprefix(b"Exif\0\0"),
        xmp=b"<x:xmpmeta>\xc3\xa4</x:xmpmeta>",
        comment="grüße".encode(),
    )


def in_strips(picture: Picture, height: int) -> Strips:
    def rows() -> Iterator[Pixels]:
        for top in range(0, picture.height, height):
            yield picture.rgb[top : top + height]

    about = picture.about()
    return Strips(width=picture.width, height=picture.height, rows=rows(), **about)


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("height", [1, 7, 61])
def test_png(grey: bool, alpha: bool, height: int) -> None:
    picture = content(grey=grey, alpha=alpha)
    out = io.BytesIO()
    assert write_strips(in_strips(picture, height), "png", out) == []
    with Image.open(io.BytesIO(out.getvalue())) as image:
        image.load()
        wanted = to_image(picture)
        assert image.mode == wanted.mode and image.tobytes() == wanted.tobytes()
    again = read_picture(out.getvalue())
    for name in ("icc", "exif", "xmp", "comment"):
        assert getattr(again, name) == getattr(picture, name), name


def test_png_is_about_as_large_as_pillows() -> None:
    with Image.open(EXAMPLE) as image:
        picture = Picture(rgb=np.asarray(image.convert("RGB"))[:400])
    ours, theirs = io.BytesIO(), io.BytesIO()
    write_strips(in_strips(picture, 50), "png", ours)
    to_image(picture).save(theirs, "PNG", compress_level=4)
    assert len(ours.getvalue()) < 1.06 * len(theirs.getvalue())


@pytest.mark.parametrize(
    ("suffix", "grey", "magic"),
    [
        *((".ppm", False, b"P6"), (".ppm", True, b"P6")),  # as Netpbm's own programs write them
        *((".pnm", False, b"P6"), (".pnm", True, b"P5"), (".pgm", True, b"P5")),
    ],
)
def test_netpbm(suffix: str, grey: bool, magic: bytes) -> None:
    full = content(grey=grey)
    picture = Picture(rgb=full.rgb, grey=grey)
    mode = "RGB" if magic == b"P6" else "L"
    for about in (picture, replace(picture, comment=b"so Pillow writes it")):
        out = io.BytesIO()
        losses = write_strips(in_strips(about, 9), suffix, out)
        assert len(losses) == bool(about.comment) and out.getvalue().startswith(magic + b"\n")
        with Image.open(io.BytesIO(out.getvalue())) as image:
            assert (image.format, image.mode) == ("PPM", mode)
            assert image.tobytes() == to_image(picture).convert(mode).tobytes()


def test_a_pgm_of_colours_is_made_grey() -> None:
    picture, out = Picture(rgb=content().rgb), io.BytesIO()
    losses = write_strips(in_strips(picture, 9), "pgm", out)
    assert losses == ["PGM has no colours: the picture was made grey"]
    with Image.open(io.BytesIO(out.getvalue())) as image:
        assert image.tobytes() == to_image(picture).convert("L").tobytes()


def test_other_formats_and_what_ppm_cannot_hold_go_through_pillow() -> None:
    for name, kind in (("webp", "WEBP"), ("ppm", "PPM")):
        picture, out = content(alpha=True), io.BytesIO()
        notes = write_strips(in_strips(picture, 9), name, out)
        assert any("no alpha" in note for note in notes) == (name == "ppm")
        with Image.open(io.BytesIO(out.getvalue())) as image:
            assert image.format == kind and image.size == (83, 61)


def test_strips_that_were_read_give_no_picture() -> None:
    strips = in_strips(content(), 7)
    assert strips.picture().rgb.shape == (61, 83, 3)
    with pytest.raises(BadPicture, match=r"^61 rows of the picture were read already$"):
        strips.picture()
    begun = in_strips(content(), 7)
    next(begun.rows)
    with pytest.raises(BadPicture, match=r"^7 rows"):
        begun.picture()
