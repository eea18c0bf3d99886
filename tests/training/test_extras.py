"""Trained beside a finished model: the decoder for realism 1, and that for smaller pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from tccodec.core import NeuralCodec
from tccodec.errors import TccodecError
from tccodec.modelfile import read_config
from tccodec.report.metrics.networks import VGG
from tccodec.training.export import export_extra, export_run, load_run
from tccodec.training.loop import Trainer
from tccodec.transform.preview import Preview, small_errors
from tccodec.transform.rows import PIXELS, joined, pieces
from tccodec.transform.tcae import by_realism
from tests.conftest import tiny_config
from tests.training.test_training import CFG, pictures, shards, trainer

__all__ = ["shards"]


def little_vgg(folder: Path) -> Path:
    """Weights with VGG16's names and few channels."""
    rng = torch.Generator().manual_seed(0)
    tensors, before = {}, 3
    for name, *_ in VGG:
        width = 4 * int(name[4])
        tensors[f"{name}.weight"] = 0.3 * torch.randn(width, before, 3, 3, generator=rng)
        tensors[f"{name}.bias"] = torch.zeros(width)
        before = width
    for i in range(5):
        tensors[f"lin{i}.weight"] = torch.rand(4 * (i + 1), generator=rng)
    save_file(tensors, folder / "lpips_vgg16.safetensors")
    return folder


def test_realism_is_trained_exported_and_only_for_its_model(shards: Path, tmp_path: Path) -> None:
    first = trainer(shards, tmp_path / "first")
    first.initialise(blocks=300)
    first.run(5, report=lambda row: None, steps=3)
    export_run(tmp_path / "first", tmp_path / "model")
    cfg = replace(CFG, perceptual=300.0, grid=5.0, log_steps=1)
    (tmp_path / "second").mkdir()
    second = Trainer(tiny_config(), cfg, tmp_path / "second", backbones=little_vgg(tmp_path))
    second.load_data([shards])
    second.start_from(tmp_path / "first" / "last")
    before = {k: v.clone() for k, v in second.model.state_dict().items()}
    rows: list[dict] = []
    second.run(5, report=rows.append, steps=4)
    assert all(row["lpips"] > 0 for row in rows)
    moved = {k for k, v in second.model.state_dict().items() if not torch.equal(v, before[k])}
    assert moved and all(by_realism(k.removeprefix("tcae.decoder.")) for k in moved)
    assert all(k.startswith("tcae.decoder.") for k in moved)
    assert "lpips300" in second.validate()

    export_extra(tmp_path / "second", tmp_path / "model", "realism")
    assert read_config(tmp_path / "model")["realism"]["steps"] == 4
    codec = NeuralCodec.load(tmp_path / "model", device="cpu", precision="fp32")
    out = load_run(tmp_path / "second")[0].tcae.decoder.out.weight
    assert torch.equal(codec.decoder(1.0).out.weight, out.half().float())
    assert not torch.equal(codec.decoder(0.0).out.weight, out.half().float())
    first.run(5, report=lambda row: None, steps=5)
    export_run(tmp_path / "first", tmp_path / "later")
    assert not (tmp_path / "later" / "realism.safetensors").exists()
    with pytest.raises(TccodecError, match="did not start from"):
        export_extra(tmp_path / "second", tmp_path / "later", "realism")
    export_run(tmp_path / "first", tmp_path / "model")  # other weights: another model's realism
    assert not (tmp_path / "model" / "realism.safetensors").exists()


def test_smaller_pictures_have_a_decoder_of_their_own(shards: Path, tmp_path: Path) -> None:
    first = trainer(shards, tmp_path / "first")
    first.initialise(blocks=300)
    first.run(5, report=lambda row: None, steps=3)
    export_run(tmp_path / "first", tmp_path / "model")
    rgb = pictures()[0]
    codec = NeuralCodec.load(tmp_path / "model", device="cpu", precision="fp32")
    data = codec.encode(rgb, 700)
    assert codec.preview is None
    averaged = codec.decode(data, rgb.shape[1], rgb.shape[0], 700, scale=8)
    with pytest.raises(TccodecError, match="without the setting preview"):
        export_extra(tmp_path / "first", tmp_path / "model", "preview")

    cfg = replace(CFG, preview=64.0, seam=0.2, lr_muon=0.02)
    second = trainer(shards, tmp_path / "second", cfg)
    second.start_from(tmp_path / "first" / "last")
    before = {k: v.clone() for k, v in second.model.state_dict().items()}
    start = second.validate()
    second.run(5, report=lambda row: None, steps=40)
    moved = {k for k, v in second.model.state_dict().items() if not torch.equal(v, before[k])}
    assert moved and all(k.startswith("preview.") for k in moved)
    assert second.validate()["small600"] < start["small600"] - 0.02

    export_extra(tmp_path / "second", tmp_path / "model", "preview")
    codec = NeuralCodec.load(tmp_path / "model", device="cpu", precision="fp32")
    assert codec.encode(rgb, 700) == data
    small = codec.decode(data, rgb.shape[1], rgb.shape[0], 700, scale=8)
    assert small.shape == averaged.shape and not np.array_equal(small, averaged)
    assert np.abs(small.astype(int) - averaged).mean() < 3
    (tmp_path / "model" / "preview.safetensors").unlink()
    codec = NeuralCodec.load(tmp_path / "model", device="cpu")
    with pytest.raises(TccodecError, match=r"preview\.safetensors"):
        codec.decode(data, rgb.shape[1], rgb.shape[0], 700, scale=8)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_previews_in_strips_are_averages_of_the_half_size(scale: int) -> None:
    torch.manual_seed(0)
    cfg = tiny_config()
    net = Preview(cfg, 32).eval()
    for p in net.parameters():
        p.data.add_(0.05 * torch.randn_like(p))
    u, hat = torch.randn(1, 11, 5, cfg.latents), torch.eye(cfg.knots)[:1]
    with torch.no_grad():
        wanted = F.avg_pool2d(net(u, hat), scale // 2)
        got = joined(net.stream(pieces(u, 4), hat, scale=scale), dim=PIXELS)
        assert got.shape == (1, 3, 11 * 32 // scale, 5 * 32 // scale)
        assert torch.allclose(got, wanted, atol=1e-4)
        few = sum(cfg.groups[:3])  # groups that are not in the file are zero
        rest = F.pad(u[..., :few], (0, cfg.latents - few))
        assert torch.allclose(net(u[..., :few], hat), net(rest, hat), atol=1e-5)


def test_errors_of_small_pictures_count_alike() -> None:
    x = torch.randn(2, 3, 64, 64)
    half = F.avg_pool2d(x, 2)
    assert small_errors(half, x).tolist() == pytest.approx([np.log(0.05)] * 2)
    off = half + torch.tensor([2.0, 20.0])[:, None, None, None]
    near, far = small_errors(off, x).tolist()
    assert near == pytest.approx(np.log(4.05)) and far == pytest.approx(np.log(400.05))
