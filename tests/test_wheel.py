"""Builds of the wheel have the same bytes, its licence is whole, a lock has what checks need."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.paths import ROOT

LOCK = ROOT / "requirements" / "ci.txt"


@pytest.mark.slow
@pytest.mark.skipif(find_spec("hatchling") is None, reason="needs hatchling")
def test_two_builds_have_the_same_bytes(tmp_path: Path) -> None:
    digests = set()
    for i in range(2):
        out = tmp_path / str(i)
        done = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)],
            cwd=ROOT,
            env=os.environ | {"SOURCE_DATE_EPOCH": "1700000000"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        [wheel] = out.glob("*.whl")
        digests.add(hashlib.sha256(wheel.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_the_licence_covers_the_weights_of_others() -> None:
    weights = "tccodec/metrics/weights/README.md"
    listed = re.findall(r"^## .*: (\S+)$", (ROOT / weights).read_text("utf-8"), re.MULTILINE)
    assert len(listed) == 3
    for folder in (ROOT, ROOT / "packaging" / "decoder"):
        project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
        assert project["license"] == " AND ".join(["Apache-2.0", *listed])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["license-files"] == ["LICENSE", weights]


def locked() -> dict[str, str]:
    """Each package and what stands behind it: versions, markers, hashes."""
    found: dict[str, str] = {}
    for block in re.split(r"\n(?=\S)", LOCK.read_text("utf-8")):
        found[block.partition("==")[0]] = found.get(block.partition("==")[0], "") + block
    return found


def test_the_lock_has_every_dependency_of_the_checks_but_torch() -> None:
    """`scripts/supply lock` writes it anew."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {re.split(r"[\[<>=; ]", line)[0].lower() for line in wanted}
    assert names - {"torch"} <= set(locked())
    assert "torch" not in locked()


def test_every_version_in_the_lock_is_exact_and_has_hashes() -> None:
    for name, block in locked().items():
        assert re.match(rf"{name}==[\w.]+", block) and "--hash=sha256:" in block, name


def test_continuous_integration_takes_the_lock() -> None:
    assert "LOCK=requirements/ci.txt" in (ROOT / ".ci" / "run").read_text("utf-8")
    assert '--requirement "$LOCK"' in (ROOT / "scripts" / "environment").read_text("utf-8")
