"""The tensors of a model with given shapes, and the check that a file holds exactly these.

    tcae.*    both transforms        fp16; quantisation steps and deviations fp32
    hyper.*   hyper analysis         fp16; its gains fp32
    int.*     the entropy model      integers, as `entropy.integer` reads them

The check needs only the head of the file, before a tensor is read or a network made. So memory for
what a configuration claims is never allocated unless the file has it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from tccodec.config import ModelConfig
from tccodec.entropy.convert import import_entropy
from tccodec.entropy.layers import IntLinear
from tccodec.entropy.limits import CENTROID_LIMIT, FEATURE_SIZE, MAX_SHIFT, MIN_SHIFT
from tccodec.entropy.networks import EntropyModel
from tccodec.entropy.tables import check_tables, table_count
from tccodec.transform.decoder import depends_on_realism
from tccodec.transform.tcae import TCAE

T = TypeVar("T")
Shape = tuple[int, ...]
Layout = dict[str, tuple[str, Shape | None]]  # dtype as in the file, shape; None for any in one row
DECODER = "tcae.decoder"


def layout(cfg: ModelConfig) -> Layout:
    """Names, dtypes and shapes of a released model's tensors."""
    with torch.device("meta"):
        tcae, entropy = TCAE(cfg), EntropyModel(cfg)
    out: Layout = {}
    for name, value in tcae.state_dict().items():
        out[f"tcae.{name}"] = "F32" if name in ("log_step", "std") else "F16", tuple(value.shape)
    for name, value in entropy.ha.state_dict().items():
        out[f"hyper.{name}"] = "F32" if name == "hyper_gain" else "F16", tuple(value.shape)
    for name, module in entropy.named_modules():
        if isinstance(module, IntLinear):
            rows = module.weight.shape[0]
            out[f"int.{name}.weight"] = "I8", tuple(module.weight.shape)
            out[f"int.{name}.shift"] = "U8", (rows,)
            out[f"int.{name}.bias"] = "I32", tuple(module.bias.shape)
    out["int.base"] = "I32", tuple(entropy.base.shape)
    out["int.hyper_base"] = "I32", tuple(entropy.hyper_base.shape)
    out["int.feature"] = "I8", (FEATURE_SIZE,)
    if entropy.centroids is not None:
        out["int.centroids"] = "I8", tuple(entropy.centroids.shape)
    out["int.tables"] = "I32", None
    out["int.table_sizes"] = "I32", (table_count(cfg.trellis),)
    return out


def realism_layout(cfg: ModelConfig) -> Layout:
    """The decoder parameters that may have a second set, by their names in the decoder."""
    return {k: v for k, v in part_of(layout(cfg), DECODER).items() if depends_on_realism(k)}


def part_of(tensors: dict[str, T], name: str) -> dict[str, T]:
    """The tensors of one part of a model (`tcae`, `hyper`, `int`), by their names in it."""
    start = f"{name}."
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def float_entropy(cfg: ModelConfig, tensors: dict[str, Tensor]) -> EntropyModel:
    """The entropy model in floating point, as it is trained, with a released model's values."""
    with torch.random.fork_rng(devices=[]):  # the initial values drawn here are not used
        model = EntropyModel(cfg).float()
    load_entropy(model, tensors)
    return model.eval()


def load_entropy(model: EntropyModel, tensors: dict[str, Tensor]) -> None:
    """Give an entropy model in floating point the values of a released model."""
    model.ha.load_state_dict(part_of(tensors, "hyper"))
    import_entropy(model, part_of(tensors, "int"))


def check_head(path: Path, wanted: Layout, *, complete: bool = True) -> None:
    """Compare the tensors of a file with `wanted`; `ValueError` if they differ.

    complete: no tensor may be missing. `OSError` if the file cannot be opened.
    """
    with _parsing(), safe_open(path, "pt") as file:
        names = set(file.keys())
        for name in sorted(names - set(wanted)):
            raise ValueError(f"the tensor {name[:80]!r} is not one of this model's")
        for name in sorted(set(wanted) - names) if complete else ():
            raise ValueError(f"the tensor {name} is missing")
        for name in sorted(names):
            head, (dtype, shape) = file.get_slice(name), wanted[name]
            actual: Shape = tuple(head.get_shape())
            if head.get_dtype() != dtype:
                raise ValueError(f"the tensor {name} is {head.get_dtype()}, not {dtype}")
            if shape is None:
                fits, words = len(actual) == 1, "one row"
            else:
                fits, words = actual == shape, str(list(shape))
            if not fits:
                raise ValueError(f"the tensor {name} has shape {list(actual)}, not {words}")


def read(path: Path) -> dict[str, Tensor]:
    """All tensors of a file; `ValueError` if it is damaged, `OSError` if it cannot be opened."""
    with _parsing():
        return load_file(path)


@contextmanager
def _parsing() -> Iterator[None]:
    try:
        yield
    except SafetensorError as e:
        raise ValueError(str(e)) from None


def check_finite(tensors: dict[str, Tensor]) -> None:
    """Refuse NaN and infinite numbers (`ValueError`)."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"the tensor {name} holds numbers that are not finite")


def check_values(cfg: ModelConfig, tensors: dict[str, Tensor]) -> None:
    """Refuse values that no export writes (`ValueError`): NaN, invalid shifts or table sizes."""
    check_finite(tensors)
    for name, tensor in tensors.items():
        if name.endswith(".shift"):
            low, high = int(tensor.min()), int(tensor.max())
            if low < MIN_SHIFT or high > MAX_SHIFT:
                raise ValueError(f"the tensor {name} holds shifts outside {MIN_SHIFT}..{MAX_SHIFT}")
    centroids = tensors.get("int.centroids")
    if centroids is not None and int(centroids.int().abs().max()) > CENTROID_LIMIT:
        raise ValueError(f"int.centroids holds values outside -{CENTROID_LIMIT}..{CENTROID_LIMIT}")
    sizes = tensors["int.table_sizes"].tolist()
    check_tables(tensors["int.tables"].numpy(), sizes, trellis=cfg.trellis)
