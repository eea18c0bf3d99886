"""Tiny models, untrained but real, and what the readable decoder says of them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from tccodec.coding.coded import CodedPicture
from tccodec.config import ModelConfig
from tccodec.container import Setting
from tccodec.training.model import CodecModel
from tccodec.transform.lapped import dct2
from tccodec.transform.layout import unshuffle


def tiny_config() -> ModelConfig:
    """Smallest shapes that still exercise every part of the codec."""
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


def tiny_renderer_config() -> ModelConfig:
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


def tiny_codec_model(cfg: ModelConfig | None = None) -> CodecModel:
    """Random networks around a smooth random orthogonal shortcut; deterministic.

    `cfg`: shapes of `tiny_config`, or others with at most 1024 latents.
    """
    torch.manual_seed(0)
    cfg = cfg or tiny_config()
    model = CodecModel(cfg)
    dct = dct2(16)
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


def twin_latents(
    groups: Sequence[Sequence[Sequence[int]]], cfg: ModelConfig, h: int, w: int, channels: int
) -> Tensor:
    """What the readable twin decodes, as the codec lays it out: int32 `(h, w, channels)`.

    What lies beyond `channels` must be zero.
    """
    parts = [torch.tensor(rows, dtype=torch.int32) for rows in groups]
    maps = [
        t.view(h, w, -1) if g < cfg.coarse else unshuffle(t.view(1, 2 * h, 2 * w, -1), 2)[0]
        for g, t in enumerate(parts)
    ]
    joined = torch.cat(maps, -1)
    assert not joined[..., channels:].any()
    return joined[..., :channels]


def write_tiny_config(path: Path) -> None:
    """A training configuration of the smallest model; a step takes a moment."""
    values = tiny_config().to_dict()
    lines = [f"{k} = {json.dumps(v)}" for k, v in values.items()]  # TOML, too, for such values
    train = "crop = 128\nbatch = 2\nwarmup_steps = 1\nheld_out = 2\nlog_steps = 1\n"
    path.write_text("\n".join(["[model]", *lines, "[train]", train]), "utf-8")


def coded_picture(
    payloads: Sequence[bytes], size: tuple[int, int], *, setting: int
) -> CodedPicture:
    """The coded picture of `size`, (width, height), with these payloads."""
    width, height = size
    return CodedPicture(
        width=width, height=height, setting=Setting(setting), payloads=list(payloads)
    )
