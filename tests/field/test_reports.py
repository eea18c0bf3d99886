"""What people's folders do to a report."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.report.conftest import scene

ROOT = Path(__file__).resolve().parents[2]
FAST: dict[str, Any] = {
    "codecs": ["webp", "jpeg"],
    "anchor": "jpeg",
    "points": 4,
    "metrics": ["psnr"],
    "jobs": 1,
    "show": 0,
}
FAST_WORDS = [*("--codecs", "webp,jpeg", "--anchor", "jpeg", "--points", "4"), "--metrics", "psnr"]
FAST_WORDS += ["--jobs", "1", "--show", "0"]


def report(folder: Path, *more: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """`tccodec report` as a process."""
    command = [sys.executable, str(ROOT / "cli.py"), "report", str(folder), *FAST_WORDS, *more]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def photos(folder: Path, *sizes: tuple[int, int]) -> Path:
    """A folder of pictures of these sizes, p0.png, p1.png, ..."""
    folder.mkdir(exist_ok=True)
    for i, size in enumerate(sizes):
        scene(*size, seed=i).save(folder / f"p{i}.png")
    return folder


def test_nothing_in_the_folder_of_pictures_is_run(tmp_path: Path) -> None:
    folder = photos(tmp_path / "downloads", (64, 48))
    for name in ("safetensors", "numpy", "tccodec"):
        (folder / f"{name}.py").write_text("import pathlib; pathlib.Path('RAN').touch()")
    done = report(Path(), "-o", "../r", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert not (folder / "RAN").exists()


def test_report_is_there_after_import_tccodec() -> None:
    code = "import tccodec; print(tccodec.report.run, *dir(tccodec))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.startswith("<function run")
    assert " report" in done.stdout
