"""The distribution `tccodec-decoder`: its files, and what it does in an environment of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from email.parser import BytesParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.golden.make import HERE, PHOTO
from tests.support.paths import ROOT

# What pip says where it finds no index.
NO_INDEX = ("No matching distribution", "NewConnectionError", "ConnectTimeoutError")
PILLOW = """
import sys
import tccodec.pillow
from PIL import Image
with Image.open(sys.argv[1]) as image:
    image.save(sys.argv[2])
tccodec.decompress(sys.argv[1], scale=1 / 8).save(sys.argv[3])
"""


def run(*command: object) -> subprocess.CompletedProcess[str]:
    """Run a program without the variables that lead to this repository."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    arguments = [str(part) for part in command]
    return subprocess.run(arguments, capture_output=True, text=True, check=False, env=environment)


def pip(python: Path | str, *arguments: object) -> None:
    """Run pip, or skip the test where its index cannot be reached."""
    done = run(python, "-m", "pip", "--quiet", "--retries", "1", *arguments)
    if done.returncode and any(text in done.stderr for text in NO_INDEX):
        pytest.skip("pip reaches no index from here")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheels of `tccodec` and of `tccodec-decoder`."""
    folder = tmp_path_factory.mktemp("wheels")
    for project in (ROOT, ROOT / "packaging" / "decoder"):
        pip(sys.executable, "wheel", "--no-deps", "-w", folder, project)
    return next(folder.glob("tccodec-*")), next(folder.glob("tccodec_decoder-*"))


@pytest.fixture(scope="module")
def environment(wheels: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment where the decoder alone is installed."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    pip(programs / "python", "install", wheels[1])
    return programs


def content(wheel: Path) -> tuple[dict[str, int], set[str]]:
    """Files of the package with their checksums, and the names of its dependencies."""
    with zipfile.ZipFile(wheel) as archive:
        files = {i.filename: i.CRC for i in archive.infolist() if ".dist-info/" not in i.filename}
        [about] = [n for n in archive.namelist() if n.endswith("/METADATA")]
        needs = BytesParser().parsebytes(archive.read(about)).get_all("Requires-Dist")
    names = {re.split(r"[^\w-]", line)[0] for line in needs if "extra" not in line}
    return files, names


@pytest.mark.slow
def test_it_has_the_files_of_the_codec(wheels: tuple[Path, Path]) -> None:
    (files, needs), (own_files, own_needs) = map(content, wheels)
    assert own_files.pop("tccodec/LICENSE")
    assert own_files == files
    assert {"tccodec/models/tcae-s/model.safetensors", "tccodec/browser/dist/index.html"} <= set(
        files
    )
    assert own_needs == needs - {"torch", "jinja2"}


@pytest.mark.slow
def test_it_opens_pictures(environment: Path, tmp_path: Path) -> None:
    program = environment / "tccodec"
    source = HERE / "small-50.tcz"
    for command in (
        ("decompress", source, "-o", tmp_path / "plain.png"),
        ("verify", source),
        ("gallery", source, "-o", tmp_path / "page"),
    ):
        done = run(program, *command)
        assert done.returncode == 0, done.stderr
    about = json.loads(run(program, "info", source, "--json").stdout)
    assert (about["width"], about["height"]) == (96, 64)
    code = ("-c", PILLOW, source, tmp_path / "pillow.png", tmp_path / "small.png")
    done = run(environment / "python", *code)
    assert done.returncode == 0, done.stderr
    with Image.open(HERE / "small-50.png") as golden, Image.open(tmp_path / "small.png") as small:
        assert small.size == (12, 8)
        for name in ("plain.png", "pillow.png"):
            with Image.open(tmp_path / name) as found:
                off = np.abs(np.asarray(found).astype(int) - np.asarray(golden))
            assert off.max() <= 1
    done = run(program, "compress", PHOTO, "-o", tmp_path / "x.tcz")
    assert done.returncode == 1
    assert done.stderr == (
        "tccodec: compressing needs torch, which is not installed: pip install torch\n"
    )
    assert run(environment / "python", "-c", "import torch").returncode == 1
