"""A sample of what `python -m tests.attacks days` does."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support.paths import ROOT


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="forks, and limits sizes of files")
def test_bad_days_do_no_harm() -> None:
    """In a process of its own, with one thread, so that it can be forked."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.attacks", "days", "--kills", "8"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| kills before the end, of " in done.stdout and "archive on a full disk" in done.stdout
