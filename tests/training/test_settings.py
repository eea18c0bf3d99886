"""Settings of a training run: their types, ranges and contradictions."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from tccodec.errors import BadConfig
from tccodec.training.config import TrainConfig, load_config


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    "line",
    [
        "ema = 2",
        "ema = 1",
        "ema = -0.1",
        "batch = 0",
        "batch = 8.5",
        "batch = 8.0",
        "batch = 1000000000000000000",
        "batch = true",
        "crop = 200",
        "rdoq = -1",
        "rdoq = nan",
        "lr = inf",
        "lr = -1",
        "lr_muon = nan",
        "minutes = inf",
        "minutes = 0",
        "warmup_steps = -1",
        "log_steps = 0",
        "held_out = -1",
        "save_minutes = 0",
        "seed = -1",
        "clip = 0",
        "rescale = 1.5",
        "drawn_weight = -1",
        "setting_high = 1001",
        "uniform_share = 'all'",
        "compile = 2",
        "compile = 'yes'",
        "rate_only = 0.5",
        "decoder_only = []",
        f"warmup_steps = {10**400}",
        f"lr = {10**400}",
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(tmp_path: Path, line: str) -> None:
    path = written(tmp_path, f"[train]\n{line}")
    with pytest.raises(BadConfig) as refused:
        load_config(path)
    text = str(refused.value)
    assert text.startswith(f"{path}, [train]: {line.split()[0]} ") and "\n" not in text


@pytest.mark.parametrize("name", [f.name for f in fields(TrainConfig)])
@pytest.mark.parametrize("value", ["nan", "inf", "-1", "'x'", "[]", "1979-05-27"])
def test_no_setting_takes_what_is_no_sensible_number(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(BadConfig, match=f"{name} must be"):
        load_config(written(tmp_path, f"[train]\n{name} = {value}"))


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False), ("1", True)])
def test_flags_are_true_or_false(tmp_path: Path, text: str, value: bool) -> None:
    _, train = load_config(written(tmp_path, f"[train]\ncompile = {text}\nrate_only = {text}"))
    assert train.compile is value and train.rate_only is value


def test_settings_come_in_the_type_that_they_are_declared_with(tmp_path: Path) -> None:
    text = "[train]\nminutes = 5\nlr = 1\nbatch = 4\ndecoder_only = 1"
    _, train = load_config(written(tmp_path, text))
    types = {"int": int, "float": float, "bool": bool, "str": str}
    for field in fields(TrainConfig):
        assert type(getattr(train, field.name)) is types[str(field.type)], field.name


@pytest.mark.parametrize("other", ["decoder_only = true", "perceptual = 300"])
def test_settings_that_exclude_each_other_are_named(tmp_path: Path, other: str) -> None:
    with pytest.raises(BadConfig, match=f"rate_only .*{other.split()[0]}"):
        load_config(written(tmp_path, f"[train]\nrate_only = true\n{other}"))
    load_config(written(tmp_path, f"[train]\nrate_only = false\n{other}"))


@pytest.mark.parametrize("name", ["quality_low", "quality_high", "quality_wide"])
def test_names_of_earlier_versions_are_unknown(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadConfig, match=f"unknown setting '?{name}"):
        load_config(written(tmp_path, f"[train]\n{name} = 0.5"))


def test_the_range_of_settings_is_not_turned_round(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="setting_low"):
        load_config(written(tmp_path, "[train]\nsetting_low = 500\nsetting_high = 400"))


@pytest.mark.parametrize("text", ["train = 5", "model = 'tcae-s'", "[[train]]\nbatch = 4"])
def test_a_section_that_is_a_value_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadConfig, match="must be a section"):
        load_config(written(tmp_path, text))


def test_a_file_that_is_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="is not valid TOML: nested too deeply"):
        load_config(written(tmp_path, "x = " + "[" * 100_000))
