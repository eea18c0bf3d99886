from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tccodec.config import ModelConfig
from tccodec.errors import UnknownModel
from tccodec.model import registry
from tccodec.model.registry import find_by_id, find_model, models, search_path


def make(folder: Path, *, name: str, identity: str) -> Path:
    folder.mkdir(parents=True)
    config = {
        "name": name,
        "model_id": identity,
        "description": f"about {name}",
        "format": 1,
        "model": ModelConfig(name=name).to_dict(),
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(autouse=True)
def shelves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two folders of models instead of the installed ones."""
    make(tmp_path / "one" / "small", name="small", identity="00112233445566ff")
    make(tmp_path / "one" / "renamed", name="large", identity="ff" * 8)
    make(tmp_path / "two" / "copy", name="copy", identity="00112233445566ff")
    (tmp_path / "one" / "broken").mkdir()
    (tmp_path / "one" / "broken" / "config.json").write_text("{}")
    (tmp_path / "one" / "notes.txt").write_text("no model")
    paths = [tmp_path / "one", tmp_path / "gone", tmp_path / "two"]
    monkeypatch.setenv(registry.ENVIRONMENT, os.pathsep.join(map(str, paths)))
    monkeypatch.setattr(registry, "_PACKAGE", tmp_path / "package")
    return tmp_path


def test_all_models_once_and_none_that_is_broken() -> None:
    assert [m.name for m in models()] == ["large", "small"]


def test_by_folder_name_or_own_name() -> None:
    assert find_model("small").description == "about small"
    assert find_model("renamed").name == find_model("large").name == "large"
    assert find_model("small").file_id == bytes.fromhex("0011223344")


def test_by_path(shelves: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_model(shelves / "two" / "copy").name == "copy"
    monkeypatch.chdir(shelves / "two")
    assert find_model("copy").name == "copy"
    assert find_model("./copy").folder == Path("copy")


def test_a_name_is_not_shadowed_by_the_working_directory(
    shelves: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(shelves / "here" / "small", name="evil", identity="ee" * 8)
    monkeypatch.chdir(shelves / "here")
    assert find_model("small").name == "small"
    assert find_model("./small").name == "evil"


def test_by_id() -> None:
    assert find_by_id(bytes.fromhex("0011223344")).name == "small"
    with pytest.raises(UnknownModel, match="model 0011223355, which is not here"):
        find_by_id(bytes.fromhex("0011223355"))


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(UnknownModel, match="no model 'tiny'; known by name: large, small"):
        find_model("tiny")


def test_folder_that_is_no_model(shelves: Path) -> None:
    with pytest.raises(UnknownModel, match=r"not a model folder: config\.json"):
        find_model(shelves / "one")


def test_wheel_and_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(registry.ENVIRONMENT)
    package = tmp_path / "site" / "tccodec"
    monkeypatch.setattr(registry, "_PACKAGE", package)
    assert search_path() == [package / "models"]
    package.mkdir(parents=True)
    (package.parent / "pyproject.toml").touch()
    assert search_path() == [package / "models", package.parent / "models"]
