"""Run folders: safetensors shards of at most 16 MB, JSON beside them, written atomically."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tccodec.files.atomic import write_atomically

SHARD_BYTES = 15_500_000


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that a reader sees the old file or the new one, never half of it."""
    write_atomically(path, (json.dumps(value, indent=1) + "\n").encode())


def save_shards(folder: Path, tensors: dict[str, Tensor], meta: dict[str, Any]) -> None:
    """Replace `folder` by shards of `tensors` and `state.json` with `meta`."""
    tmp = folder.with_name(folder.name + ".tmp")
    tmp.mkdir(parents=True, exist_ok=True)
    for old in tmp.iterdir():
        old.unlink()
    shard: dict[str, Tensor] = {}
    size = count = 0

    def flush() -> None:
        nonlocal shard, size, count
        if shard:
            save_file(shard, tmp / f"{count:03d}.safetensors")
            shard, size, count = {}, 0, count + 1

    for name, t in tensors.items():
        t = t.detach().cpu().contiguous()
        n = t.numel() * t.element_size()
        if size and size + n > SHARD_BYTES:
            flush()
        shard[name] = t.clone()
        size += n
    flush()
    write_json(tmp / "state.json", meta)
    old_folder = folder.with_name(folder.name + ".old")
    if folder.exists():
        os.replace(folder, old_folder)
    os.replace(tmp, folder)
    if old_folder.exists():
        for f in old_folder.iterdir():
            f.unlink()
        old_folder.rmdir()


def load_shards(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Inverse of `save_shards`."""
    tensors: dict[str, Tensor] = {}
    for f in sorted(folder.glob("*.safetensors")):
        tensors.update(load_file(f))
    return tensors, json.loads((folder / "state.json").read_text("utf-8"))


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
