"""The package for browsers: its own tests, and models of every shape against the codec."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import tccodec
from tests.golden.make import MODEL
from tests.support.node import NODE, WEB, old_node
from tests.support.paths import EXAMPLE, ROOT
from tests.support.pictures import hard
from tests.support.shapes import SHAPES, model_of

pytestmark = pytest.mark.skipif(old_node(), reason="Node 20.15 or later is not here")


def decoded(model: Path, data: bytes, tmp_path: Path, **options: Any) -> NDArray[np.int64]:
    """RGBA that the package gives, `(H, W, 4)`."""
    (tmp_path / "in.tcz").write_bytes(data)
    script = WEB / "test" / "support" / "decode.mjs"
    arguments = [script, model, tmp_path / "in.tcz", tmp_path / "out", json.dumps(options)]
    done = subprocess.run(
        [str(NODE), *map(str, arguments)], capture_output=True, text=True, check=True
    )
    width, height = map(int, done.stdout.split())
    pixels = np.frombuffer((tmp_path / "out").read_bytes(), np.uint8)
    return pixels.reshape(height, width, 4).astype(np.int64)


def photo(box: tuple[int, int, int, int]) -> Image.Image:
    with Image.open(EXAMPLE) as image:
        return image.convert("RGB").crop(box)


@pytest.mark.parametrize("shape", SHAPES)
def test_any_model_scale_realism_and_region(shape: str, tmp_path: Path) -> None:
    folder = model_of(SHAPES[shape], tmp_path / "model")
    codec = tccodec.Codec.from_pretrained(folder, device="cpu", precision="fp32")
    data = codec.compress(photo((300, 200, 741, 435)), quality=60, lossy=True)
    scales = (1, 1 / 2, 1 / 4, 1 / 8) if SHAPES[shape].patch == 8 else (1, 1 / 2)
    for scale in scales:
        for realism, region in ((0.0, None), (1.0, None), (0.3, (200, 100, 90, 50))):
            options = {"scale": scale, "realism": realism}
            image = codec.decompress(data, region=region, **options)
            wanted = np.asarray(image).astype(int)
            extra = {"region": region} if region else {}
            found = decoded(folder, data, tmp_path, **options, **extra)
            assert found.shape == (*wanted.shape[:2], 4)
            off = np.abs(found[..., :3] - wanted)
            assert off.max() <= 1 and off.mean() < 0.01, (scale, realism, region)
    assert np.asarray(image).std() > 5


def test_a_model_of_any_name(tmp_path: Path) -> None:
    """Its id also covers its name, as JSON of Python spells it."""
    cfg = dataclasses.replace(SHAPES["tiny"], name='a,b: "é" \\ 😀')
    folder = model_of(cfg, tmp_path / "model")
    codec = tccodec.Codec.from_pretrained(folder, device="cpu", precision="fp32")
    data = codec.compress(photo((300, 200, 332, 232)), quality=60, lossy=True)
    assert decoded(folder, data, tmp_path).shape == (32, 32, 4)


def test_hard_pictures_of_the_released_model(tmp_path: Path) -> None:
    codec = tccodec.Codec.from_pretrained(MODEL, device="cpu", precision="fp32")
    for name, rgb in hard(72, 104).items():
        for quality in (20, 70):
            data = codec.compress(Image.fromarray(rgb), quality=quality, lossy=True)
            wanted = np.asarray(codec.decompress(data).convert("RGB")).astype(int)
            off = np.abs(decoded(MODEL, data, tmp_path)[..., :3] - wanted)
            assert off.max() <= 1, (name, quality)


@pytest.mark.slow
def test_a_large_picture_in_parts(tiny_model_dir: Path, tmp_path: Path) -> None:
    """More than six megapixels go through the synthesis in several parts."""
    codec = tccodec.Codec.from_pretrained(tiny_model_dir, device="cpu", precision="fp32")
    with Image.open(EXAMPLE) as image:
        data = codec.compress(image.convert("RGB").resize((2700, 2400)), quality=40, lossy=True)
    wanted = np.asarray(codec.decompress(data)).astype(int)
    found = decoded(tiny_model_dir, data, tmp_path)
    off = np.abs(found[..., :3] - wanted)
    assert off.max() <= 1 and off.mean() < 0.001


def test_it_brings_its_licence() -> None:
    assert (WEB / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


@pytest.mark.slow
def test_own_tests_of_the_package() -> None:
    if not (WEB / "node_modules").is_dir():
        pytest.skip("the npm packages are not here: `npm ci` in web/ fetches them")
    npm = shutil.which("npm")
    assert npm, "node is here, npm is not"
    for command in ("lint", "test"):
        done = subprocess.run(
            [npm, "run", "--silent", command], cwd=WEB, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
