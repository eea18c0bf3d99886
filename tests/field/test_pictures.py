"""What people's picture files hold: nothing of it is lost in silence."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tccodec.errors import BadPicture
from tccodec.picture import read_picture
from tccodec.picture.kinds import Kind, kind_of, named_as_picture
from tccodec.report.pictures import find_pictures, read_rgb

RNG = np.random.default_rng(7)
PHOTO = np.clip(
    np.add.outer(np.arange(48) * 3.0, np.arange(64) * 1.5)[:, :, None]
    + [0, 20, 40]
    + RNG.normal(0, 4, (48, 64, 3)),
    0,
    255,
).astype(np.uint8)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


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
    assert find_pictures(tmp_path) == [tmp_path / "stereo.mpo"]


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
