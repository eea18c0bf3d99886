"""Export with `--calibrate`: which pictures it takes, and that the output is written at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tccodec.cli.program import program
from tccodec.coding.neural import NeuralCodec
from tccodec.entropy.tables import logistic_tables, table_count
from tccodec.model.folder import read_config
from tccodec.picture.types import Pixels
from tccodec.training import calibrate
from tccodec.training.export import export_run
from tccodec.training.loop import Trainer
from tests.support.models import tiny_config
from tests.support.pictures import photo
from tests.support.shapes import SHAPES, model_of
from tests.support.training import CFG


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that was just begun, which holds out two pictures of each source."""
    Trainer(tiny_config(), replace(CFG, rdoq=0.25), tmp_path / "run").save("last")
    return tmp_path / "run"


def shades(folder: Path, values: Sequence[int]) -> Path:
    """Flat pictures, of these values, in the order of their names."""
    folder.mkdir()
    for i, value in enumerate(values):
        Image.new("L", (130, 130), value).save(folder / f"{i:02d}.png")
    return folder


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The values of the pictures that calibration is given: for tables, for the quantiser."""
    lists: list[list[int]] = []

    def note(pictures: Sequence[Pixels]) -> None:
        lists.append([int(p[0, 0, 0]) for p in pictures])

    def tables(codec: NeuralCodec, pictures: Sequence[Pixels]) -> Any:
        assert codec.rdoq == 0.25  # as in the run
        note(pictures)
        return logistic_tables()

    def rdoq(_: NeuralCodec, pictures: Sequence[Pixels]) -> Any:
        note(pictures)
        return 0.5, {}

    monkeypatch.setattr(calibrate, "fit_tables", tables)
    monkeypatch.setattr(calibrate, "choose_rdoq", rdoq)
    return lists


def test_what_the_run_held_out_chooses_the_quantiser(
    run: Path, tmp_path: Path, taken: list[list[int]]
) -> None:
    many, few = shades(tmp_path / "many", range(12)), shades(tmp_path / "few", range(100, 105))
    lines: list[str] = []
    export_run(run, tmp_path / "model", calibrate=[many, few], say=lines.append)
    assert taken == [[*range(10), 100, 101, 102, 103], [10, 11, 104]] and not lines
    found = read_config(tmp_path / "model")
    assert found["rdoq"] == 0.5
    assert found["calibration"] == {"rdoq_bd_rates": {}, "tables_from": 14, "rdoq_from": 3}


def test_one_picture_serves_for_both_and_that_is_said(
    run: Path, tmp_path: Path, taken: list[list[int]]
) -> None:
    one = shades(tmp_path / "one", [7])
    line = ["export", str(run), "-o", str(tmp_path / "model"), "--calibrate", str(one)]
    done = CliRunner().invoke(program, line)
    assert done.exit_code == 0, done.output
    assert taken == [[7], [7]] and "too few to hold some out" in done.output


def test_tables_are_fitted_to_something(tiny_model_dir: Path) -> None:
    codec = NeuralCodec.load(tiny_model_dir)
    with pytest.raises(ValueError, match="no pictures"):
        calibrate.fit_tables(codec, [])
    with pytest.raises(ValueError, match="no pictures"):
        calibrate.choose_rdoq(codec, [])


def test_an_export_that_is_interrupted_leaves_the_old_model(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, out = shades(tmp_path / "photos", [7]), tmp_path / "model"
    export_run(run, out, name="old")
    before = {p.name: p.read_bytes() for p in out.iterdir()}

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(calibrate, "choose_rdoq", interrupted)
    monkeypatch.setattr(calibrate, "fit_tables", lambda *_: logistic_tables())
    for folder in (out, tmp_path / "new"):
        with pytest.raises(KeyboardInterrupt):
            export_run(run, folder, name="new", calibrate=[photo])
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before
    assert not (tmp_path / "new").exists()


def test_both_quantisers_get_tables_that_fit(tmp_path: Path) -> None:
    """The prices by which symbols are chosen come from the tables, so these are fitted again."""
    shape = next(cfg for cfg in SHAPES.values() if cfg.trellis)
    codec = NeuralCodec.load(model_of(shape, tmp_path / "model"), device="cpu", precision="fp32")
    codec.rdoq = 0.65
    photos = [photo(96, 128, seed=seed) for seed in range(2)]

    def bits_and_error() -> tuple[float, float]:
        bits = error = 0.0
        for setting in calibrate.SETTINGS[:5]:
            for rgb in photos:
                coded = codec.encode(rgb, setting)
                bits += 8 * sum(map(len, coded.payloads))
                error += float(np.square(codec.decode(coded) - rgb.astype(float)).sum())
        return bits, error

    before = bits_and_error()
    tables = calibrate.fit_tables(codec, photos)
    assert len(tables.counts) == table_count(shape.trellis)
    assert list(map(len, tables.counts)) == list(map(len, codec.entropy.coder.tables.counts))
    codec.entropy.use_tables(tables)
    after = bits_and_error()
    assert after[0] < 0.97 * before[0] and after[1] < 1.1 * before[1]


def test_a_run_with_one_quantiser_is_exported_with_two(run: Path, tmp_path: Path) -> None:
    shares = ["--mix", str(run), "0.5"]
    for name, options in {"one": [], "two": ["--trellis"], "mixed": ["--trellis", *shares]}.items():
        line = ["export", str(run), "-o", str(tmp_path / name), *options]
        assert CliRunner().invoke(program, line).exit_code == 0
    one, two, mixed = (read_config(tmp_path / n)["model"] for n in ("one", "two", "mixed"))
    assert two == mixed == one | {"trellis": 12, "spacing": [20, 24]}
    codec = NeuralCodec.load(tmp_path / "two", device="cpu", precision="fp32")
    assert len(codec.entropy.coder.tables.counts) == table_count(12)
    rgb = photo(96, 128)
    assert codec.decode(codec.encode(rgb, 300)).shape == rgb.shape


def test_centroids_are_for_one_quantiser(tmp_path: Path) -> None:
    Trainer(replace(tiny_config(), centroids=True), CFG, tmp_path / "run").save("last")
    line = ["export", str(tmp_path / "run"), "-o", str(tmp_path / "model")]
    done = CliRunner().invoke(program, [*line, "--trellis"])
    assert done.exit_code == 1 and "has centroids" in str(done.exception)
    assert not (tmp_path / "model").exists()
    assert CliRunner().invoke(program, line).exit_code == 0
