"""Model folders that are damaged, hostile or of a later version: one `BadModel`, and no harm."""

from __future__ import annotations

import json
import math
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

import tccodec
from tccodec import Codec
from tccodec.errors import BadModel, TccodecError, UnknownModel
from tccodec.model.folder import model_id, read_config
from tccodec.model.registry import find_model, models
from tests.support.pictures import picture
from tests.support.program import Run

Config = dict[str, Any]
Tensors = dict[str, Tensor]


@pytest.fixture
def folder(tiny_model_dir: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny_model_dir, tmp_path / "shelf" / "bent")


def refused(folder: Path, text: str = "") -> str:
    """What loading it says; it must be a `BadModel` in one line that names the folder."""
    with pytest.raises(BadModel, match=text) as caught:
        Codec.from_pretrained(folder, device="cpu")
    message = str(caught.value)
    assert str(folder) in message and "\n" not in message and len(message) < len(str(folder)) + 300
    return message


def rewrite(folder: Path, change: Callable[[Config], object]) -> None:
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


def reseal(folder: Path, change: Callable[[Tensors], object]) -> None:
    """Other tensors, and an id that fits them, as somebody who means harm would write."""
    tensors = {k: v.clone() for k, v in load_file(folder / "model.safetensors").items()}
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    rewrite(folder, lambda c: c.update(model_id=model_id(tensors, c["model"]).hex()))


TEXTS = {
    "": "damaged",
    "[]": "not a JSON object",
    "null": "not a JSON object",
    "3": "not a JSON object",
    '"model_id"': "not a JSON object",
    "{": "damaged",
    "\ufeff{}": "format must be",
    "[" * 200_000: "nested too deeply",
    '{"a":' * 100_000: "nested too deeply",
    '{"a": ' + "[" * 100 + "]" * 100 + "}": "nested too deeply",
    '{"a": NaN}': "NaN is not a JSON number",
    '{"a": Infinity}': "Infinity is not a JSON number",
    '{"a": ' + "9" * 5000 + "}": "damaged",
    " " * (2 << 20) + "{}": "more than 1048576 bytes",
    '{"model_id": "0123456789abcdef"}': "format must be a whole number",
}


@pytest.mark.parametrize("text", TEXTS, ids=lambda t: t[:20])
def test_a_configuration_that_is_none(folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text, "utf-8")
    refused(folder, rf"config\.json: .*{TEXTS[text]}")


def test_a_configuration_that_is_not_text(folder: Path) -> None:
    (folder / "config.json").write_bytes(b"\xff\xfe\x00")
    refused(folder, "damaged")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_something_else_than_a_file(folder: Path, name: str) -> None:
    (folder / name).unlink()
    if name != "config.json":
        refused(folder, "no such file")
    (folder / name).mkdir()
    refused(folder, "not a file")
    (folder / name).rmdir()
    os.mkfifo(folder / name)
    refused(folder, "not a file")
    (folder / name).unlink()
    os.symlink(name, folder / name)  # to itself
    with pytest.raises((BadModel, UnknownModel)):
        Codec.from_pretrained(folder, device="cpu")


def test_folders_that_are_no_models(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", folder.parent):
        with pytest.raises(UnknownModel, match=r"not a model folder: config\.json"):
            find_model(path)
    with pytest.raises(UnknownModel, match="there is no model"):
        find_model(folder / "config.json")


BAD_VALUES: list[tuple[str, Any, str]] = [
    *(("format", v, "format must be a whole number") for v in (None, "1", 0, -1, 1.5, True, [1])),
    ("format", 2, "this model has format 2, of a later version of tccodec"),
    ("format", 99, "this model has format 99, of a later version of tccodec"),
    *(("model_id", v, "model_id must be 16 hexadecimal digits") for v in (3, None, "", "abc", [])),
    *(("model_id", v, "model_id must be 16 hex") for v in ("26" * 9, "2607D4CC407E476D", "zz" * 8)),
    *(("name", v, "name must be a line") for v in (7, None, [], "\x1b[31mred", "a\nb", "x" * 5000)),
    *(("description", v, "description must be a line") for v in (3, None, "a\rb", "x" * 5000)),
    *(("rdoq", v, "rdoq must be") for v in ("x", -1, None, [], 1e300, True)),
    *(("realism", v, "realism must be an object") for v in (3, None, "x", [])),
    *(("realism", v, "the id in realism must be") for v in ({}, {"id": 3}, {"id": "zz"})),
    *(("model", v, "model must be an object") for v in (None, [], "x", 3)),
]


@pytest.mark.parametrize(("key", "value", "text"), BAD_VALUES)
def test_a_value_of_a_wrong_type_or_range(folder: Path, key: str, value: Any, text: str) -> None:
    rewrite(folder, lambda c: c.update({key: value}))
    refused(folder, text)


@pytest.mark.parametrize("key", ["model", "format", "model_id"])
def test_a_value_that_is_missing(folder: Path, key: str) -> None:
    rewrite(folder, lambda c: c.pop(key))
    refused(folder, key)


SHAPES = [None, "x", [], {}, -1, 1.5, 1e300, 10**9, 2**63, [1, 2], [10**9, 4, 4], ["a"], [True, 4]]


def test_no_shape_of_a_wrong_type_or_size_gets_far(folder: Path) -> None:
    good = read_config(folder)
    for key, kept in good["model"].items():
        for value in SHAPES if isinstance(kept, (bool, str)) else [*SHAPES, True, "8"]:
            if (key, value) in (("name", "x"), ("lambda_max", 1.5), ("start", [])):
                continue
            bad = good | {"model": good["model"] | {key: value}}
            (folder / "config.json").write_text(json.dumps(bad))
            with pytest.raises(BadModel, match=key):
                find_model(folder)


def test_knots_are_a_whole_number_of_settings_apart(folder: Path) -> None:
    rewrite(folder, lambda c: c["model"].update({"knots": 64}))
    with pytest.raises(BadModel, match="knots - 1 must divide 1000, not be 63"):
        read_config(folder)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"trellis": 1}, "trellis must be 0 or 2 to 63"),
        ({"trellis": 12, "spacing": [20, 24], "centroids": True}, "not together with centroids"),
        ({"trellis": 12, "spacing": [20, 23]}, "the second spacing must be even"),
        ({"trellis": 12, "spacing": [20, 24, 24]}, "spacing must be two numbers from 2 to 64"),
        ({"trellis": 12, "spacing": [20, 66]}, "spacing must be two numbers from 2 to 64"),
        ({"spacing": [20, 24]}, "spacing other than 16 needs a trellis"),
        ({"trellis": 12, "spacing": [20, 24]}, "table_sizes"),
    ],
    ids=str,
)
def test_quantisers_that_no_model_has(folder: Path, change: Config, sentence: str) -> None:
    rewrite(folder, lambda c: c["model"].update(change))
    refused(folder, sentence)


def test_a_shape_that_is_no_shape(folder: Path) -> None:
    rewrite(folder, lambda c: c["model"].update({"x" * 10**5: 3}))
    refused(folder, "unknown model setting 'xxx")


@pytest.mark.parametrize(
    "change",
    [
        {"enc_blocks1": 64, "dec_blocks2": 64},
        {"dim1": 4096, "dim2": 4096, "bottleneck": 8192},
        {"hidden": 4096, "fine_hidden": 4096, "hyper": 4096},
        {"groups": [4] * 8},
        {"groups": [16, 32, 64, 132]},
        {"window": 7},
        {"knots": 5},
        {"staged": False, "patch": 16},
        {"dw_kernel": 31},
        {"blend": 0},
    ],
    ids=str,
)
def test_shapes_that_the_tensors_have_not_are_never_allocated(folder: Path, change: Config) -> None:
    rewrite(folder, lambda c: c["model"].update(change))
    refused(folder, r"model\.safetensors: the tensor ")


BENT: dict[str, tuple[Callable[[Tensors], object], str]] = {
    "a tensor less": (lambda t: t.pop("int.base"), "int.base is missing"),
    "a tensor more": (lambda t: t.update({"tcae.more": torch.zeros(3)}), "one of this model's"),
    "an empty one": (lambda t: t.update({"int.base": torch.zeros(0).int()}), "has shape"),
    "a long row": (lambda t: t.update({"int.feature": torch.zeros(9999).to(torch.int8)}), "shape"),
    "tables in a square": (lambda t: t.update({"int.tables": torch.zeros(2, 2).int()}), "one row"),
    "double": (lambda t: t.update({"tcae.std": t["tcae.std"].double()}), "is F64, not F32"),
    "integers": (lambda t: t.update({"tcae.std": t["tcae.std"].int()}), "is I32, not F32"),
    "NaN": (lambda t: t["tcae.encoder.embed.weight"].fill_(math.nan), "not finite"),
    "infinite": (lambda t: t["hyper.hyper_gain"].fill_(math.inf), "not finite"),
    "shifts of zero": (lambda t: t["int.hs.shift"].zero_(), "shifts outside 4..18"),
    "large shifts": (lambda t: t["int.lift1.shift"].fill_(255), "shifts outside 4..18"),
    "negative sizes": (lambda t: t["int.table_sizes"].fill_(-1), "table_sizes"),
    "huge sizes": (lambda t: t["int.table_sizes"].fill_(2**31 - 1), "table_sizes"),
    "one size too many": (lambda t: t["int.table_sizes"][0].add_(2), "does not fit"),
    "tables of nothing": (lambda t: t["int.tables"].zero_(), "symbol table 0"),
    "no tensors": (lambda t: t.clear(), "is missing"),
}


@pytest.mark.parametrize("name", BENT)
def test_tensors_that_do_not_fit_the_configuration(folder: Path, name: str) -> None:
    change, text = BENT[name]
    reseal(folder, change)
    refused(folder, text)


@pytest.mark.parametrize("effort", [2, 3])
def test_weights_that_lead_nowhere_are_an_error_of_the_model(folder: Path, effort: int) -> None:
    reseal(folder, lambda t: [t[k].fill_(6e4) for k in t if k.startswith("tcae.encoder.")])
    codec = Codec.from_pretrained(folder, device="cpu")
    with pytest.raises(BadModel, match="not finite"):
        codec.compress(picture(), effort=effort, lossy=True)


def heads(body: bytes) -> dict[str, bytes]:
    size = struct.unpack("<Q", body[:8])[0]
    head = json.loads(body[8 : 8 + size])
    first = min(k for k in head if k != "__metadata__")

    def with_head(change: Config) -> bytes:
        text = json.dumps(head | {first: head[first] | change}).encode()
        return struct.pack("<Q", len(text)) + text + body[8 + size :]

    return {
        "empty": b"",
        "cut": body[: len(body) // 2],
        "cut in the head": body[:200],
        "of a huge head": struct.pack("<Q", 2**63) + body[8:],
        "of no JSON": struct.pack("<Q", 100) + b"x" * 100,
        "huge shape": with_head({"shape": [2**40]}),
        "negative shape": with_head({"shape": [-1]}),
        "overflow": with_head({"shape": [2**32, 2**32]}),
        "strange dtype": with_head({"dtype": "X9"}),
        "8-bit floats": with_head({"dtype": "F8_E4M3"}),
        "far offsets": with_head({"data_offsets": [0, 2**60]}),
        "pickle": b"\x80\x04cposix\nsystem\n(S'touch pwned'\ntR.",
        "a flipped byte": body[:-9] + bytes([body[-9] ^ 1]) + body[-8:],
        "a byte more": body + b"x",
    }


def test_a_damaged_file_of_tensors(folder: Path) -> None:
    for damaged in heads((folder / "model.safetensors").read_bytes()).values():
        (folder / "model.safetensors").write_bytes(damaged)
        refused(folder, r"model\.safetensors: ")


REALISM: dict[str, tuple[Callable[[Tensors], object], str]] = {
    "a tensor more": (lambda t: t.update({"x": torch.zeros(3)}), "one of this model's"),
    "one without a second value": (
        lambda t: t.update({"fine1.bias": torch.zeros(3)}),
        "one of this model's",
    ),
    "another shape": (lambda t: t.update({"out.weight": torch.zeros(3).half()}), "has shape"),
    "another dtype": (lambda t: t.update({"out.weight": t["out.weight"].float()}), "is F32"),
    "NaN": (lambda t: t["out.weight"].fill_(math.nan), "not finite"),
}


@pytest.mark.parametrize("name", REALISM)
def test_a_damaged_decoder_for_realism(folder: Path, name: str) -> None:
    change, text = REALISM[name]
    tensors = {k: v.clone() for k, v in load_file(folder / "realism.safetensors").items()}
    change(tensors)
    save_file(tensors, folder / "realism.safetensors")
    config = read_config(folder)
    identity = model_id(tensors, config["model"]).hex()
    rewrite(folder, lambda c: c["realism"].update(id=identity))
    codec = Codec.from_pretrained(folder, device="cpu")
    data = codec.compress(picture())
    assert codec.decompress(data).size == (60, 40)
    with pytest.raises(BadModel, match=text) as caught:
        codec.decompress(data, realism=1)
    assert str(folder / "realism.safetensors") in str(caught.value)


def test_the_id_of_a_model_does_not_depend_on_the_format_so_far(folder: Path) -> None:
    """Released files carry it."""
    config = read_config(folder)
    tensors = load_file(folder / "model.safetensors")
    assert model_id(tensors, config["model"]).hex() == config["model_id"]


@pytest.fixture
def shelf(folder: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Searched first: bad folders of every kind, one of them named as the good model's."""
    (folder / "config.json").write_text("[" * 200_000)
    shutil.copytree(tiny_model_dir, folder.parent / "later")
    rewrite(folder.parent / "later", lambda c: c.update(format=2))
    shutil.copytree(tiny_model_dir, folder.parent / "aaa-cut")
    (folder.parent / "aaa-cut" / "model.safetensors").write_bytes(b"")
    shutil.copytree(tiny_model_dir, folder.parent / "aab-without")
    (folder.parent / "aab-without" / "model.safetensors").unlink()
    (folder.parent / "empty").mkdir()
    (folder.parent / "file").write_text("no folder")
    os.symlink(folder.parent, folder.parent / "loop")
    os.symlink("nowhere", folder.parent / "broken-link")
    os.symlink(tiny_model_dir, folder.parent / "linked")
    paths = [folder.parent, tiny_model_dir.parent]
    monkeypatch.setenv("TCCODEC_MODELS", os.pathsep.join(map(str, paths)))
    return folder.parent


def test_bad_folders_do_not_stop_good_ones(tiny_model_dir: Path, shelf: Path) -> None:
    good = Codec.from_pretrained(tiny_model_dir, device="cpu")
    data = good.compress(picture())
    assert tccodec.decompress(data, device="cpu").size == (60, 40)
    assert [m.model_id for m in models()].count(good.model_id) == 1
    assert Codec.from_pretrained("linked", device="cpu").model_id == good.model_id


def test_a_bad_folder_is_named_when_it_is_missed(shelf: Path) -> None:
    with pytest.raises(BadModel, match="nested too deeply"):
        find_model("bent")
    with pytest.raises(UnknownModel) as caught:
        find_model("nothing")
    assert str(shelf / "bent") in str(caught.value) and "format 2" in str(caught.value)
    data = bytearray(Codec.from_pretrained("linked", device="cpu").compress(picture()))
    data[5:10] = b"other"
    with pytest.raises(UnknownModel, match=r"6f74686572, which is not here.*passed over"):
        tccodec.decompress(data)


def test_the_commands_pass_bad_folders_over(
    run: Run,
    tiny_model_dir: Path,
    shelf: Path,
    tmp_path: Path,
) -> None:
    data = Codec.from_pretrained(tiny_model_dir, device="cpu").compress(picture())
    (tmp_path / "x.tcz").write_bytes(data)
    assert b"tiny" in run("info", "x.tcz").out
    assert run("verify", "x.tcz", "--device", "cpu").code == 0
    assert run("decompress", "x.tcz", "--device", "cpu").code == 0
    listed = run("models")
    assert listed.code == 0 and listed.out.count(b"tiny") >= 1
    assert str(shelf / "bent") in listed.err and str(shelf / "later") in listed.err
    found = run("compress", "x.png", "--model", shelf / "later")
    assert found.code != 0 and "format 2, of a later version" in found.err
    assert "Traceback" not in found.err


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_may_not_be_read(folder: Path) -> None:
    (folder / "config.json").chmod(0)
    refused(folder, "Permission denied")


def test_every_error_of_a_model_is_caught_as_one_of_ours(folder: Path) -> None:
    assert issubclass(BadModel, TccodecError)
    pixels = np.zeros((8, 8, 3), np.uint8)
    (folder / "config.json").write_text("{}")
    with pytest.raises(TccodecError):
        tccodec.compress(Image.fromarray(pixels), model=folder)
