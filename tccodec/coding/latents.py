"""From pictures and files to `Latents`, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tccodec.arguments import check_integer, check_number, check_type
from tccodec.coding.coded import CodedPicture
from tccodec.coding.search import DEFAULT_QUALITY, Target
from tccodec.coding.tensors import Latents
from tccodec.coding.tiles import TILE_LATENTS
from tccodec.config import ModelConfig
from tccodec.container import MAX_SETTING, MAX_SIDE, TczFile
from tccodec.errors import BadOption
from tccodec.picture import Picture, Pixels
from tccodec.transform.layout import shuffle, unshuffle
from tccodec.transform.rows import pieces

if TYPE_CHECKING:
    from tccodec.coding.neural import NeuralCodec

LARGEST = 2**17  # in steps; files hold smaller ones


def latents_of(core: NeuralCodec, content: Picture | TczFile, *, quality: float | None) -> Latents:
    """The latents of a picture at a quality 0 .. 100 (None: 50), or those in a file.

    `BadOption` for a quality out of its range, or together with a file.
    """
    if isinstance(content, Picture):
        setting = Target("quality", DEFAULT_QUALITY if quality is None else quality).setting
        v = core.latents(content.rgb, setting)
    elif quality is None:
        setting = content.setting
        v = core.decode_latents(CodedPicture.of(content)).float() / 16
        v = F.pad(v, (0, sum(core.cfg.groups) - v.shape[-1]))
    else:
        raise BadOption("a .tcz file has a quality of its own: quality is for pictures")
    groups = _split(v, core.cfg)
    return Latents(groups=groups, setting=setting, width=content.width, height=content.height)


def pixels_of(core: NeuralCodec, latents: Latents, *, realism: float) -> Pixels:
    """The picture of latents, uint8 `(H, W, 3)`; `WrongType` or `BadOption` for wrong ones."""
    _check(latents)
    realism = check_number("realism", realism, low=0, high=1, words="from 0 to 1")
    v16 = _joined(latents, core.cfg) * 16
    rows = core.transforms.pixel_rows(
        pieces(v16[None], TILE_LATENTS), latents.setting, realism=realism
    )
    return np.concatenate(list(rows))[: latents.height, : latents.width]


def _check(latents: Latents) -> None:
    """`WrongType` or `BadOption` for latents that were put together wrongly by hand."""
    check_type("groups", latents.groups, Mapping)
    check_integer("setting", latents.setting, low=0, high=MAX_SETTING)
    for name in ("width", "height"):
        check_integer(name, getattr(latents, name), low=1, high=MAX_SIDE, words="of pixels")


def _split(v: Tensor, cfg: ModelConfig) -> dict[str, Tensor]:
    """Latents `(h, w, C)` by group, each `(c, h, w)` or, of quadrants, `(c / 4, 2h, 2w)`."""
    groups = {}
    for index, part in enumerate(torch.split(v[None], list(cfg.groups), -1)):
        sites = part if index < cfg.coarse else shuffle(part, 2)
        groups[f"group{index}"] = sites[0].permute(2, 0, 1).clone()
    return groups


def _joined(latents: Latents, cfg: ModelConfig) -> Tensor:
    """Inverse of `_split`: fp32 `(h, w, C)` on the CPU."""
    h, w = -(-latents.height // 32), -(-latents.width // 32)
    names = [f"group{index}" for index in range(len(cfg.groups))]
    if strange := set(latents.groups) - set(names):
        raise BadOption(
            f"this model has the groups {', '.join(names)}, not {min(map(str, strange))}"
        )
    parts = []
    for index, (name, channels) in enumerate(zip(names, cfg.groups, strict=True)):
        fine = index >= cfg.coarse
        shape = (channels // 4, 2 * h, 2 * w) if fine else (channels, h, w)
        group = latents.groups.get(name, torch.zeros(shape))
        check_type(name, group, Tensor)
        if group.is_complex() or group.is_meta or group.layout != torch.strided:
            raise BadOption(f"{name} must be a dense tensor of real numbers")
        if group.shape != shape:
            raise BadOption(f"{name} must have the shape {shape}, not {tuple(group.shape)}")
        part = group.detach().float().cpu().permute(1, 2, 0)[None]
        for value in torch.aminmax(part):
            if not -LARGEST <= value <= LARGEST:  # also for NaN, which both are then
                raise BadOption(
                    f"{name} must hold numbers from -{LARGEST} to {LARGEST}, not {value:g}"
                )
        parts.append(unshuffle(part.contiguous(), 2) if fine else part)
    return torch.cat(parts, -1)[0]
