"""Several processes of one run."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tccodec.cli import main
from tccodec.errors import BadOption, TccodecError
from tccodec.training.processes import Processes
from tests.support.models import write_tiny_config
from tests.support.paths import ROOT

TWO = {"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


def test_processes_are_those_of_the_environment() -> None:
    assert Processes.from_environment({}) == Processes(1, 0, 0)
    assert Processes.from_environment({"WORLD_SIZE": "1", "RANK": "", "MASTER_PORT": "x"}).rank == 0
    found = Processes.from_environment(TWO | {"LOCAL_RANK": "0"})
    assert found == Processes(2, 1, 0, "127.0.0.1:29500")
    assert [found.device(name) for name in ("cpu", "cuda:3")] == ["cpu", "cuda:3"]
    assert Processes().device("cuda") == "cuda"


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"WORLD_SIZE": "x"}, "WORLD_SIZE must be a whole number from 0 to 65535, not 'x'"),
        ({"WORLD_SIZE": "-1"}, "WORLD_SIZE must be"),
        ({"WORLD_SIZE": "9" * 5000}, "WORLD_SIZE must be"),
        ({"RANK": "1.5"}, "RANK must be"),
        ({"RANK": "2"}, "RANK is 2 and WORLD_SIZE 2"),
        ({"WORLD_SIZE": ""}, "RANK is 1 and WORLD_SIZE 1"),
        ({"WORLD_SIZE": "0", "RANK": "0"}, "RANK is 0 and WORLD_SIZE 0"),
        ({"LOCAL_RANK": "a"}, "LOCAL_RANK must be"),
        ({"MASTER_PORT": "99999"}, "MASTER_PORT must be"),
        ({"RANK": "", "MASTER_ADDR": ""}, "so RANK and MASTER_ADDR must be set, too"),
    ],
)
def test_wrong_variables_are_named(changed: dict[str, str], text: str) -> None:
    with pytest.raises(BadOption, match=text) as caught:
        Processes.from_environment(TWO | changed)
    assert len(str(caught.value)) < 300


def test_more_processes_than_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert Processes(4, 1, 1).device("cuda") == "cuda:1"
    with pytest.raises(BadOption, match=r"LOCAL_RANK is 2, but .* the last one is cuda:1"):
        Processes(4, 2, 2).device("cuda")


def test_processes_of_one_machine_do_not_share_a_gpu() -> None:
    with pytest.raises(BadOption, match=r"cannot share cuda:0: with cuda each takes its own"):
        Processes(2, 1, 1).device("cuda:0")


def test_processes_that_cannot_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        environment = TWO | {"RANK": "0", "MASTER_PORT": str(port)}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(TccodecError, match=rf"cannot meet at 127\.0\.0\.1:{port}: .+$"):
            Processes.from_environment(environment).connect("cpu")


def test_the_command_refuses_wrong_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "x")
    write_tiny_config(tmp_path / "tiny.toml")
    line = ["train", str(tmp_path / "tiny.toml"), "--data", str(tmp_path), "-o"]
    with pytest.raises(SystemExit) as end:
        main([*line, str(tmp_path / "run")])
    assert end.value.code == 2 and not (tmp_path / "run").exists()
    assert capsys.readouterr().err.startswith("tccodec: WORLD_SIZE must be a whole number")


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
