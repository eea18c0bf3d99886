"""The synthesis as a graph, run by onnxruntime and by numpy, against the codec."""

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
from tccodec.portable.core import in_onnxruntime
from tccodec.portable.evaluate import Evaluator
from tccodec.portable.export import DECODER, REALISTIC
from tccodec.portable.graph import Graph
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

Maps = tuple[NDArray[np.float32], NDArray[np.float32]]
LIBRARIES = ("onnxruntime", "numpy")


def feed(maps: Maps, setting: int) -> dict[str, NDArray[np.float32]]:
    return {"coarse": maps[0], "fine": maps[1], "setting": np.array([setting], np.float32)}


def pixels(graph: Graph, maps: Maps, setting: int, library: str) -> NDArray[np.int64]:
    if library == "numpy":
        return Evaluator(graph).run(feed(maps, setting)).astype(int)
    pytest.importorskip("onnxruntime")
    return in_onnxruntime(graph, 1)(feed(maps, setting)).astype(int)


def maps_of(cfg: ModelConfig, v16: torch.Tensor) -> Maps:
    coarse, fine = (part[0].float().numpy() for part in split_latents(v16, cfg))
    return coarse, fine


@pytest.mark.parametrize("shape", [*SHAPES, "next"])
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (9, 7)])
@pytest.mark.parametrize("library", LIBRARIES)
def test_any_shape_of_networks_and_maps(shape: str, size: tuple[int, int], library: str) -> None:
    """Maps below one window, with part of a window, and with windows inside."""
    cfg = next_config() if shape == "next" else SHAPES[shape]
    model = random_model(cfg)
    v16 = some_latents(cfg, *size)
    found = pixels(synthesis(cfg, tensors_of(model)), maps_of(cfg, v16), SETTING, library)
    wanted = rounded(fast(model, v16))
    assert found.shape == wanted.shape == (32 * size[0], 32 * size[1], 3)
    assert wanted.std() > 20
    assert np.abs(found - wanted).max() <= 1
    assert (found != wanted).mean() < 0.01


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("shape", ["tiny", "renderer", "one stage"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_smaller_pictures(shape: str, factor: int, library: str) -> None:
    cfg = SHAPES[shape]
    model = random_model(cfg)
    v16 = some_latents(cfg, 3, 5)
    graph = synthesis(cfg, tensors_of(model), factor=factor)
    found = pixels(graph, maps_of(cfg, v16), SETTING, library)
    wanted = rounded(fast(model, v16, factor))
    assert found.shape == wanted.shape == (96 // factor, 160 // factor, 3)
    assert np.abs(found - wanted).max() <= 1


@pytest.mark.parametrize("realism", [0, 1])
def test_exported_decoder_gives_golden_pixels(
    realism: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    with pytest.raises(SystemExit) as end:
        main(["export", str(MODEL), "--onnx", "-o", str(tmp_path)])
    assert end.value.code == 0 and DECODER in capsys.readouterr().err
    codec = tccodec.Codec.from_pretrained(MODEL, device="cpu", precision="fp32")
    config, tensors = read_folder(MODEL, "model.safetensors")
    path = str(tmp_path / (REALISTIC if realism else DECODER))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for name in ("small-10", "small-93", "grey-40", "alpha-60", "pixel-75"):
        data = (HERE / f"{name}.tcz").read_bytes()
        file = read(data)
        coarse, fine = (m.astype(np.float32) for m in latents(file, config["model"], tensors))
        [found] = session.run(None, feed((coarse, fine), file.setting))
        found = found[: file.height, : file.width].astype(int)
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
