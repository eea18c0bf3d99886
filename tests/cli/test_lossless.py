"""Lossless pictures on the command line: drawings by themselves, everything on request."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tccodec
from tccodec.picture.icc import make_profile
from tests.support.pictures import page, picture
from tests.support.png import chunk, png, png16
from tests.support.program import Run


def test_a_lossless_file_is_called_so(run: Run, tmp_path: Path) -> None:
    page().save(tmp_path / "page.png")
    result = run("compress", "page.png", "-q", "100", "--model", "tiny")
    assert result.code == 0 and result.err.rstrip().endswith("lossless")
    assert b"lossless" in run("info", "page.tcz").out
    assert run("info", "page.tcz", "--json").json()[0]["lossless"] is True
    back = run("decompress", "page.tcz", "-o", "back.png", "--json")
    assert back.code == 0 and back.json()[0]["realism"] is None  # there are no latents
    with Image.open(tmp_path / "back.png") as back:
        assert np.array_equal(back, page())
    assert run("verify", "page.tcz").code == 0
    result = run("compress", "page.png", "-o", "net.tcz", "--model", "tiny", "--lossy", "--json")
    assert result.json()[0]["lossless"] is False
    back = run("decompress", "net.tcz", "-o", "net.png", "--json")
    assert back.code == 0 and back.json()[0]["realism"] == 0


def test_options_without_effect_are_said(run: Run, tmp_path: Path) -> None:
    page().save(tmp_path / "page.png")
    result = run("compress", "page.png", "-q", "50", "--model", "tiny", "--screen")
    assert result.err.rstrip().endswith("quality 50, 100% as WebP")
    back = run("decompress", "page.tcz", "-o", "back.png", "--realism", "1", "--json")
    assert back.code == 0 and back.json()[0]["realism"] is None
    remark = "it is stored as WebP, so --realism changes nothing"
    assert back.json()[0]["remark"] == remark and f"page.tcz: {remark}" in back.err
    assert back.json()[0]["seconds"] > 0.001  # the section is decoded before the first row


def test_hidden_colours_cost_little(run: Run, tmp_path: Path) -> None:
    """Whatever lies under transparent pixels, the file is that of the visible ones."""
    image = picture(size=(200, 200), noise=40)
    rgba = np.dstack([np.asarray(image), np.zeros((200, 200), np.uint8)])
    rgba[60:140, 60:140, 3] = 200
    Image.fromarray(rgba).save(tmp_path / "one.png")
    rgba[rgba[..., 3] == 0] = 0
    Image.fromarray(rgba).save(tmp_path / "two.png")
    for name in ("one", "two"):
        result = run("compress", f"{name}.png", "--lossless", "--verify", "--model", "tiny")
        assert result.code == 0 and "lossless, 100.00 dB, verified" in result.err
        assert run("decompress", f"{name}.tcz", "-o", f"{name}-back.png").code == 0
    assert (tmp_path / "one.tcz").read_bytes() == (tmp_path / "two.tcz").read_bytes()
    with Image.open(tmp_path / "one-back.png") as back:
        seen = rgba[..., 3] != 0
        assert np.array_equal(np.asarray(back)[seen], rgba[seen])
    Image.fromarray(rgba[60:140, 60:140]).save(tmp_path / "visible.png")
    assert run("compress", "visible.png", "--lossless", "--model", "tiny").code == 0
    sizes = [(tmp_path / f"{name}.tcz").stat().st_size for name in ("one", "visible")]
    assert sizes[0] < 1.1 * sizes[1]


def test_blocks_are_named(run: Run, tmp_path: Path) -> None:
    page().save(tmp_path / "page.png")
    result = run("compress", "page.png", "--model", "tiny", "--json")
    assert result.json()[0]["apart"] == 1 and result.json()[0]["lossless"] is False
    assert b"100% in the section blocks (" in run("info", "page.tcz").out
    described = run("info", "page.tcz", "--json").json()[0]
    assert described["apart"]["share"] == 1 and described["apart"]["method"] in ("WebP", "AV1")
    result = run("compress", "page.png", "-f", "--lossy", "--screen", "--model", "tiny")
    assert result.code and "not both" in result.err and "Traceback" not in result.err


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA", "1", "P"])
def test_every_pixel_on_request(run: Run, tmp_path: Path, mode: str) -> None:
    image = picture(size=(90, 70), noise=40)
    if mode.endswith("A"):
        image.putalpha(image.convert("L").point(lambda level: max(level, 1)))
    image = image.convert(mode)
    image.save(tmp_path / "in.png")
    result = run("compress", "in.png", "--lossless", "--verify", "--model", "tiny", "--json")
    assert result.code == 0 and "lossless, 100.00 dB, verified" in result.err
    [said] = result.json()
    assert said["lossless"] is True and said["psnr"] == 100
    assert run("decompress", "in.tcz", "-o", "out.png").code == 0
    wanted = image.convert("RGB") if mode == "P" else image.convert("L") if mode == "1" else image
    with Image.open(tmp_path / "out.png") as back:
        assert back.mode == wanted.mode and np.array_equal(back, wanted)
    with Image.open(tmp_path / "in.png") as again:
        image = tccodec.decompress(tccodec.compress(again, lossless=True, model="tiny"))
        assert np.array_equal(image, wanted)


def converted(kind: str, path: Path) -> None:
    wide = np.asarray(picture()).astype(np.uint16) * 257
    if kind == "16 bits a channel":
        path.write_bytes(png16(wide, 2))
    elif kind == "16-bit grey":
        path.write_bytes(png16(wide[:, :, :1], 0))
    elif kind == "gamma":
        rows = [b"\0" + row.tobytes() for row in np.asarray(picture())]
        path.write_bytes(png((60, 40), 8, 2, rows, chunk(b"gAMA", (100_000).to_bytes(4))))
    else:
        picture().convert(kind).save(path, "TIFF")


@pytest.mark.parametrize("kind", ["16 bits a channel", "16-bit grey", "gamma", "CMYK", "LAB"])
def test_pixels_that_must_be_converted_are_refused(run: Run, tmp_path: Path, kind: str) -> None:
    converted(kind, tmp_path / "in.png")
    assert run("compress", "in.png", "--model", "tiny", "-o", "lossy.tcz").code == 0
    result = run("compress", "in.png", "--lossless", "--model", "tiny")
    assert result.code == 1 and result.err.count("\n") == 1
    assert f"it cannot be kept lossless: {kind}" in result.err
    assert not (tmp_path / "in.tcz").exists()


def test_a_stripped_profile_changes_colours(run: Run, tmp_path: Path) -> None:
    wide = make_profile(primaries=(0.3127, 0.329, 0.7, 0.29, 0.17, 0.79, 0.13, 0.05), curve=None)
    picture().save(tmp_path / "in.png", icc_profile=wide)
    assert run("compress", "in.png", "--lossless", "--model", "tiny").code == 0
    result = run("compress", "in.png", "-f", "--lossless", "--strip", "icc", "--model", "tiny")
    assert result.code == 1 and "colours converted to sRGB" in result.err


@pytest.mark.parametrize(
    "other",
    [("-q", "100"), ("--size", "9KB"), ("--like", "webp:50"), ("--lossy",), ("--screen",)],
)
def test_lossless_is_a_target_of_its_own(run: Run, tmp_path: Path, other: tuple[str, ...]) -> None:
    picture().save(tmp_path / "in.png")
    result = run("compress", "in.png", "--lossless", *other)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert not (tmp_path / "in.tcz").exists()
