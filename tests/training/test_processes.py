"""Several processes of one run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.models import write_tiny_config
from tests.support.paths import ROOT


@pytest.mark.slow
def test_two_processes_end_at_the_same_step(tmp_path: Path) -> None:
    """Each has a clock of its own: only the first one's may decide."""
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for i in range(8):
        blocks = np.kron(rng.integers(0, 256, (20, 20, 3)), np.ones((8, 8, 1)))
        Image.fromarray(blocks.astype(np.uint8)).save(tmp_path / "pictures" / f"{i}.png")
    write_tiny_config(tmp_path / "tiny.toml")
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "tccodec",
        "train", "tiny.toml", "--data", "pictures", "--out", "run", "--minutes", "0.05",
        "--device", "cpu",
    ]  # fmt: skip
    environment = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    state = json.loads((tmp_path / "run" / "last" / "state.json").read_text("utf-8"))
    assert state["step"] > 0 and state["step"] % 10 == 0
