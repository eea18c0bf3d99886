"""The program in this process, with its streams caught; a tiny model under the name `tiny`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from tccodec.cli import main


@dataclass
class Result:
    code: int
    out: bytes
    err: str

    def json(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.decode().splitlines()]


Run = Callable[..., Result]

# Before click 8.2 a runner keeps both streams apart only where it is told to.
TOLD = "mix_stderr" in signature(CliRunner).parameters
RUNNER = CliRunner(mix_stderr=False) if TOLD else CliRunner()  # type: ignore[call-arg]


@pytest.fixture(autouse=True)
def _tiny_is_known(tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TCCODEC_MODELS", str(tiny_model_dir.parent))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Function: arguments (and stdin) -> Result; works in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path, stdin: bytes = b"") -> Result:
        with RUNNER.isolation(input=stdin) as streams:
            with pytest.raises(SystemExit) as end:
                main([str(a) for a in arguments])
            sys.stdout.flush()
            sys.stderr.flush()
            code = end.value.code
            assert isinstance(code, int)
            return Result(code, streams[0].getvalue(), streams[1].getvalue().decode())

    return call


def picture(seed: int = 0, *, size: tuple[int, int] = (60, 40)) -> Image.Image:
    """A small smooth RGB image, another one for each seed."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width]
    planes = [128 + 100 * np.sin((x * (k + 1) + y + 9 * seed) / 17) for k in range(3)]
    return Image.fromarray(np.stack(planes, -1).astype(np.uint8))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    picture().save(path)
    return path


@pytest.fixture
def packed(run: Run, photo: Path) -> Path:
    """photo.tcz beside photo.png."""
    assert run("compress", photo, "--model", "tiny", "--device", "cpu", "-Q").code == 0
    return photo.with_suffix(".tcz")
