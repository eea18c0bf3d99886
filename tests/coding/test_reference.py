"""The readable decoder, whole: files -> pixels in numpy, against golden files and the fast one."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

import tccodec
from tccodec.coding.reference import decode
from tccodec.container import read, write
from tccodec.entropy.tables import logistic_tables
from tccodec.training.export import model_tensors, write_model, write_realism
from tests.golden.make import GOLDEN, HERE, MODEL, PHOTO, format_page, vector
from tests.support.models import tiny_codec_model, tiny_renderer_config

LONG = ("small-10", "two-tiles-15")


@pytest.fixture(scope="module")
def renderer_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with all that `tcae-s` has not: the shapes of the next one, and realism."""
    cfg = dataclasses.replace(
        tiny_renderer_config(),
        groups=(16, 32, 64, 64, 64, 64, 64, 128, 128),
        signed_groups=1,
        one_pass=4,
        centroids=True,
        start=(0, 0, 0, 0, 0, 50, 150, 250, 950),
    )
    model = tiny_codec_model(cfg)
    model.entropy.centroids.data.uniform_(-0.4, 0.4)
    folder = tmp_path_factory.mktemp("models") / "renderer"
    write_model(folder, cfg, model_tensors(model, logistic_tables()), description="for tests")
    out = model.tcae.decoder.renderer.out.weight.detach()
    write_realism(folder, {"renderer.out.weight": (out + 0.05 * torch.randn_like(out)).half()})
    return folder


def planes(image: Image.Image) -> np.ndarray:
    array = np.asarray(image).astype(int)
    return array.reshape(*array.shape[:2], -1)


def photo(box: tuple[int, int, int, int], mode: str = "RGB") -> Image.Image:
    with Image.open(PHOTO) as image:
        return image.convert("RGB").crop(box).convert(mode)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in LONG else ()) for n in GOLDEN]
)
def test_golden_files_within_one_grey_level(name: str) -> None:
    found = decode((HERE / f"{name}.tcz").read_bytes(), MODEL)
    with Image.open(HERE / f"{name}.png") as golden:
        off = np.abs(found - planes(golden))
    assert off.max() <= 1 and off.mean() < 0.001
    if name.startswith("alpha"):
        assert not off[..., 3].any()
    if name.startswith("patches"):
        assert not off.any()


@pytest.mark.parametrize(("factor", "realism"), [(1, 0), (1, 0.3), (2, 1), (4, 0), (4, 1), (8, 0)])
@pytest.mark.parametrize("model", ["tiny_model_dir", "renderer_model"])
def test_any_model_scale_and_realism(
    model: str, factor: int, realism: float, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(model)
    codec = tccodec.Codec.from_pretrained(folder, device="cpu", precision="fp32")
    data = codec.compress(photo((500, 300, 541, 335)), quality=60)
    wanted = planes(codec.decompress(data, scale=1 / factor, realism=realism))
    found = decode(data, folder, factor=factor, realism=realism)
    assert found.shape == wanted.shape == (-(-35 // factor), -(-41 // factor), 3)
    off = np.abs(found - wanted)
    assert off.max() <= 1 and off.mean() < 0.01
    if realism and factor < 4:  # smaller pictures do without the layers that have second values
        assert (found != decode(data, folder, factor=factor)).any()


def test_a_picture_in_several_tile_groups(renderer_model: Path) -> None:
    codec = tccodec.Codec.from_pretrained(renderer_model, device="cpu", precision="fp32")
    data = codec.compress(photo((100, 200, 1180, 233)), quality=40)
    assert len(read(data).tiles) == 2
    off = np.abs(decode(data, renderer_model) - planes(codec.decompress(data)))
    assert off.max() <= 1


@pytest.mark.parametrize("factor", [1, 2, 8])
@pytest.mark.parametrize("kind", ["L", "grey with a profile", "LA", "RGBA", "exact", "exact alpha"])
def test_channels_and_lossless_sections(tiny_model_dir: Path, kind: str, factor: int) -> None:
    codec = tccodec.Codec.from_pretrained(tiny_model_dir, device="cpu", precision="fp32")
    image = photo((500, 300, 529, 321), "L" if kind[0] in "Lg" else "RGB")
    if kind == "grey with a profile":
        image = image.convert("RGB")
        image.info["icc_profile"] = ImageCms.ImageCmsProfile(
            ImageCms.createProfile("sRGB")
        ).tobytes()
    if kind.startswith("exact"):
        bars = np.random.default_rng(1).integers(0, 2, (21, 10, 3), np.uint8).repeat(3, 1)[:, :29]
        image = Image.fromarray(np.ascontiguousarray(220 * bars))
    if kind in ("LA", "RGBA", "exact alpha"):
        ramp = np.linspace(0, 255, image.width * image.height)
        ramp = ramp.reshape(image.height, image.width).astype(np.uint8)
        image.putalpha(Image.fromarray(ramp) if kind != "LA" else 77)
    data = codec.compress(image, quality=95 if kind.startswith("exact") else 50)
    assert bool(read(data).section(tccodec.Tag.EXACT)) is kind.startswith("exact")
    wanted = planes(codec.decompress(data, scale=1 / factor))
    found = decode(data, tiny_model_dir, factor=factor)
    assert found.shape == wanted.shape
    off = np.abs(found - wanted)
    assert off.max() <= (0 if kind.startswith("exact") else 1)
    if found.shape[2] in (2, 4):
        assert not off[..., -1].any()


def test_what_does_not_fit_is_refused(tiny_model_dir: Path, tmp_path: Path) -> None:
    data = (HERE / "pixel-75.tcz").read_bytes()
    with pytest.raises(ValueError, match="another model"):
        decode(data, tiny_model_dir)
    damaged = bytearray((MODEL / "model.safetensors").read_bytes())
    damaged[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(damaged)
    (tmp_path / "config.json").write_bytes((MODEL / "config.json").read_bytes())
    with pytest.raises(ValueError, match="damaged"):
        decode(data, tmp_path)
    file = read(data)
    longer = write(dataclasses.replace(file, tiles=(file.tiles[0] + b"\1",)))
    with pytest.raises(ValueError, match="code does not end"):
        decode(longer, MODEL)


def test_it_needs_no_torch() -> None:
    program = (
        "import sys, pathlib; from tccodec.coding.reference import decode;"
        "print(decode(pathlib.Path(sys.argv[1]).read_bytes(), pathlib.Path(sys.argv[2])).tolist());"
        "assert not {'torch', 'constriction', 'safetensors'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, HERE / "pixel-75.tcz", MODEL],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with Image.open(HERE / "pixel-75.png") as golden:
        assert done.stdout.strip() == str(planes(golden).tolist())


def test_the_vector_in_the_format_document() -> None:
    """Maps within the last digit, or a little more: other machines add in another order."""
    page = format_page().read_text("utf-8")
    printed = page.partition("<!-- vector -->\n\n")[2].partition("\n\n<!-- /vector -->")[0]
    number = re.compile(r"-?\d+\.\d+")
    assert number.sub("", printed) == number.sub("", vector())
    found = [float(v) for v in number.findall(printed)]
    assert len(found) > 40
    assert found == pytest.approx([float(v) for v in number.findall(vector())], abs=3e-4)
