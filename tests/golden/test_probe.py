"""The probe that `benchmarks/docs/machines.py` runs under other versions and settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.golden.make import HERE
from tests.support.paths import ROOT


@pytest.mark.parametrize("decoder", ["torch", "numpy"])
def test_it_finds_the_golden_symbols(decoder: str) -> None:
    if decoder == "numpy":
        pytest.importorskip("onnxruntime")
    done = subprocess.run(
        [sys.executable, HERE / "probe.py", "--decoder", decoder],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    found = json.loads(done.stdout)
    assert found["symbols"] == found["files"] == 10 and found["peak"] <= 3
