"""The tensors of a model folder as numpy arrays, checked by the model's id and by their shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load

from tccodec.coding.reference import content_id
from tccodec.config import ModelConfig
from tccodec.errors import BadModel
from tccodec.model.folder import (
    CONFIG,
    REALISM,
    WEIGHTS,
    checked_file,
    read_config,
    realism_id,
)
from tccodec.portable import layout
from tccodec.transform.reference import Tensors


def read_model(folder: Path) -> tuple[dict[str, Any], ModelConfig, Tensors]:
    """Configuration, shapes and tensors of a model folder.

    `UnknownModel` if it is not a model folder, `BadModel` if it is damaged.
    """
    config = read_config(folder)
    cfg = ModelConfig.from_dict(config["model"])
    tensors = _read(folder / WEIGHTS, config, config["model_id"])
    checked_file(folder / WEIGHTS, lambda _: layout.check(cfg, tensors))
    return config, cfg, tensors


def read_realism(folder: Path, config: dict[str, Any]) -> Tensors:
    """The decoder's tensors for realism 1, by their names in the decoder.

    `BadOption` if the model has none, `BadModel` if the file is missing or not the right one.
    """
    tensors = _read(folder / REALISM, config, realism_id(folder, config))
    cfg = ModelConfig.from_dict(config["model"])
    checked_file(folder / REALISM, lambda _: layout.check_realism(cfg, tensors))
    return tensors


def _read(path: Path, config: dict[str, Any], identity: str) -> Tensors:
    tensors: Tensors = checked_file(path, _load)
    try:
        actual = content_id(config["model"], tensors)
    except KeyError:
        actual = ""  # a type that no model has
    if actual != identity:
        raise BadModel(f"{path}: not the weights that {CONFIG} names")
    return tensors


def _load(path: Path) -> Tensors:
    try:
        return load(path.read_bytes())
    except (SafetensorError, KeyError) as e:  # a KeyError for a type that numpy lacks
        raise ValueError(str(e)) from None
