"""A released model's folder: `model.safetensors`, `config.json`, `README.md` (its card).

`realism.safetensors`, where there is one, holds second values of some decoder parameters, for
realism 1. Files do not depend on it: it has a content id of its own, named in `config.json`.

Reading the configuration needs no torch, so `info` and `models list` stay fast.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tccodec.errors import BadModel, BadOption, TccodecError, UnknownModel

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS, CONFIG, REALISM = "model.safetensors", "config.json", "realism.safetensors"


def read_config(folder: Path) -> dict[str, Any]:
    """The `config.json` of a model folder; `UnknownModel` if there is none that can be read."""
    try:
        values: dict[str, Any] = json.loads((folder / CONFIG).read_text("utf-8"))
        bytes.fromhex(values["model_id"])
    except OSError as e:
        raise UnknownModel(f"{folder} is not a model folder: {CONFIG}: {e.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise BadModel(f"{folder / CONFIG} is damaged") from None
    return values


def model_id(tensors: dict[str, Tensor], model: dict[str, Any]) -> bytes:
    """8-byte content hash of tensors and of the configuration that gives them their shapes."""
    digest = hashlib.sha256(json.dumps(model, sort_keys=True).encode())
    for name in sorted(tensors):
        t = tensors[name].contiguous()
        digest.update(f"{name}|{t.dtype}|{tuple(t.shape)}|".encode())
        digest.update(t.flatten().view(_byte_type()).numpy().tobytes())
    return digest.digest()[:8]


def _byte_type() -> Any:
    import torch

    return torch.uint8


def read_tensors(folder: Path, file: str = WEIGHTS) -> dict[str, Tensor]:
    """All tensors of a model folder; `TccodecError` if the file is missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(folder / file)
    except OSError as e:
        raise UnknownModel(f"cannot read {folder / file}: {e.strerror or e}") from None
    except SafetensorError as e:
        raise TccodecError(f"{folder / file} is damaged: {e}") from None


def read_realism(folder: Path, config: dict[str, Any]) -> dict[str, Tensor]:
    """The decoder's parameters for realism 1, by their names in it; checked against their id.

    `BadOption` if the model has none, `TccodecError` if the file is missing or another one.
    """
    if "realism" not in config:
        name = config.get("name", folder.name)
        raise BadOption(f"the model {name} has no decoder for realism; only realism 0 works")
    tensors = read_tensors(folder, REALISM)
    if model_id(tensors, config["model"]).hex() != config["realism"]["id"]:
        raise BadModel(f"{folder / REALISM}: not the weights that config.json names")
    return tensors
