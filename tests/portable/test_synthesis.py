"""The synthesis as an ONNX graph, run by onnxruntime, against the codec."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import tccodec
from tccodec.cli import main
from tccodec.coding.coded import CodedPicture
from tccodec.coding.reference import latents, read_folder
from tccodec.config import ModelConfig
from tccodec.container import read
from tccodec.portable.export import DECODER, REALISTIC
from tccodec.portable.synthesis import synthesis
from tccodec.transform.layout import split_latents
from tccodec.transform.reference import rounded
from tests.golden.make import HERE, MODEL
from tests.support.synthesis import (
    SETTING,
    SHAPES,
    fast,
    next_config,
    random_model,
    some_latents,
    tensors_of,
)

onnxruntime = pytest.importorskip("onnxruntime")

Maps = tuple[NDArray[np.float32], NDArray[np.float32]]


def pixels(graph: bytes | str, maps: Maps, setting: int) -> NDArray[np.int64]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    values = dict(zip(("coarse", "fine"), maps, strict=True))
    values["setting"] = np.array([setting], np.float32)
    return session.run(None, values)[0].astype(int)


def maps_of(cfg: ModelConfig, v16: torch.Tensor) -> Maps:
    coarse, fine = (part[0].float().numpy() for part in split_latents(v16, cfg))
    return coarse, fine


@pytest.mark.parametrize("shape", [*SHAPES, "next"])
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (9, 7)])
def test_any_shape_of_networks_and_maps(shape: str, size: tuple[int, int]) -> None:
    """Maps below one window, with part of a window, and with windows inside."""
    cfg = next_config() if shape == "next" else SHAPES[shape]
    model = random_model(cfg)
    v16 = some_latents(cfg, *size)
    found = pixels(synthesis(cfg, tensors_of(model)), maps_of(cfg, v16), SETTING)
    wanted = rounded(fast(model, v16))
    assert found.shape == wanted.shape == (32 * size[0], 32 * size[1], 3)
    assert wanted.std() > 20
    assert np.abs(found - wanted).max() <= 1
    assert (found != wanted).mean() < 0.01


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("shape", ["tiny", "renderer", "one stage"])
def test_smaller_pictures(shape: str, factor: int) -> None:
    cfg = SHAPES[shape]
    model = random_model(cfg)
    v16 = some_latents(cfg, 3, 5)
    graph = synthesis(cfg, tensors_of(model), factor=factor)
    found = pixels(graph, maps_of(cfg, v16), SETTING)
    wanted = rounded(fast(model, v16, factor))
    assert found.shape == wanted.shape == (96 // factor, 160 // factor, 3)
    assert np.abs(found - wanted).max() <= 1


@pytest.mark.parametrize("realism", [0, 1])
def test_exported_decoder_gives_golden_pixels(
    realism: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["export", str(MODEL), "--onnx", "-o", str(tmp_path)])
    assert end.value.code == 0 and DECODER in capsys.readouterr().err
    codec = tccodec.Codec.from_pretrained(MODEL, device="cpu", precision="fp32")
    config, tensors = read_folder(MODEL, "model.safetensors")
    graph = str(tmp_path / (REALISTIC if realism else DECODER))
    for name in ("small-10", "small-93", "grey-40", "alpha-60", "pixel-75"):
        data = (HERE / f"{name}.tcz").read_bytes()
        file = read(data)
        coarse, fine = (m.astype(np.float32) for m in latents(file, config["model"], tensors))
        found = pixels(graph, (coarse, fine), file.setting)[: file.height, : file.width]
        core = codec._core
        wanted = core.decode(CodedPicture.of(file), realism=realism)
        off = np.abs(found - wanted)
        assert off.max() <= 1 and off.mean() < 0.001, name


def test_export_says_what_is_wrong(
    tiny_model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    for name in ("config.json", "model.safetensors", "realism.safetensors"):
        (bad / name).write_bytes((tiny_model_dir / name).read_bytes())
    config = json.loads((bad / "config.json").read_text("utf-8"))
    config["model"]["dim1"] = 64
    (bad / "config.json").write_text(json.dumps(config), "utf-8")
    out = tmp_path / "out"
    for arguments, said in (
        ([str(bad), "-o", str(out)], "not the weights that config.json names"),
        (["nothing", "-o", str(out)], "there is no model"),
        ([str(tiny_model_dir), "-o", str(out), "--name", "x"], "--onnx goes with"),
    ):
        with pytest.raises(SystemExit) as end:
            main(["export", "--onnx", *arguments])
        assert end.value.code != 0 and said in capsys.readouterr().err
        assert not out.exists()
    out.mkdir()
    (out / DECODER).write_bytes(b"mine")
    with pytest.raises(SystemExit) as end:
        main(["export", "--onnx", str(tiny_model_dir), "-o", str(out)])
    assert end.value.code != 0 and "-f replaces it" in capsys.readouterr().err
    assert (out / DECODER).read_bytes() == b"mine"
