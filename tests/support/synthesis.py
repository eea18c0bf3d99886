"""The synthesis of models of every shape, with random weights."""

from __future__ import annotations

import dataclasses
import tomllib

import numpy as np
import torch
from numpy.typing import NDArray

from tccodec.config import ModelConfig
from tccodec.transform.reference import Tensors
from tccodec.transform.rows import PIXELS, join_rows, pieces
from tccodec.transform.tcae import TCAE
from tests.support.models import tiny_config, tiny_renderer_config
from tests.support.paths import ROOT

SETTING = 437  # between two knots


def next_config() -> ModelConfig:
    """The shapes of the next model."""
    values = tomllib.loads((ROOT / "configs" / "next.toml").read_text("utf-8"))["model"]
    return ModelConfig.from_dict(values)


SHAPES = {
    "tiny": tiny_config(),
    "renderer": tiny_renderer_config(),
    "renderer, patches of 4": dataclasses.replace(tiny_renderer_config(), patch=4),
    "every second block attends": dataclasses.replace(
        tiny_config(), dec_blocks1=4, dec_blocks2=5, dec_attention=2, window=5, head_dim=16
    ),
    "one stage": dataclasses.replace(tiny_config(), staged=False, gated=True, blend=0),
    "patches of 4": dataclasses.replace(tiny_config(), patch=4, dw_kernel=5, knots=5),
    "patches of 4, one stage": dataclasses.replace(
        tiny_config(), patch=4, staged=False, dec_attention=0, blend=5
    ),
}


def random_model(cfg: ModelConfig) -> TCAE:
    """No parameter is zero, as those of a fresh model are: each one matters to the pixels."""
    torch.manual_seed(3)
    model = TCAE(cfg).requires_grad_(False).eval()
    for name, p in model.named_parameters():
        if not p.any():
            p.normal_(0, 0.5 if name.endswith(("table", "bias")) else 0.05)
        elif name.endswith("qkv.weight"):
            p.mul_(4)
    model.std.uniform_(1, 40)
    model.log_step.uniform_(1, 6)
    for p in (model.shortcut.basis, model.shortcut.merge):
        torch.nn.init.orthogonal_(p)
    return model


def tensors_of(model: TCAE) -> Tensors:
    """All tensors, by the names of `model.safetensors`."""
    return {f"tcae.{name}": value.numpy() for name, value in model.state_dict().items()}


def some_latents(cfg: ModelConfig, h: int, w: int) -> torch.Tensor:
    """In sixteenths of a step, `(1, h, w, C)`."""
    return torch.randint(-200, 200, (1, h, w, cfg.latents), generator=torch.manual_seed(4)).float()


def fast(model: TCAE, v16: torch.Tensor, factor: int = 1) -> NDArray[np.float32]:
    """What the codec makes of latents: samples around 0, `(height, width, 3)`."""
    knot_weights = model.knot_weights(torch.tensor([float(SETTING)]))
    rows = pieces(v16 / 16 * model.steps(knot_weights), 4)
    x = join_rows(model.synthesise_stream(rows, knot_weights, scale=factor), dim=PIXELS)
    out: NDArray[np.float32] = x[0].permute(1, 2, 0).numpy()
    return out
