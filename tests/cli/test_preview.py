"""Previews on the command line and in the library: on by default, counted, written on request."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tccodec
from tccodec.container import Tag, read
from tests.support.paths import ROOT
from tests.support.pictures import picture
from tests.support.program import TINY, Run

LARGE = ("-q", "100", "--lossy")  # such a file of the tiny model is large enough for a preview


@pytest.fixture
def noisy(tmp_path: Path) -> Path:
    path = tmp_path / "noisy.png"
    picture(size=(300, 200), noise=60).save(path)
    return path


@pytest.fixture
def packed(run: Run, noisy: Path) -> Path:
    assert run("compress", noisy, *TINY, *LARGE, "-Q").code == 0
    return noisy.with_suffix(".tcz")


def test_a_file_has_one_of_a_hundredth_of_the_rest(run: Run, packed: Path) -> None:
    [described] = run("info", packed, "--json").json()
    size = described["sections"]["preview"]
    plain = packed.with_name("plain.tcz")
    assert run("compress", "noisy.png", *TINY, *LARGE, "--no-preview", "-o", plain).code == 0
    [other] = run("info", plain, "--json").json()
    assert other["sections"] == {}
    assert other["payload_bytes"] == described["payload_bytes"]
    added = described["bytes"] - other["bytes"]
    assert size < added <= other["bytes"] / 100
    same = (np.asarray(tccodec.decompress(path)) for path in (packed, plain))
    assert np.array_equal(*same)


def test_it_counts_for_a_size(run: Run, noisy: Path, packed: Path) -> None:
    most = packed.stat().st_size * 9 // 10
    out = noisy.with_name("small.tcz")
    assert run("compress", noisy, *TINY, "--lossy", "--size", str(most), "-o", out).code == 0
    assert out.stat().st_size <= most
    assert tccodec.preview(out) is not None


def test_metadata_is_not_in_it(run: Run, tmp_path: Path, packed: Path) -> None:
    image = picture(size=(300, 200), noise=60)
    exif = Image.Exif()
    exif[270] = "a description"
    image.save(tmp_path / "exif.png", exif=exif)
    out = tmp_path / "exif.tcz"
    assert run("compress", "exif.png", *TINY, *LARGE, "--strip", "all", "-o", out).code == 0
    assert out.read_bytes() == packed.read_bytes()


def test_it_is_written_without_torch(packed: Path) -> None:
    script = (
        "import sys; from tccodec.cli import main\n"
        "try: main(['decompress', 'noisy.tcz', '--preview', '-o', 'small.png', '-Q'])\n"
        "finally: print('torch' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=packed.parent,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    assert run.stdout == b"False\n"
    with Image.open(packed.with_name("small.png")) as image:
        assert max(image.size) <= 128
        assert (np.asarray(image) == np.asarray(tccodec.preview(packed))).all()


def test_the_default_name_leaves_the_picture_alone(run: Run, packed: Path) -> None:
    result = run("decompress", packed, "--preview")
    assert result.code == 0, result.err
    assert packed.with_name("noisy.preview.png").exists() and "MP/s" not in result.err
    shutil.copy(packed, "two.tcz")
    result = run("decompress", packed, "two.tcz", "--preview", "-o", "out/")
    assert "2 pictures, " in result.err and "MP/s" not in result.err


def test_a_file_without_one_is_decoded_and_made_small(run: Run, tmp_path: Path) -> None:
    picture(size=(900, 400)).save(tmp_path / "wide.png", dpi=(72, 72), icc_profile=b"")
    assert run("compress", "wide.png", *TINY, "-q", "0", "-Q").code == 0
    assert tccodec.preview(tmp_path / "wide.tcz") is None
    result = run("decompress", "wide.tcz", "--preview", *TINY, "-o", "small.png")
    assert result.code == 0, result.err
    with Image.open(tmp_path / "small.png") as image:
        assert image.size == (256, 114) and not image.info


@pytest.mark.parametrize("other", [("--scale", "1/2"), ("--realism", "1"), ("--region", "0,0,9,9")])
def test_it_is_the_whole_picture_as_it_is(run: Run, packed: Path, other: tuple[str, str]) -> None:
    result = run("decompress", packed, "--preview", *other)
    assert (result.code, result.err.count("\n")) == (2, 1) and "--preview" in result.err


def test_the_library_and_pillow(packed: Path, tiny_model_dir: Path) -> None:
    import tccodec.pillow

    with Image.open(packed) as image:
        small = image.info["preview"]
    assert small[4:12] == b"ftypavif"
    codec = tccodec.Codec.from_pretrained(tiny_model_dir, device="cpu")
    pixels = np.asarray(picture(size=(300, 200), noise=60))
    assert read(codec.encode(pixels, 100)).section(Tag.PREVIEW) is None
    options = {"quality": 100, "lossy": True}
    with_one = codec.compress(Image.fromarray(pixels), **options)  # type: ignore[arg-type]
    assert with_one == packed.read_bytes()
    without = codec.compress(Image.fromarray(pixels), **options, preview=False)  # type: ignore[arg-type]
    assert len(without) < len(with_one) and tccodec.preview(without) is None
