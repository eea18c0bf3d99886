"""Fixtures shared by all tests: a real model, tiny and untrained."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "2")


def tiny_config():  # type: ignore[no-untyped-def]
    """Smallest shapes that still exercise every part of the codec."""
    from tccodec.config import ModelConfig

    return ModelConfig(
        name="tiny",
        dim1=32,
        dim2=32,
        enc_blocks1=2,
        enc_blocks2=2,
        dec_blocks1=2,
        dec_blocks2=2,
        groups=(16, 32, 64, 128),
        coarse=2,
        blend=3,
        bottleneck=48,
        hyper=8,
        hidden=32,
        fine_hidden=32,
    )


def tiny_renderer_config():  # type: ignore[no-untyped-def]
    """As small, with a renderer, gated MLPs and attention in some blocks of the encoder only."""
    return dataclasses.replace(
        tiny_config(),
        name="tiny-renderer",
        enc_blocks1=1,
        enc_blocks2=3,
        dec_blocks1=0,
        dec_blocks2=3,
        enc_attention=2,
        dec_attention=0,
        gated=True,
        mlp_ratio=2,
        renderer=16,
        renderer_hidden=24,
        blend=0,
    )


def tiny_codec_model(cfg=None):  # type: ignore[no-untyped-def]
    """Random networks around a smooth random orthogonal shortcut; deterministic.

    `cfg`: shapes of `tiny_config`, or others with at most 1024 latents.
    """
    import torch

    from tccodec.training.model import CodecModel
    from tccodec.transform.lapped import _dct2

    torch.manual_seed(0)
    cfg = cfg or tiny_config()
    model = CodecModel(cfg)
    dct = _dct2(16)
    order = sorted((i + j, i, j) for i in range(16) for j in range(16))[: cfg.latents // 4]
    basis = torch.stack(
        [torch.outer(dct[i], dct[j]).expand(3, 16, 16).flatten() / 3**0.5 for _, i, j in order]
    ).float()
    # Sums and differences of the four quadrants, coefficient by coefficient.
    haar = torch.tensor([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]]) / 2
    merge = torch.kron(haar, torch.eye(cfg.low))
    std = [450.0 / (1 + s) ** 1.3 for s, _, _ in order]
    model.start_from(basis, merge, torch.tensor([*(4 * std[: cfg.low]), *std[cfg.low :]]))
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith(
                ("2.weight", "proj.weight", "table", "out.weight", "dw.weight", "small.weight")
            ):
                p.add_(0.02 * torch.randn_like(p))
        model.entropy.hyper_base.fill_(24.0)
    return model.eval()


def twin_latents(groups, cfg, h, w, channels):  # type: ignore[no-untyped-def]
    """What the readable twin decodes, as the codec lays it out: int32 `(h, w, channels)`.

    What lies beyond `channels` must be zero.
    """
    import torch

    from tccodec.transform.layout import unshuffle

    parts = [torch.tensor(rows, dtype=torch.int32) for rows in groups]
    maps = [
        t.view(h, w, -1) if g < cfg.coarse else unshuffle(t.view(1, 2 * h, 2 * w, -1), 2)[0]
        for g, t in enumerate(parts)
    ]
    joined = torch.cat(maps, -1)
    assert not joined[..., channels:].any()
    return joined[..., :channels]


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an exported, untrained model; loads in milliseconds."""
    import torch

    from tccodec.entropy.tables import logistic_tables
    from tccodec.training.export import model_tensors, write_model, write_realism

    model = tiny_codec_model()
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tensors = model_tensors(model, logistic_tables())
    write_model(folder, model.cfg, tensors, description="untrained, for tests")
    out = model.tcae.decoder.out.weight.detach()
    other = {"out.weight": (out + 0.05 * torch.randn_like(out)).half()}
    write_realism(folder, other)
    return folder


@pytest.fixture
def model_without_realism(tiny_model_dir: Path, tmp_path: Path) -> Path:
    """The same model with one set of decoder parameters only."""
    folder = shutil.copytree(tiny_model_dir, tmp_path / "bare")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    del config["realism"]
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    (folder / "realism.safetensors").unlink()
    return folder
