"""What a .tcz does not hold of a picture's file is said; what it can hold is kept."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tccodec.container import Tag, TczFile, make_section, read, write
from tccodec.picture import (
    Loss,
    from_image,
    read_picture,
    save_image,
    sections_of,
    stored_about,
    to_image,
)
from tccodec.picture.losses import bits_of
from tccodec.picture.types import Picture
from tests.support.pictures import GREY, PHOTO, saved
from tests.support.png import chunk, png, png16

IMAGE = Image.fromarray(PHOTO)
FILM = struct.pack(">I", 24) + b"ftypmp42" + bytes(500)


def said(data: bytes) -> tuple[str, ...]:
    return read_picture(data).losses


def test_pages_of_a_scan_are_said() -> None:
    pages = saved(IMAGE, "TIFF", save_all=True, append_images=[IMAGE, IMAGE.rotate(9)])
    picture = read_picture(pages)
    assert picture.losses == ("page 1 of 3 is kept",)
    assert picture.losses[0].kind == "one page of several is kept"
    assert picture.part == "page 1 of 3"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("GIF", "frame 1 of 2"),
        ("WEBP", "frame 1 of 2"),
        ("PNG", "frame 1 of 2"),
        ("AVIF", "frame 1 of 2"),
        ("MPO", "picture 1 of 2"),
    ],
)
def test_frames_are_said(kind: str, text: str) -> None:
    data = saved(IMAGE, kind, save_all=True, append_images=[IMAGE.rotate(90)])
    assert said(data) == (f"{text} is kept",)


def test_the_frame_that_is_shown_is_named() -> None:
    data = saved(IMAGE, "TIFF", save_all=True, append_images=[IMAGE.rotate(90)])
    with Image.open(io.BytesIO(data)) as image:
        image.seek(1)
        assert from_image(image).part == "page 2 of 2"


def test_sizes_of_an_icon_are_said() -> None:
    assert said(saved(IMAGE, "ICO", sizes=[(32, 24), (16, 12)])) == (
        "the largest of 2 sizes is kept",
    )


def test_a_motion_photos_film_is_said() -> None:
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP"):
        plain = saved(IMAGE.quantize(16) if kind == "GIF" else IMAGE, kind)
        assert said(plain) == ()
        assert said(plain + FILM) == ("a film behind the picture is left out",)
        assert said(plain + bytes(99)) == ()  # padding
    assert "a film behind the picture is left out" in said(
        saved(IMAGE, "MPO", save_all=True, append_images=[IMAGE.rotate(9)]) + FILM
    )
    film = saved(IMAGE, "AVIF") + struct.pack(">I4s", 8 + len(FILM), b"mpvd") + FILM
    assert said(film) == ("a film behind the picture is left out",)


def test_an_hdr_gain_map_is_said() -> None:
    mark = b'<x:xmpmeta><rdf:Description hdrgm:Version="1.0"/></x:xmpmeta>'
    ultra = saved(IMAGE, "JPEG", xmp=mark) + saved(IMAGE.convert("L"), "JPEG")
    assert said(ultra) == ("the gain map of its HDR version is left out",)


def test_data_behind_the_picture_are_said() -> None:
    losses = read_picture(saved(IMAGE, "JPEG", progressive=True) + b"SECRET" * 9).losses
    assert losses == ("54 bytes of data behind the picture are left out",)
    assert losses[0].kind == "data behind the picture are left out"


def test_sixteen_bits_are_said() -> None:
    wide = np.repeat(GREY[:, :, None].astype(np.uint16) * 257, 3, 2)
    wide[0, 0, 0] ^= 999
    for data in (
        png16(wide, 2),
        b"P6 64 48 65535\n" + wide.astype(">u2").tobytes(),
        saved(Image.fromarray(wide[:, :, 0]), "TIFF"),
        saved(IMAGE, "SGI", bpc=2),
    ):
        assert len(said(data)) == 1 and "reduced" in said(data)[0] and "16" in said(data)[0]


def test_sixteen_bits_for_three_channels_lose_nothing() -> None:
    masks = struct.pack("<3I", 0xF800, 0x7E0, 0x1F)
    sizes = struct.pack("<IiiHHIIiiII", 40, 2, 1, 1, 16, 3, 4, 0, 0, 0, 0)
    data = struct.pack("<2sIII", b"BM", 70, 0, 66) + sizes + masks + b"\0\xf8\x1f\0"
    picture = read_picture(data)
    assert picture.rgb.tolist() == [[[255, 0, 0], [0, 0, 255]]]
    assert picture.losses == () and picture.inexact == ""


@pytest.mark.parametrize("kind", ["PPM", "BMP", "PNG", "TIFF", "TGA", "SGI"])
def test_an_image_that_is_loaded_already_is_read(kind: str) -> None:
    with Image.open(io.BytesIO(saved(IMAGE, kind))) as image:
        image.load()
        assert (from_image(image).rgb == PHOTO).all()


def test_ten_bit_avif_is_said() -> None:
    data = bytearray(saved(IMAGE, "AVIF"))
    with Image.open(io.BytesIO(data)) as image:
        assert bits_of(image, bytes(data)) == 8
        data[data.index(b"av1C") + 6] |= 0x40
        assert bits_of(image, bytes(data)) == 10
        data[data.index(b"av1C") + 6] |= 0x60
        assert bits_of(image, bytes(data)) == 12


def test_png_text_is_said() -> None:
    text = PngInfo()
    for key in ("Title", "Author", "Software", "Comment"):
        text.add_text(key, "x")
    picture = read_picture(saved(IMAGE, "PNG", pnginfo=text))
    assert picture.losses == ("PNG text is left out: Title, Author",)
    assert picture.comment == b"x"


def test_png_text_under_the_names_of_fields_is_text() -> None:
    """Pillow puts both into `info`."""
    names = "transparency", "aspect", "jfif_density", "gamma", "bit_depth", "aux", "dpi"
    for key in names:
        text = PngInfo()
        text.add_text(key, "x")
        for image in (IMAGE, IMAGE.quantize(4), IMAGE.convert("L")):
            picture = read_picture(saved(image, "PNG", pnginfo=text))
            assert picture.losses == (f"PNG text is left out: {key}",) and picture.alpha is None
            assert (picture.rgb == np.asarray(image.convert("RGB"))).all()


def test_one_comment_of_a_png_is_kept() -> None:
    text = PngInfo()
    text.add_text("comment", "x")
    picture = read_picture(saved(IMAGE, "PNG", pnginfo=text))
    assert picture.comment == b"x" and picture.losses == ()
    text.add_text("Comment", "y")
    assert said(saved(IMAGE, "PNG", pnginfo=text)) == (
        "PNG text is left out: all comments but one",
    )


def test_a_damaged_profile_is_said() -> None:
    rows = [b"\0" + row.tobytes() for row in PHOTO]
    jpeg = saved(IMAGE, "JPEG", icc_profile=bytes(100_000))
    at = jpeg.index(b"ICC_PROFILE\0\1\2")
    for data in (
        png((64, 48), 8, 2, rows, chunk(b"iCCP", b"name\0\0no stream")),
        jpeg[: at + 13] + b"\3" + jpeg[at + 14 :],  # of three segments, there are two
    ):
        picture = read_picture(data)
        assert picture.icc is None
        assert picture.losses == ("ICC profile left out: it cannot be read",)


def test_iptc_is_said() -> None:
    body = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + struct.pack(">I", 12)
    body += b"\x1c\x02\x78\0\x07caption"
    segment = b"\xff\xed" + struct.pack(">H", len(body) + 2) + body
    jpeg = saved(IMAGE, "JPEG")
    assert said(jpeg[:2] + segment + jpeg[2:]) == ("IPTC is left out",)
    assert "IPTC is left out" in said(saved(IMAGE, "TIFF", tiffinfo={33723: b"x" * 8}))


def test_tags_of_geography_are_said() -> None:
    data = saved(IMAGE, "TIFF", tiffinfo={33550: (1.0, 1.0, 0.0)})
    assert said(data) == ("TIFF tags are left out: ModelPixelScaleTag",)


def test_channels_besides_the_colours_are_said() -> None:
    data = bytearray(saved(Image.fromarray(np.dstack([PHOTO, GREY])), "TIFF"))
    at = data.index(struct.pack("<HHI", 338, 3, 1))
    data[at + 8] = 0  # its fourth channel is no alpha
    assert said(bytes(data)) == ("channels besides the colours are left out: 1",)


def test_content_credentials_are_said() -> None:
    body = b"JP\0\1\0\0\0\1" + b"\0\0\0\x20jumb" + bytes(40)
    jpeg = saved(IMAGE, "JPEG")
    data = jpeg[:2] + b"\xff\xeb" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]
    assert said(data) == ("JPEG segments are left out: content credentials",)


def test_metadata_that_is_too_large_is_said() -> None:
    data = saved(IMAGE, "PNG", exif=b"MM\0*\0\0\0\x08\0\0\0\0\0\0" + bytes(40_000_000))
    (loss,) = read_picture(data).losses
    assert loss == "EXIF left out: it is too large, 40,000,014 bytes"


def test_a_picture_without_extras_loses_nothing() -> None:
    for kind in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM", "TGA", "JPEG2000"):
        assert said(saved(IMAGE.convert("P") if kind == "GIF" else IMAGE, kind)) == ()


def test_losses_are_strings_with_a_kind() -> None:
    assert Loss("a").kind == "a" and Loss("a", "b").kind == "b" and Loss("a", "b") == "a"


def stored(picture: Picture) -> Picture:
    """The picture after a .tcz of its metadata."""
    file = TczFile(
        width=picture.width,
        height=picture.height,
        setting=0,
        model_id=bytes(5),
        tiles=(b"",),
        grey=picture.grey,
        sections=tuple(s for s in sections_of(picture) if s.number != Tag.ALPHA),
    )
    about = stored_about(read(write(file)))
    return Picture(rgb=picture.rgb, grey=picture.grey, **about)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP", "AVIF"])
def test_resolution_comes_back(kind: str) -> None:
    source = read_picture(saved(IMAGE, "PNG", dpi=(300, 150)))
    assert source.resolution == (300, 150)
    data, losses = save_image(to_image(stored(source)), kind)
    assert losses == []
    assert read_picture(data).resolution == (300, 150)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
def test_resolution_is_read_from(kind: str) -> None:
    assert read_picture(saved(IMAGE, kind, dpi=(300, 300))).resolution == (300, 300)


def test_a_tiff_without_resolution_has_none() -> None:
    data = saved(IMAGE, "TIFF")
    assert read_picture(data).resolution is None
    with Image.open(io.BytesIO(data)) as image:
        assert image.info["dpi"] == (1, 1)  # what Pillow makes of that
        assert from_image(image.copy()).resolution is None


def test_metric_resolution_comes_back_to_the_dot() -> None:
    jpeg = bytearray(saved(IMAGE, "JPEG", dpi=(118, 118)))
    jpeg[jpeg.index(b"JFIF") + 7] = 2  # per centimetre
    picture = stored(read_picture(bytes(jpeg)))
    assert picture.resolution == (299.72, 299.72)
    dots = chunk(b"pHYs", struct.pack(">IIB", 2834, 2835, 1))
    rows = [b"\0" + row.tobytes() for row in PHOTO]
    data = png((64, 48), 8, 2, rows, dots)
    again, _ = save_image(to_image(stored(read_picture(data))), "png")
    assert dots in again


def test_resolution_turns_with_the_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = read_picture(saved(IMAGE, "PNG", dpi=(300, 150), exif=exif.tobytes()))
    assert picture.resolution == (150, 300)


def test_resolution_turns_with_a_tiff() -> None:
    picture = read_picture(saved(IMAGE, "TIFF", dpi=(300, 150), tiffinfo={274: 6}))
    assert picture.rgb.shape == (64, 48, 3) and picture.resolution == (150, 300)


def test_72_dpi_takes_no_bytes() -> None:
    assert read_picture(saved(IMAGE, "JPEG", dpi=(72, 72))).resolution is None


def test_a_format_without_resolution_says_so() -> None:
    picture = Picture(rgb=PHOTO, resolution=(300.0, 300.0))
    _, losses = save_image(to_image(picture), "jp2")
    assert losses == ["left out, as JPEG2000 cannot hold it here: resolution"]


@pytest.mark.parametrize("body", [b"\1", b"\0\0", b"\1\1\1", b"\x80\0\1"])
def test_bad_resolution_section(body: bytes) -> None:
    from tccodec.errors import BadFile

    section = make_section(Tag.RESOLUTION, body)
    file = TczFile(
        width=1, height=1, setting=0, model_id=bytes(5), tiles=(b"",), sections=(section,)
    )
    with pytest.raises(BadFile):
        stored_about(file)


def test_alpha_put_on_white_is_a_loss() -> None:
    image = Image.fromarray(np.dstack([PHOTO, GREY]))
    for kind in ("jpeg", "bmp"):
        _, losses = save_image(image, kind)
        assert losses == [f"{kind.upper()} has no alpha: the picture was put on white"]


def test_fewer_colours_of_gif_and_size_of_icons_are_said() -> None:
    assert save_image(IMAGE, "gif")[1] == ["GIF holds 256 colours: the picture was reduced to them"]
    assert save_image(IMAGE.convert("L"), "gif")[1] == []
    data, losses = save_image(IMAGE, "ico")
    with Image.open(io.BytesIO(data)) as icon:
        assert losses == [] and icon.size == IMAGE.size
    assert "made to fit" in save_image(IMAGE.resize((300, 300)), "ico")[1][0]
