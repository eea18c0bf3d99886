"""A released model's folder: `model.safetensors`, `config.json`, `README.md` (its card).

The optional `realism.safetensors` has a second set of some decoder parameters, for realism 1.
Coded files do not depend on it. It has a content id of its own, which `config.json` names.

A folder may come from anywhere, so nothing in it is trusted. Sizes, types and ranges are checked
first, then names and shapes of the tensors, then the content id, then the numbers. Any defect
raises a `BadModel` that names the folder.

Reading the configuration needs no torch, so `info` and `models list` are fast.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tccodec.arguments import check_integer, check_number, short_repr
from tccodec.config import ModelConfig
from tccodec.errors import BadModel, BadOption, UnknownModel

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS, CONFIG, REALISM = "model.safetensors", "config.json", "realism.safetensors"

# Format of the folder, in `config.json`. The model id is a hash of a model in this format. A later
# format must include its number in the hash, so that it cannot be mistaken for this one.
FORMAT = 1

_MAX_BYTES, _MAX_DEPTH, _MAX_TEXT = 1 << 20, 16, 1000  # of config.json


def read_config(folder: Path) -> dict[str, Any]:
    """The `config.json` of a model folder, checked.

    `UnknownModel` if there is none, `BadModel` if it is invalid.
    """
    path = folder / CONFIG
    if not os.path.exists(path):
        raise UnknownModel(f"{folder} is not a model folder: {CONFIG}: no such file")
    config: dict[str, Any] = checked_file(path, _parsed)
    return config


def read_model(folder: Path) -> tuple[dict[str, Any], ModelConfig, dict[str, Tensor]]:
    """Configuration, shapes and tensors of a model folder, all checked.

    `UnknownModel` if it is not a model folder, `BadModel` if it is damaged.
    """
    from tccodec.model import weights

    config = read_config(folder)
    cfg = ModelConfig.from_dict(config["model"])
    checked_file(folder / WEIGHTS, lambda path: weights.check_head(path, weights.layout(cfg)))
    tensors = read_tensors(folder)
    if model_id(tensors, config["model"]).hex() != config["model_id"]:
        raise BadModel(f"{folder / WEIGHTS}: not the weights that {CONFIG} names")
    checked_file(folder / WEIGHTS, lambda _: weights.check_values(cfg, tensors))
    return config, cfg, tensors


def model_id(tensors: dict[str, Tensor], model: dict[str, Any]) -> bytes:
    """8-byte hash of the tensors and of the configuration that gives their shapes."""
    digest = hashlib.sha256(json.dumps(model, sort_keys=True).encode())
    for name in sorted(tensors):
        t = tensors[name].contiguous()
        digest.update(f"{name}|{t.dtype}|{tuple(t.shape)}|".encode())
        values = t.flatten().view(_byte_type()).numpy()
        if sys.byteorder == "big":  # the values are hashed as the file has them
            values = values.reshape(-1, t.element_size())[:, ::-1]
        digest.update(values.tobytes())
    return digest.digest()[:8]


def _byte_type() -> Any:
    import torch

    return torch.uint8


def read_tensors(folder: Path, file: str = WEIGHTS) -> dict[str, Tensor]:
    """All tensors in a file of a model folder; `BadModel` if it is missing or damaged."""
    from tccodec.model import weights

    tensors: dict[str, Tensor] = checked_file(folder / file, weights.read)
    return tensors


def read_realism(folder: Path, config: dict[str, Any]) -> dict[str, Tensor]:
    """The decoder's parameters for realism 1, by their names in the decoder, checked by id.

    `BadOption` if the model has none, `BadModel` if the file is missing or not the right one.
    """
    identity = realism_id(folder, config)
    from tccodec.model import weights

    wanted = weights.realism_layout(ModelConfig.from_dict(config["model"]))
    path = folder / REALISM
    checked_file(path, lambda path: weights.check_head(path, wanted, complete=False))
    tensors = read_tensors(folder, REALISM)
    if model_id(tensors, config["model"]).hex() != identity:
        raise BadModel(f"{path}: not the weights that {CONFIG} names")
    checked_file(path, lambda _: weights.check_finite(tensors))
    return tensors


def realism_id(folder: Path, config: dict[str, Any]) -> str:
    """The content id of the parameters for realism 1; `BadOption` if the model has none."""
    if "realism" not in config:
        name = config.get("name", folder.name)
        raise BadOption(f"the model {name} has no decoder for realism; only realism 0 works")
    identity: str = config["realism"]["id"]
    return identity


def checked_file(path: Path, use: Callable[[Path], Any]) -> Any:
    """`use(path)`; its `ValueError` or `OSError` becomes a `BadModel` that names the file."""
    if not os.path.isfile(path):  # reading a pipe could wait for ever
        raise BadModel(f"{path}: {'not a file' if os.path.exists(path) else 'no such file'}")
    try:
        return use(path)
    except OSError as e:
        reason = e.strerror or str(e)
    except (ValueError, BadModel) as e:
        reason = " ".join(str(e).split())
    except RecursionError:
        reason = "nested too deeply"
    raise BadModel(f"{path}: {reason[:250]}") from None


def _parsed(path: Path) -> dict[str, Any]:
    """The configuration in a file; `ValueError` says what is wrong with it."""
    with path.open("rb") as file:
        text = file.read(_MAX_BYTES + 1)
    if len(text) > _MAX_BYTES:
        raise ValueError(f"more than {_MAX_BYTES} bytes")
    try:
        values = json.loads(text, parse_constant=_refused)
    except ValueError as e:  # also for text that is not UTF-8
        raise ValueError(f"damaged: {str(e)[:200]}") from None
    if not isinstance(values, dict):
        raise ValueError("damaged: not a JSON object")
    if _depth(values) > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    if (
        check_integer("format", values.get("format"), low=1, high=10**9, words="from 1 on")
        != FORMAT
    ):
        raise ValueError(
            f"this model has format {values['format']}, of a later version of tccodec;"
            f" this version reads format {FORMAT}"
        )
    _check_id("model_id", values.get("model_id"))
    for key in ("name", "description"):
        check_line(key, values.get(key, ""))
    check_number("rdoq", values.get("rdoq", 0), low=0, high=10, words="from 0 to 10")
    if "realism" in values:
        if not isinstance(values["realism"], dict):
            raise ValueError("realism must be an object")
        _check_id("the id in realism", values["realism"].get("id"))
    if not isinstance(values.get("model"), dict):
        raise ValueError("model must be an object")
    ModelConfig.from_dict(values["model"])
    return values


def check_line(name: str, value: object) -> None:
    """`BadOption` for a name or a description that no model may have."""
    if not isinstance(value, str) or len(value) > _MAX_TEXT or not value.isprintable():
        raise BadOption(f"{name} must be a line of at most {_MAX_TEXT} letters")


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")


def _check_id(name: str, value: object) -> None:
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{16}", value):
        raise ValueError(f"{name} must be 16 hexadecimal digits, not {short_repr(value)}")


def _depth(values: object) -> int:
    """Depth of nested objects and lists."""
    depth, layer = 0, [values]
    while layer := [v for v in layer if isinstance(v, (dict, list))]:
        layer = [x for v in layer for x in (v.values() if isinstance(v, dict) else v)]
        depth += 1
    return depth
