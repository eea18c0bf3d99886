"""Machine, versions and time of a report, for its footer and results.json."""

from __future__ import annotations

import importlib.metadata
import platform
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tccodec
from tccodec.files.text import escaped

_LIBRARIES = (
    "pillow",
    "numpy",
    "torch",
    "pytorch-msssim",
    "ssimulacra2",
    "pillow-jxl-plugin",
    "pillow-heif",
)


def environment(command: str | None) -> dict[str, Any]:
    """Versions and hardware, without names of users, hosts or paths."""
    libraries = {}
    for name in _LIBRARIES:
        try:
            libraries[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "tccodec": tccodec.__version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "libraries": libraries,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": escaped(command) if command else None,
    }


def without_folders(word: str) -> str:
    """A word of a command line with only the last part of its path, if it holds one.

    `/home/anna/enc`, `--in=/home/anna/a.png` and `-I/home/anna/a` become `enc`, `--in=a.png` and
    `-Ia`; paths of Windows likewise.
    """
    option = re.match(r"--?[\w-]+=|-\w|", word)
    start = option[0] if option else ""
    parts = re.split(r"[/\\]", word[len(start) :].rstrip("/\\"))
    return start + parts[-1]


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"
