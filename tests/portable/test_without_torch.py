"""Decoding where torch is not installed: the same symbols, pixels within one grey level."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tccodec
from tccodec.coding.coded import CodedPicture
from tccodec.container import Setting, read
from tccodec.errors import BadFile, BadModel, BadOption, UnknownModel
from tccodec.portable.core import PortableCodec
from tests.golden.make import GOLDEN, HERE, MODEL, PHOTO
from tests.support.pictures import hard
from tests.support.shapes import SHAPES, model_of

# A module that cannot be imported is not installed, as far as Python can tell.
WITHOUT = """
import sys
for name in {names}:
    sys.modules[name] = None
"""
DECODE = """
import hashlib, json
import numpy as np
import tccodec
from tccodec.coding.coded import CodedPicture
from tccodec.container import read
codec = tccodec.Codec.from_pretrained({model!r})
for path in {files!r}:
    data = open(path, "rb").read()
    image = tccodec.decompress(data, model={model!r})
    image.save(path.replace({source!r}, {target!r}) + ".png")
assert "torch" not in sys.modules or sys.modules["torch"] is None
print(codec)
"""


def python(code: str, *arguments: str, without: tuple[str, ...] = ("torch",)) -> tuple[int, str]:
    """Exit status, and all output, of a program where some modules are not installed."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(names=without) + code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def program(*arguments: str, without: tuple[str, ...] = ("torch",)) -> tuple[int, str]:
    code = "from tccodec.cli import main; main(sys.argv[1:])"
    return python(code, *arguments, without=without)


@pytest.fixture(params=["onnxruntime", "numpy"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What runs the synthesis."""
    if request.param == "numpy":
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
    else:
        pytest.importorskip("onnxruntime")
    return request.param


@pytest.mark.parametrize("constriction", [True, False])
def test_golden_files(library: str, constriction: bool, tmp_path: Path) -> None:
    without = ("torch", *(["onnxruntime"] if library == "numpy" else []))
    without += () if constriction else ("constriction",)
    files = [str(HERE / f"{name}.tcz") for name in GOLDEN]
    code = DECODE.format(model=str(MODEL), files=files, source=str(HERE), target=str(tmp_path))
    status, said = python(code, without=without)
    assert status == 0 and f"cpu, {library}" in said, said
    assert said.count("constriction is not here") == (not constriction)
    for name in GOLDEN:
        with (
            Image.open(tmp_path / f"{name}.tcz.png") as found,
            Image.open(HERE / f"{name}.png") as golden,
        ):
            assert found.mode == golden.mode
            off = np.abs(np.asarray(found).astype(int) - np.asarray(golden))
        assert off.max() <= (0 if name.startswith("patches") else 1), name


def latents_hash(codec: PortableCodec, data: bytes) -> str:
    """As `golden.json` has it: groups one after the other, quadrants side by side."""
    file = read(data)
    coarse, fine = codec.decode_latents(CodedPicture.of(file))
    h, w = coarse.shape[:2]
    parts = [coarse]
    at = 0
    for n in codec.cfg.sizes[codec.cfg.coarse :]:
        part = fine[..., at : at + n].reshape(h, 2, w, 2, n).transpose(0, 2, 1, 3, 4)
        parts.append(part.reshape(h, w, 4 * n))
        at += n
    last = max(codec.entropy.present(tile)[0].bit_length() for tile in file.tiles)
    whole = np.concatenate(parts, 2)[..., : sum(codec.cfg.groups[:last])]
    return hashlib.sha256(np.ascontiguousarray(whole).astype("<i4").tobytes()).hexdigest()


def test_symbols_of_golden_files() -> None:
    codec = PortableCodec(MODEL, threads=1)
    hashes = json.loads((HERE / "golden.json").read_text("utf-8"))
    for name in set(GOLDEN) - {"patches-50", "text-50"}:
        data = (HERE / f"{name}.tcz").read_bytes()
        assert latents_hash(codec, data) == hashes[name]["latents"], name


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("shape", SHAPES)
def test_any_model_scale_realism_and_region(shape: str, tmp_path: Path) -> None:
    folder = model_of(SHAPES[shape], tmp_path / "model")
    torchy = tccodec.Codec.from_pretrained(folder, device="cpu", precision="fp32")
    with Image.open(PHOTO) as image:
        file = read(
            torchy.compress(image.convert("RGB").crop((300, 200, 741, 435)), quality=60, lossy=True)
        )
    own = PortableCodec(folder, threads=1)
    coded = CodedPicture.of(file)
    for scale in (1, 2, 4, 8) if SHAPES[shape].patch == 8 else (1, 2):
        for realism, region in ((0.0, None), (1.0, None), (0.3, (200, 100, 90, 50))):
            options = {"scale": scale, "realism": realism, "region": region}
            found = np.concatenate(list(own.decode_rows(coded, **options)))
            wanted = np.concatenate(list(torchy._core.decode_rows(coded, **options)))
            off = np.abs(found.astype(int) - wanted)
            assert off.max() <= 1 and off.mean() < 0.01, options


@pytest.mark.usefixtures("library")
def test_hard_pictures_of_the_released_model() -> None:
    torchy = tccodec.Codec.from_pretrained(MODEL, device="cpu", precision="fp32")
    own = PortableCodec(MODEL, threads=1)
    for name, rgb in hard(72, 104).items():
        for quality in (20, 70):
            data = torchy.compress(Image.fromarray(rgb), quality=quality, lossy=True)
            coded = CodedPicture.of(read(data))
            for realism in (0.0, 1.0):
                [found] = own.decode_rows(coded, realism=realism)
                [wanted] = torchy._core.decode_rows(coded, realism=realism)
                off = np.abs(found.astype(int) - wanted)
                assert off.max() <= 1, (name, quality, realism)


@pytest.mark.usefixtures("library")
def test_strips_of_a_large_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """With less room the same pixels come in more strips."""
    torchy = tccodec.Codec.from_pretrained(MODEL, device="cpu", precision="fp32")
    with Image.open(PHOTO) as image:
        data = torchy.compress(image.convert("RGB").resize((200, 1300)), quality=20, lossy=True)
    file = read(data)
    coded = CodedPicture.of(file)
    own = PortableCodec(MODEL, threads=1)
    [whole] = own.decode_rows(coded)
    monkeypatch.setattr("tccodec.portable.core.STRIP_PIXELS", 1000 * 224)
    done: list[float] = []
    strips = list(own.decode_rows(coded, progress=done.append))
    assert len(strips) > 3 and done[-1] == 1
    off = np.abs(np.concatenate(strips).astype(int) - whole)
    assert off.max() <= 1 and off.mean() < 0.001


def test_damage_is_refused_for_the_same_reasons() -> None:
    own = PortableCodec(MODEL, threads=1)
    torchy = tccodec.Codec.from_pretrained(MODEL, device="cpu")
    file = read((HERE / "small-50.tcz").read_bytes())
    [tile] = file.tiles
    bad = [b"\0" + tile[1:], bytes([tile[0] | 128]) + tile[1:], tile + b"\0", tile + b"\1" * 8]
    bad += [tile[:i] + bytes([tile[i] ^ 16]) + tile[i + 1 :] for i in range(1, len(tile), 37)]
    for payload in bad:
        bent = replace(CodedPicture.of(file), payloads=[payload])
        with pytest.raises(BadFile) as wanted:
            torchy._core.check(bent)
        with pytest.raises(BadFile) as found:
            own.check(bent)
        assert str(found.value) == str(wanted.value)


def test_a_region_beside_groups_that_the_model_lacks_is_refused(tiny_model_dir: Path) -> None:
    torchy = tccodec.Codec.from_pretrained(tiny_model_dir, device="cpu")
    payloads = (b"", b"", b"\xff\1")
    coded = CodedPicture(width=2100, height=40, setting=Setting(200), payloads=payloads)
    for core in (torchy._core, PortableCodec(tiny_model_dir, threads=1)):
        with pytest.raises(BadFile, match="names latent groups that its model does not have"):
            next(core.decode_rows(coded, region=(0, 0, 30, 30)))


def test_models_that_are_none(tmp_path: Path, model_without_realism: Path) -> None:
    with pytest.raises(UnknownModel):
        PortableCodec(tmp_path)
    with pytest.raises(BadOption, match="no decoder for realism"):
        PortableCodec(model_without_realism).require_realism(1)
    weights = model_without_realism / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(BadModel, match="not the weights that"):
        PortableCodec(model_without_realism)
    weights.write_bytes(data[:100])
    with pytest.raises(BadModel, match="Error while deserializing"):
        PortableCodec(model_without_realism)


def test_the_program(tmp_path: Path) -> None:
    file = str(HERE / "small-10.tcz")
    out = str(tmp_path / "out.png")
    assert program("decompress", file, "-o", out, "--realism", "1", "--scale", "1/2")[0] == 0
    with Image.open(out) as image:
        assert image.size == (80, 60)
    assert program("verify", file)[0] == 0
    assert program("info", file)[0] == 0


def test_what_needs_torch_says_so_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name in ("one.jpg", "two.jpg"):
        (tmp_path / "photos" / name).write_bytes(PHOTO.read_bytes())
    photos, out = str(tmp_path / "photos"), str(tmp_path / "out")
    file = str(HERE / "small-10.tcz")
    compressing = "compressing needs torch, which is not installed: pip install torch"
    this = "this needs torch, which is not installed: pip install torch"
    for arguments, text in (
        (("compress", photos, "-r", "-o", out), compressing),
        (("compress", photos, "-r", "-o", out, "--like", "avif:60"), compressing),
        (("compress", photos, "-r", "-o", out, "--dry-run"), compressing),
        (("archive", photos, out, "--yes"), compressing),
        (("report", photos, "-o", out), this),
        (("train", "tcae-s", "--data", photos, "--out", out), this),
        (("export", "tcae-s", "-o", out, "--onnx"), this),
        (("models", "show", "tcae-s"), this),
        (
            ("decompress", file, "-o", out, "--device", "cuda"),
            "the device cuda needs torch, which is not installed",
        ),
    ):
        # torch brings jinja2: where one is missing, so is the other.
        status, said = program(*arguments, without=("torch", "jinja2"))
        assert status and said == f"tccodec: {text}\n", arguments
        assert not Path(out).exists(), arguments


def test_every_public_name_is_there() -> None:
    code = "import pydoc, tccodec; from tccodec import *; pydoc.render_doc(tccodec); print(Latents)"
    assert python(code) == (0, "<class 'tccodec.coding.tensors.Latents'>\n")
