"""Colours whose meaning a file tells without an ICC profile."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from tccodec.picture import read_picture, save_image, to_image
from tccodec.picture.icc import cicp_of, make_profile, rgb_profile
from tests.support.pictures import GREY, PHOTO, saved
from tests.support.png import chunk, png, png16

ROWS = [b"\0" + row.tobytes() for row in PHOTO]
SIZE = (64, 48)
LINEAR = chunk(b"gAMA", struct.pack(">I", 100_000))
SRGB_GAMMA = chunk(b"gAMA", struct.pack(">I", 45_455))
SRGB_XY = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
P3_XY = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def to_srgb(rgb: np.ndarray, icc: bytes) -> np.ndarray:
    """Through LittleCMS: an oracle for our profiles."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    srgb = ImageCms.createProfile("sRGB")
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    image = Image.fromarray(rgb)
    out = ImageCms.profileToProfile(image, profile, srgb, intent, outputMode="RGB")
    return np.asarray(out).astype(int)


def encoded(light: np.ndarray) -> np.ndarray:
    """Linear light 0 .. 1 -> levels of sRGB."""
    signal = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.rint(signal * 255).astype(int)


def test_a_linear_png_does_not_come_back_dark() -> None:
    picture = read_picture(png(SIZE, 8, 2, ROWS, LINEAR))
    assert np.abs(picture.rgb - encoded(PHOTO / 255)).max() == 0
    assert picture.icc is None and picture.losses == ()
    assert picture.notes == ("gamma 1 converted to sRGB's",)


def test_linear_16_bit_grey_is_converted_before_it_is_rounded() -> None:
    values = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64, 1)
    picture = read_picture(png16(values, 0, LINEAR))
    assert np.abs(picture.rgb[:, :, 0] - encoded(values[:, :, 0] / 65535)).max() == 0
    assert len(np.unique(picture.rgb)) > 50  # 8 bits first would leave 12


@pytest.mark.parametrize("samples", [2, 3, 4])
def test_linear_16_bit_colours_are_converted_before_they_are_rounded(samples: int) -> None:
    values = np.random.default_rng(3).integers(0, 3000, (48, 64, samples)).astype(np.uint16)
    colours = 1 if samples == 2 else 3
    values[..., colours:] = 65535
    picture = read_picture(png16(values, {2: 4, 3: 2, 4: 6}[samples], LINEAR))
    assert np.abs(picture.rgb - encoded(values[..., :colours] / 65535)).max() == 0


@pytest.mark.parametrize("extra_chunk", [SRGB_GAMMA, SRGB_XY, SRGB_GAMMA + SRGB_XY])
def test_chunks_that_mean_srgb_change_nothing(extra_chunk: bytes) -> None:
    picture = read_picture(png(SIZE, 8, 2, ROWS, extra_chunk))
    assert (picture.rgb == PHOTO).all()
    assert (picture.icc, picture.notes, picture.losses) == (None, (), ())


def test_primaries_become_a_profile() -> None:
    picture = read_picture(png(SIZE, 8, 2, ROWS, SRGB_GAMMA + P3_XY))
    assert (picture.rgb == PHOTO).all() and picture.icc is not None
    # Display P3 -> sRGB in linear light.
    matrix = [[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]]
    signal = PHOTO / 255
    light = np.where(signal <= 0.04045, signal / 12.92, ((signal + 0.055) / 1.055) ** 2.4)
    wanted = encoded(np.clip(light @ np.array(matrix).T, 0, 1))
    assert np.abs(to_srgb(PHOTO, picture.icc) - wanted).max() <= 2
    data, _ = save_image(to_image(picture), "jpeg")
    assert read_picture(data).icc == picture.icc


def test_srgb_primaries_in_our_profile_are_srgb() -> None:
    icc = make_profile(primaries=(0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06), curve=None)
    assert np.abs(to_srgb(PHOTO, icc) - PHOTO).max() <= 1


@pytest.mark.parametrize(
    ("stronger", "ignored"),
    [
        (chunk(b"sRGB", b"\0"), LINEAR + P3_XY),
        (chunk(b"cICP", bytes([1, 13, 0, 1])), LINEAR + chunk(b"sRGB", b"\0") + P3_XY),
    ],
)
def test_precedence(stronger: bytes, ignored: bytes) -> None:
    picture = read_picture(png(SIZE, 8, 2, ROWS, stronger + ignored))
    if stronger[4:8] == b"sRGB":
        assert picture.icc is None
    assert (picture.rgb == PHOTO).all() and picture.icc is None


def test_a_profile_outranks_gamma_and_cicp_outranks_the_profile() -> None:
    plain = saved(Image.fromarray(PHOTO), "PNG", icc_profile=ICC)
    after = plain.index(b"iCCP") - 4
    kept = read_picture(plain[:after] + LINEAR + plain[after:])
    assert (kept.rgb == PHOTO).all() and kept.icc == ICC
    linear = chunk(b"cICP", bytes([1, 8, 0, 1]))
    converted = read_picture(plain[:after] + linear + plain[after:])
    assert np.abs(converted.rgb - encoded(PHOTO / 255)).max() == 0 and converted.icc is None


def test_cicp_of_display_p3() -> None:
    by_number = read_picture(png(SIZE, 8, 2, ROWS, chunk(b"cICP", bytes([12, 13, 0, 1]))))
    by_place = read_picture(png(SIZE, 8, 2, ROWS, P3_XY))
    assert by_number.icc == by_place.icc is not None


@pytest.mark.parametrize("transfer", [16, 18])
def test_hdr_signals_keep_their_meaning(transfer: int) -> None:
    cicp = chunk(b"cICP", bytes([9, transfer, 0, 1]))
    picture = read_picture(png(SIZE, 8, 2, ROWS, cicp))
    assert (picture.rgb == PHOTO).all() and picture.icc is not None
    assert cicp_of(picture.icc) == bytes([9, transfer, 0, 1])
    again, _ = save_image(to_image(picture), "png")
    assert cicp_of(read_picture(again).icc or b"") == bytes([9, transfer, 0, 1])
    # White of 203 cd/m2 (58 % of PQ, 75 % of HLG) is shown as white, half of it as much darker.
    white = {16: 148, 18: 191}[transfer]
    grey = np.full((1, 2, 3), white, np.uint8)
    grey[0, 1] = white // 2
    shown = to_srgb(grey, picture.icc)
    assert shown[0, 0].min() > 245 and 20 < shown[0, 1].max() < 140


def test_our_png_of_an_hdr_signal_has_the_chunk() -> None:
    from tccodec.picture.save import write_strips

    cicp = chunk(b"cICP", bytes([9, 16, 0, 1]))
    for grey in (False, True):
        rows = [b"\0" + row.tobytes() for row in GREY] if grey else ROWS
        picture = read_picture(png(SIZE, 8, 0 if grey else 2, rows, cicp))
        out = io.BytesIO()
        write_strips(picture.strips(), "png", out)
        assert cicp in out.getvalue()
        assert read_picture(out.getvalue()).icc == picture.icc


def test_numbers_that_nobody_knows_are_a_loss() -> None:
    picture = read_picture(png(SIZE, 8, 2, ROWS, chunk(b"cICP", bytes([77, 99, 0, 1]))))
    assert [loss.kind for loss in picture.losses] == [
        "primaries of an unknown kind are taken for sRGB's",
        "a transfer function of an unknown kind is taken for sRGB's",
    ]


@pytest.mark.parametrize(
    "body", [bytes(32), struct.pack(">8I", *[1 << 31] * 8), struct.pack(">8I", *[33333] * 8)]
)
def test_nonsense_is_no_colour(body: bytes) -> None:
    picture = read_picture(png(SIZE, 8, 2, ROWS, chunk(b"cHRM", body), chunk(b"gAMA", bytes(4))))
    assert (picture.rgb == PHOTO).all() and picture.icc is None


def test_video_levels_are_widened() -> None:
    picture = read_picture(png(SIZE, 8, 2, ROWS, chunk(b"cICP", bytes([1, 13, 0, 0]))))
    wanted = np.rint(np.clip((PHOTO - 16.0) / 219, 0, 1) * 255)
    assert (picture.rgb == wanted).all() and "widened" in picture.notes[0]


def test_a_cicp_chunk_that_is_not_valid_is_said() -> None:
    for body in (bytes([9, 16, 9, 1]), bytes([9, 16])):
        picture = read_picture(png(SIZE, 8, 2, ROWS, chunk(b"cICP", body)))
        assert picture.losses == ("its cICP chunk is not valid and is left out",)


def test_colours_of_a_tiff_without_a_profile() -> None:
    white, others = (0.3127, 0.329), (0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
    tiff = saved(Image.fromarray(PHOTO), "TIFF", tiffinfo={318: white, 319: others})
    ours, theirs = read_picture(tiff).icc, read_picture(png(SIZE, 8, 2, ROWS, P3_XY)).icc
    assert ours is not None and theirs is not None
    assert np.abs(to_srgb(PHOTO, ours) - to_srgb(PHOTO, theirs)).max() <= 1
    assert read_picture(saved(Image.fromarray(PHOTO), "TIFF", tiffinfo={318: 0.3})).icc is None


def test_palettes_and_alpha_are_converted_too() -> None:
    image = Image.fromarray(PHOTO).convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    data = saved(image, "PNG")
    data = data[:33] + LINEAR + data[33:]
    wanted = encoded(np.asarray(image.convert("RGB")) / 255)
    assert (read_picture(data).rgb == wanted).all()
    alpha = saved(Image.fromarray(np.dstack([PHOTO, 255 - GREY])), "PNG")
    picture = read_picture(alpha[:33] + LINEAR + alpha[33:])
    assert picture.alpha is not None and (picture.alpha == 255 - GREY).all()
    visible = picture.alpha != 0
    assert (picture.rgb[visible] == encoded(PHOTO / 255)[visible]).all()


def test_colours_of_an_avif_without_a_profile() -> None:
    data = bytearray(saved(Image.fromarray(PHOTO), "AVIF"))
    at = data.index(b"colrnclx") + 8
    data[at : at + 4] = struct.pack(">HH", 9, 16)
    picture = read_picture(bytes(data))
    assert picture.icc is not None and cicp_of(picture.icc) == bytes([9, 16, 0, 1])


def grey_profile(*, lab: bool = False) -> bytes:
    """Grey of gamma 1.8."""
    profile = make_profile(primaries=None, curve=np.linspace(0, 1, 256) ** 1.8)
    return profile[:20] + b"Lab " + profile[24:] if lab else profile


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF"])
def test_the_profile_of_a_grey_picture_fits_the_pixels_of_the_file(kind: str, alpha: bool) -> None:
    """WebP and AVIF have no grey: their profile is for RGB, and gives the same colours."""
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None], 8, 0)
    grey = Image.fromarray(ramp)
    if alpha and kind != "JPEG":
        grey.putalpha(200)
    grey.info["icc_profile"] = grey_profile()
    data, losses = save_image(grey, kind)
    assert losses == []
    with Image.open(io.BytesIO(data)) as out:
        profile = out.info["icc_profile"]
        if kind not in ("WEBP", "AVIF"):
            assert out.mode in ("L", "LA") and profile == grey_profile()
            return
        assert out.mode in ("RGB", "RGBA") and profile[16:20] == b"RGB "
        rgb = np.asarray(out.convert("RGB"))
    assert (rgb == ramp[:, :, None]).all()
    wanted = encoded((ramp / 255) ** 1.8)
    assert np.abs(to_srgb(rgb, profile) - wanted[:, :, None]).max() <= 1


def test_a_grey_profile_of_another_kind_is_left_out_where_pixels_are_rgb() -> None:
    grey = Image.fromarray(GREY)
    grey.info["icc_profile"] = grey_profile(lab=True)
    for kind in ("WEBP", "AVIF"):
        data, losses = save_image(grey, kind)
        assert losses == [f"left out, as {kind} cannot hold it here: ICC profile"]
        with Image.open(io.BytesIO(data)) as out:
            assert not out.info.get("icc_profile")
    with Image.open(io.BytesIO(save_image(grey, "PNG")[0])) as out:
        assert out.info["icc_profile"] == grey_profile(lab=True)


def test_a_grey_hdr_signal_is_named_in_the_profile_for_rgb() -> None:
    signal = bytes([9, 16, 0, 1])
    grey = make_profile(primaries=None, curve=np.linspace(0, 1, 256), cicp=signal)
    rgb = rgb_profile(grey)
    assert rgb is not None and cicp_of(rgb) == signal and rgb_profile(rgb) == rgb
