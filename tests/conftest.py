"""Fixtures shared by all tests: a real model, tiny and untrained."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.program import Run

os.environ.setdefault("OMP_NUM_THREADS", "2")

# A job in the background ignores these signals, and so would the programs that the tests start.
# With a handler that does nothing it still ignores them, and a program does not inherit it.
for name in ("SIGHUP", "SIGINT"):
    number = getattr(signal, name, None)
    if number is not None and signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, lambda *_: None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with the most slow tests first, then the longest: a process that begins one of them
    last would work on when the others have nothing left."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    every = Counter(item.path for item in items)
    items.sort(key=lambda item: (-slow[item.path], -every[item.path], item.path))


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an exported, untrained model; loads in milliseconds."""
    import torch

    from tccodec.entropy.tables import logistic_tables
    from tccodec.training.export import model_tensors, write_model, write_realism
    from tests.support.models import tiny_codec_model

    model = tiny_codec_model()
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tensors = model_tensors(model, logistic_tables())
    write_model(folder, model.cfg, tensors, description="untrained, for tests")
    out = model.tcae.decoder.out.weight.detach()
    other = {"out.weight": (out + 0.05 * torch.randn_like(out)).half()}
    write_realism(folder, other)
    return folder


@pytest.fixture
def model_without_realism(tiny_model_dir: Path, tmp_path: Path) -> Path:
    """The same model with one set of decoder parameters only."""
    folder = shutil.copytree(tiny_model_dir, tmp_path / "bare")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    del config["realism"]
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    (folder / "realism.safetensors").unlink()
    return folder


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Function: arguments (and stdin) -> Result; works in an empty folder."""
    from tests.support.program import run_program

    monkeypatch.chdir(tmp_path)
    return run_program
