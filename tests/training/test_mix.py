"""Mixtures of runs: which weights come from where, and what cannot be mixed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import load_file
from torch import Tensor

from tccodec.cli.program import program
from tccodec.config import ModelConfig
from tccodec.errors import TccodecError
from tccodec.model.folder import WEIGHTS
from tccodec.training.export import load_mixture, load_run
from tccodec.training.model import CodecModel
from tccodec.training.state import save_shards
from tests.support.models import tiny_config


def write_run(folder: Path, value: float, cfg: ModelConfig, *, second: bool = False) -> Path:
    """A run whose weights are all `value`, and whose steps are its hundredfold."""
    model = CodecModel(cfg)
    if second:
        model.add_second_decoder()
    state = model.state_dict()
    weights = {
        f"ema.{name}": torch.full_like(t, value) if t.is_floating_point() else t
        for name, t in state.items()
    }
    meta = {"model": cfg.to_dict(), "step": int(100 * value), "elapsed": 60.0}
    folder.mkdir()
    save_shards(folder / "last", weights, meta)
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    return [write_run(tmp_path / str(i), i / 4, tiny_config()) for i in range(3)]


def values(state: dict[str, Tensor]) -> tuple[set[float], set[float]]:
    """All values of the decoder network, and of the rest."""
    inside: set[float] = set()
    outside: set[float] = set()
    for name, t in state.items():
        if t.is_floating_point():
            part = inside if name.startswith("tcae.decoder.") else outside
            part |= set(t.flatten().tolist())
    return inside, outside


def test_a_mixture_has_the_shares_that_it_is_given(runs: list[Path]) -> None:
    one, other, last = runs
    model, meta = load_mixture(one, other=(other, 0.5))
    assert values(model.state_dict()) == ({0.125}, {0.125}) and meta["step"] == 25
    model, meta = load_mixture(one, other=(other, 0.25), decoder=(last, 0.5))
    assert values(model.state_dict()) == ({0.25}, {0.0625}) and meta["step"] == 50
    model, _ = load_mixture(one, decoder=(last, 1.0))
    assert values(model.state_dict()) == ({0.5}, {0.0})
    alone, _ = load_run(one)
    assert values(alone.state_dict()) == ({0.0}, {0.0})


def test_other_shapes_are_refused(runs: list[Path], tmp_path: Path) -> None:
    deeper = write_run(tmp_path / "deeper", 1.0, replace(tiny_config(), dec_blocks2=3))
    with pytest.raises(TccodecError, match="different shapes"):
        load_mixture(runs[0], other=(deeper, 0.5))


def test_export_takes_shares(runs: list[Path], tmp_path: Path) -> None:
    one, other, last = map(str, runs)
    out = tmp_path / "model"
    line = ["export", one, "-o", str(out), "--mix", other, "0.5", "--mix-decoder", last, "0.5"]
    done = CliRunner().invoke(program, line)
    assert done.exit_code == 0, done.output
    tensors = load_file(out / WEIGHTS)
    assert tensors["tcae.decoder.fine1.weight"].unique().tolist() == [0.25]
    assert tensors["tcae.encoder.fine1.weight"].unique().tolist() == [0.125]
    assert tensors["tcae.log_step"].unique().tolist() == [0.125]
    for wrong in (["--mix", other, "1.5"], ["--mix", other, "0.5", "--realism"]):
        assert CliRunner().invoke(program, ["export", one, "-o", str(out), *wrong]).exit_code == 2


def test_a_second_decoder_stays_if_the_other_run_has_none(runs: list[Path], tmp_path: Path) -> None:
    both = write_run(tmp_path / "both", 1.0, tiny_config(), second=True)
    model, _ = load_mixture(both, other=(runs[0], 0.25))
    assert model.second is not None
    assert values(model.second.state_dict()) == (set(), {1.0})
    assert values(model.tcae.state_dict())[1] == {0.75}
    with pytest.raises(TccodecError, match="different shapes"):
        load_mixture(runs[0], other=(both, 0.25))
