"""Where torch is not installed, a model folder is checked as strictly as with it."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tccodec.errors import BadModel
from tccodec.model import weights
from tccodec.model.folder import model_id, read_config
from tccodec.portable.folder import read_model, read_realism
from tccodec.portable.layout import check_realism, layout
from tests.support.shapes import SHAPES

DTYPES = {"F16": "float16", "F32": "float32", "I8": "int8", "U8": "uint8", "I32": "int32"}
Tensors = dict[str, Tensor]


@pytest.mark.parametrize("shape", SHAPES)
def test_tensors_are_those_of_the_networks(shape: str) -> None:
    cfg = SHAPES[shape]
    wanted = {
        name: (DTYPES[dtype], size)
        for name, (dtype, size) in weights.layout(cfg).items()
        if not name.startswith(("tcae.encoder.", "hyper."))
    }
    assert layout(cfg) == wanted
    second = {name: torch.zeros(size or 0).half() for name, (_, size) in realism(shape).items()}
    check_realism(cfg, {name: t.numpy() for name, t in second.items()})


def realism(shape: str) -> weights.Layout:
    return weights.realism_layout(SHAPES[shape])


BENT: dict[str, tuple[Callable[[Tensors], object], str]] = {
    "a tensor less": (lambda t: t.pop("int.base"), r"int\.base is missing"),
    "a layer less": (lambda t: t.pop("int.groups.1.out.weight"), "is missing"),
    "a narrow layer": (
        lambda t: t.update({"int.hs.weight": torch.zeros(128, 9, dtype=torch.int8)}),
        "has shape",
    ),
    "a scalar": (lambda t: t.update({"tcae.std": torch.tensor(1.0)}), "has shape"),
    "tables in a square": (lambda t: t.update({"int.tables": torch.zeros(2, 2).int()}), "shape"),
    "floats": (lambda t: t.update({"int.base": t["int.base"].float()}), "is float32, not int32"),
    "NaN": (lambda t: t["tcae.decoder.fine1.weight"].fill_(math.nan), "not finite"),
    "shifts of zero": (lambda t: t["int.hs.shift"].zero_(), r"shifts outside 4\.\.18"),
    "large shifts": (lambda t: t["int.lift1.shift"].fill_(255), r"shifts outside 4\.\.18"),
    "negative sizes": (lambda t: t["int.table_sizes"].fill_(-1), "table_sizes"),
    "one size too many": (lambda t: t["int.table_sizes"][0].add_(2), "does not fit"),
    "tables of nothing": (lambda t: t["int.tables"].zero_(), "symbol table 0"),
}


@pytest.mark.parametrize("name", BENT)
def test_bent_tensors_under_an_id_that_fits(
    name: str, tiny_model_dir: Path, tmp_path: Path
) -> None:
    change, text = BENT[name]
    folder = shutil.copytree(tiny_model_dir, tmp_path / "bent")
    read_model(folder)
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    config = read_config(folder)
    config["model_id"] = model_id(tensors, config["model"]).hex()
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(BadModel, match=text) as caught:
        read_model(folder)
    assert str(folder / "model.safetensors") in str(caught.value)


@pytest.mark.parametrize(
    "tensors",
    [{"x": torch.zeros(3)}, {"fine1.bias": torch.zeros(48)}, {"out.bias": torch.zeros(3)}],
    ids=["unknown", "without a second value", "of another shape"],
)
def test_bent_second_values(tensors: Tensors, tiny_model_dir: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model_dir, tmp_path / "bent")
    save_file({name: t.half() for name, t in tensors.items()}, folder / "realism.safetensors")
    config = read_config(folder)
    second = load_file(folder / "realism.safetensors")
    config["realism"]["id"] = model_id(second, config["model"]).hex()
    with pytest.raises(BadModel, match=r"realism\.safetensors"):
        read_realism(folder, config)
