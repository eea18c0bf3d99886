"""`python -m tests.attacks` in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.paths import ROOT


def attacks(*arguments: str, **environment: str) -> str:
    """What it prints; it must end with status 0."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.attacks", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
