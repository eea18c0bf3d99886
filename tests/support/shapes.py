"""Folders of untrained models with every shape that decoding depends on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from tccodec.config import ModelConfig
from tccodec.entropy.tables import logistic_tables
from tccodec.training.export import model_tensors, write_model, write_realism
from tests.support.models import tiny_codec_model, tiny_config, tiny_renderer_config

SHAPES = {
    "tiny": tiny_config(),
    "renderer": dataclasses.replace(
        tiny_renderer_config(),
        groups=(16, 32, 64, 64, 64, 64, 64, 128, 128),
        signed_groups=1,
        one_pass=4,
        centroids=True,
        start=(0, 0, 0, 0, 0, 50, 150, 250, 950),
    ),
    "renderer, patches of 4": dataclasses.replace(tiny_renderer_config(), patch=4, dec_attention=1),
    "every second block attends": dataclasses.replace(
        tiny_config(), dec_blocks1=4, dec_blocks2=5, dec_attention=2, window=5, head_dim=16
    ),
    "one stage": dataclasses.replace(tiny_config(), staged=False, gated=True, blend=0),
    "patches of 4": dataclasses.replace(
        tiny_config(), patch=4, dw_kernel=5, knots=5, trellis=12, spacing=(20, 24)
    ),
    "odd widths": dataclasses.replace(
        tiny_config(), hidden=28, fine_hidden=13, bottleneck=19, hyper=5, dim1=12, dim2=36,
        head_dim=6, groups=(12, 8, 20, 36),
    ),
}  # fmt: skip


def model_of(cfg: ModelConfig, folder: Path) -> Path:
    """A folder with an untrained model that has a second decoder."""
    model = tiny_codec_model(cfg)
    if model.entropy.centroids is not None:
        model.entropy.centroids.data.uniform_(-0.4, 0.4)
    tables = logistic_tables(cfg.trellis, cfg.spacing)
    write_model(folder, cfg, model_tensors(model, tables), description="for tests")
    decoder = model.tcae.decoder
    name, layer = (
        ("renderer.out.weight", decoder.renderer.out)
        if cfg.renderer
        else ("out.weight", decoder.out)
    )
    out = layer.weight.detach()
    write_realism(folder, {name: (out + 0.05 * torch.randn_like(out)).half()})
    return folder
