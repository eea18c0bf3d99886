"""Node, which runs the package for browsers in tests."""

from __future__ import annotations

import shutil
import subprocess

from tests.support.paths import ROOT

NODE = shutil.which("node")
WEB = ROOT / "web"


def old_node() -> bool:
    """Whether this Node is older than the package needs, or there is none."""
    if not NODE:
        return True
    text = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, text.strip().removeprefix("v").split(".")[:2])) < (20, 15)
