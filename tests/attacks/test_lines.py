"""The attacks reach every line of the readers."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.paths import ROOT


@pytest.mark.slow
def test_the_attacks_reach_every_line_of_the_readers() -> None:
    """In a process of its own, whose lines nobody else traces."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.attacks", "lines", "--cases", "1500"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "100.0 %" in done.stdout
