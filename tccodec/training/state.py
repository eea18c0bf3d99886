"""Run folders: states of safetensors shards of at most 16 MB, with JSON beside them.

A state is replaced whole: a process that is killed leaves the old one or the new one.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from tccodec.errors import BadModel, TccodecError
from tccodec.files.atomic import write_atomically
from tccodec.files.folders import current, replacing_folder
from tccodec.files.text import from_json
from tccodec.model.folder import checked_file
from tccodec.model.weights import read
from tccodec.training.folder import META

SHARD_BYTES = 15_500_000
_COUNT = "shards"  # how many there are, in `META`


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that a reader sees the old file or the new one, never half of it."""
    write_atomically(path, (json.dumps(value, indent=1) + "\n").encode())


def save_shards(folder: Path, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
    """Replace `folder` by shards of `tensors` and `state.json` with `meta`.

    `OSError`, which names the file, if it cannot be written; the old state is then still there.
    """
    with replacing_folder(folder) as new:
        shard: dict[str, Tensor] = {}
        size = count = 0

        def flush() -> None:
            nonlocal shard, size, count
            if shard:
                write_atomically(new / f"{count:03d}.safetensors", save(shard))
                shard, size, count = {}, 0, count + 1

        for name, t in tensors.items():
            t = t.detach().cpu().contiguous()
            n = t.numel() * t.element_size()
            if size and size + n > SHARD_BYTES:
                flush()
            shard[name] = t.clone()
            size += n
        flush()
        write_json(new / META, meta | {_COUNT: count})


def load_shards(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Inverse of `save_shards`; `BadModel` if a file is missing or damaged."""
    folder = current(folder)
    meta: dict[str, Any] = checked_file(folder / META, _parsed)
    shards = sorted(folder.glob("*.safetensors"))
    if len(shards) != meta.pop(_COUNT, len(shards)):  # older states do not have it
        raise BadModel(f"{folder} lacks some of its .safetensors files")
    tensors: dict[str, Tensor] = {}
    for file in shards:
        tensors.update(checked_file(file, read))
    return tensors, meta


def _parsed(path: Path) -> dict[str, Any]:
    try:
        meta = from_json(path.read_text("utf-8"))
    except ValueError as e:  # also for text that is not UTF-8
        raise ValueError(f"damaged: {e}") from None
    if not isinstance(meta, dict):
        raise ValueError("damaged: not a JSON object")
    return meta


@contextmanager
def using_state(folder: Path) -> Iterator[None]:
    """What is in a state and does not fit its reader becomes a `BadModel` that names the folder."""
    try:
        yield
    except (TccodecError, torch.OutOfMemoryError):
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as e:
        reason = f"there is no {e}" if isinstance(e, KeyError) else " ".join(str(e).split())
        raise BadModel(f"{folder} holds no state that fits here: {reason[:200]}") from None


def changed_settings(saved: dict[str, Any], now: Any) -> list[str]:
    """Each as `batch 8 -> 16`. saved: of a state; now: a dataclass. New settings do not count."""
    plain = json.loads(json.dumps(dataclasses.asdict(now)))
    return [
        f"{name} {json.dumps(saved[name])} -> {json.dumps(value)}"
        for name, value in plain.items()
        if name in saved and saved[name] != value
    ]


def optimiser_tensors(label: str, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimiser's state as tensors whose names begin with `label`."""
    return {
        f"{label}.{i}.{k}": torch.as_tensor(v)
        for i, state in optimiser.state_dict()["state"].items()
        for k, v in state.items()
    }


def load_optimiser(
    label: str, optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]
) -> None:
    """Inverse of `optimiser_tensors`; the groups stay as they are."""
    state: dict[int, dict[str, Any]] = {}
    for name, value in tensors.items():
        if name.startswith(label + "."):
            _, i, key = name.split(".", 2)
            state.setdefault(int(i), {})[key] = value
    saved = optimiser.state_dict()
    saved["state"] = state
    optimiser.load_state_dict(saved)
