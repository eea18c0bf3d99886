"""Saved states of runs that were killed or damaged: continued, or refused in one sentence."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tccodec.errors import TccodecError, UnknownModel
from tccodec.generate.latents import Autoencoder
from tccodec.training.export import load_run
from tccodec.training.folder import has_state, start_of
from tccodec.training.loop import Trainer
from tccodec.training.state import load_shards, save_shards
from tests.support.models import tiny_config
from tests.support.training import CFG


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that was just begun."""
    Trainer(tiny_config(), CFG, tmp_path / "run").save("last")
    return tmp_path / "run"


def test_a_state_whose_new_one_was_never_named_is_found(run: Path) -> None:
    os.replace(run / "last", run / "last.old")  # killed here
    assert has_state(run / "last")
    trainer = Trainer(tiny_config(), CFG, run)
    trainer.load(run / "last")
    trainer.start_from(run / "last")
    load_run(run)
    trainer.save("last")
    assert [p.name for p in run.iterdir()] == ["last"]


def test_what_was_left_over_does_not_stop_a_save(run: Path) -> None:
    (run / "last.old").mkdir()
    (run / "last.old" / "000.safetensors").write_bytes(b"half deleted")
    (run / "last.tmp").mkdir()
    (run / "last.tmp" / "999.safetensors").write_bytes(b"half written")
    save_shards(run / "last", {"t": torch.ones(2)}, {"step": 1})
    tensors, meta = load_shards(run / "last")
    assert list(tensors) == ["t"] and meta == {"step": 1}
    assert [p.name for p in run.iterdir()] == ["last"]


def test_a_run_starts_from_another_by_its_folder(run: Path, tmp_path: Path) -> None:
    """As by that of its last state, which is in it."""
    by_state, by_run = (Trainer(tiny_config(), CFG, tmp_path / "new") for _ in range(2))
    torch.nn.init.zeros_(next(by_run.model.parameters()))
    by_state.start_from(run / "last")
    by_run.start_from(run)
    for one, other in zip(by_state.model.parameters(), by_run.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert start_of(run) == run / "last" and start_of(run / "last") == run / "last"
    with pytest.raises(UnknownModel, match="new holds neither a training run nor a model"):
        start_of(tmp_path / "new")
    with pytest.raises(TccodecError, match=f"; it is one itself: name the run, {run}$"):
        load_run(run / "last")


def test_what_changed_is_said_when_a_run_goes_on(run: Path) -> None:
    trainer = Trainer(tiny_config(), CFG, run)
    assert trainer.load(run / "last") == ""
    trainer.data_note = "4 pictures"
    trainer.save("last")
    faster = Trainer(tiny_config(), replace(CFG, lr=0.5, log_steps=7), run)
    assert faster.load(run / "last") == f"lr {CFG.lr} -> 0.5; log_steps {CFG.log_steps} -> 7"
    faster.data_note = "5 pictures"
    assert faster.load(run / "last").endswith("; data 4 pictures -> 5 pictures")
    tensors, meta = load_shards(run / "last")
    save_shards(run / "last", tensors, meta | {"runs": []})  # of an earlier version
    assert faster.load(run / "last") == "" and faster.earlier_runs == []


@pytest.mark.parametrize(
    "damage", ["cut", "gone", "text", "deep", "list", "latin", "other", "lacks"]
)
def test_a_damaged_state_is_named(run: Path, damage: str) -> None:
    shard, meta = run / "last" / "000.safetensors", run / "last" / "state.json"
    if damage == "cut":
        shard.write_bytes(shard.read_bytes()[:1000])
    elif damage == "gone":
        shard.unlink()
    elif damage == "lacks":
        save_shards(run / "last", {"ema.t": torch.ones(1)}, load_shards(run / "last")[1])
    else:
        texts = {"text": b"{", "list": b"[]", "latin": b'{"\xe9": 1}', "other": b"{}"}
        meta.write_bytes(texts.get(damage, b"[" * 100_000))
    trainer = Trainer(tiny_config(), CFG, run)
    for use in (
        lambda: load_run(run),
        lambda: Autoencoder.from_training(run, 500),
        lambda: trainer.load(run / "last"),
        lambda: trainer.start_from(run / "last"),
    ):
        text = "last.* not a JSON object" if damage == "list" else "last"
        with pytest.raises(TccodecError, match=text):
            use()


def test_states_without_a_count_of_shards_are_read(run: Path) -> None:
    path = run / "last" / "state.json"
    meta = json.loads(path.read_text("utf-8"))
    assert meta.pop("shards") == 1
    path.write_text(json.dumps(meta), "utf-8")
    load_run(run)


def test_a_full_disk_at_a_save_names_the_file_and_keeps_the_old_state(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load_shards(run / "last")[1]

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("tccodec.files.atomic.os.fsync", full)
        with pytest.raises(OSError, match=r"No space left.*000\.safetensors"):
            save_shards(run / "last", {"t": torch.ones(2)}, {})
    assert load_shards(run / "last")[1] == before
    assert [p.name for p in run.iterdir()] == ["last"]
