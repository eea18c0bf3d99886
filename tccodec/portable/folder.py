"""The tensors of a model folder as numpy arrays, checked by the model's id."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load

from tccodec.coding.reference import content_id
from tccodec.config import ModelConfig
from tccodec.errors import BadModel, BadOption
from tccodec.model.folder import CONFIG, REALISM, WEIGHTS, read_config
from tccodec.transform.reference import Tensors


def read_model(folder: Path) -> tuple[dict[str, Any], ModelConfig, Tensors]:
    """Configuration, shapes and tensors of a model folder.

    `UnknownModel` if it is not a model folder, `BadModel` if it is damaged.
    """
    config = read_config(folder)
    tensors = _read(folder / WEIGHTS, config, config["model_id"])
    return config, ModelConfig.from_dict(config["model"]), tensors


def read_realism(folder: Path, config: dict[str, Any]) -> Tensors:
    """The decoder's tensors for realism 1, by their names in the decoder.

    `BadOption` if the model has none, `BadModel` if the file is missing or not the right one.
    """
    if "realism" not in config:
        name = config.get("name", folder.name)
        raise BadOption(f"the model {name} has no decoder for realism; only realism 0 works")
    return _read(folder / REALISM, config, config["realism"]["id"])


def _read(path: Path, config: dict[str, Any], identity: str) -> Tensors:
    if not path.is_file():
        raise BadModel(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    try:
        tensors: Tensors = load(path.read_bytes())
    except OSError as e:
        raise BadModel(f"{path}: {e.strerror or e}") from None
    except (SafetensorError, KeyError) as e:  # a KeyError for a type that numpy lacks
        raise BadModel(f"{path}: {' '.join(str(e).split())[:250]}") from None
    try:
        found = content_id(config["model"], tensors)
    except KeyError:
        found = ""  # a type that no model has
    if found != identity:
        raise BadModel(f"{path}: not the weights that {CONFIG} names")
    return tensors
