"""An archive whose run is killed: at any moment, the next one sees what is done and what is not."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tccodec.cli.manifest import Manifest
from tests.support.paths import ROOT
from tests.support.pictures import picture
from tests.support.program import TINY, Run, run_program

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="forks"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),  # of threads and fork
]
OLD, NEW = "50", "50.1"


def archive(quality: str, folder: str = "small") -> tuple[str, ...]:
    return ("archive", "photos", folder, "--yes", "-q", quality, *TINY)


def killed_at(moment: int, line: tuple[str, ...]) -> int | None:
    """Run the program in a process that is killed before or after it writes something.

    moment: the number of that. Returns the exit status, -9 for one that was killed.
    """

    def run() -> None:
        passed = count()

        def pass_one() -> None:
            if next(passed) == moment:
                os.kill(os.getpid(), signal.SIGKILL)

        def dying(function: Callable[..., Any]) -> Callable[..., Any]:
            def call(*arguments: Any, **named: Any) -> Any:
                pass_one()
                result = function(*arguments, **named)
                pass_one()
                return result

            return call

        patch = pytest.MonkeyPatch()
        for name in ("os.replace", "os.link", "tccodec.cli.manifest.append_line"):
            module, _, attribute = name.rpartition(".")
            patch.setattr(name, dying(getattr(sys.modules[module], attribute)))
        sys.exit(run_program(*line).code)

    process = multiprocessing.get_context("fork").Process(target=run)  # type: ignore[attr-defined]
    process.start()
    process.join()
    code: int | None = process.exitcode
    return code


def contents(folder: str) -> dict[str, tuple[str, str, bytes]]:
    """Of each picture its content, its quality, and its file, which must be as its line says."""
    manifest = Manifest(Path(folder))
    found = {}
    for name, record in manifest.records.items():
        assert manifest.problem(record) == "", name
        quality = f"{record['settings']['quality']:g}"
        found[name] = record["sha256"], quality, manifest.file_of(record).read_bytes()
    return found


def test_no_moment_of_death_leaves_a_line_that_is_believed_and_wrong(run: Run) -> None:
    photos = Path("photos")
    photos.mkdir()
    for name in ("a", "b", "copy", "gone", "other"):
        picture(1 if name in ("a", "copy", "gone") else 2).save(photos / f"{name}.png")
    assert run(*archive(OLD)).code == 0
    (photos / "gone.png").unlink()  # has its file from a.png
    (photos / "other.png").unlink()  # has its file from b.png, which changes
    picture(3).save(photos / "b.png")
    shutil.copytree("small", "before")
    expected = {}
    for quality in (OLD, NEW):
        assert run(*archive(quality, f"clean{quality}")).code == 0
        expected[quality] = contents(f"clean{quality}")
    # What only a hash tells apart.
    pairs = [[expected[q][name][2] for q in (OLD, NEW)] for name in ("a.png", "b.png")]
    assert any(len(old) == len(new) and old != new for old, new in pairs)
    for moment in count():
        shutil.rmtree("small")
        shutil.copytree("before", "small")
        code = killed_at(moment, archive(NEW))
        if code == 0:
            assert moment > 10
            break
        assert code == -signal.SIGKILL
        for quality in (OLD, NEW):
            shutil.rmtree("after", ignore_errors=True)
            shutil.copytree("small", "after")
            result = run(*archive(quality, "after"))
            assert result.code == 0, result.err
            after = contents("after")
            assert {n: after[n] for n in expected[quality]} == expected[quality], moment
            assert set(after) == {"a.png", "b.png", "copy.png", "gone.png", "other.png"}


def test_an_archive_goes_on_after_its_run_was_killed(run: Run, tmp_path: Path) -> None:
    photos = Path("photos")
    photos.mkdir()
    for i in range(30):
        picture(i, size=(300, 200)).save(photos / f"{i:02}.png")
    assert run(*archive(OLD)).code == 0
    line = [sys.executable, str(ROOT / "cli.py"), *archive(NEW), "--jobs", "2"]
    process = subprocess.Popen(line, cwd=tmp_path, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    manifest = Path("small/manifest.jsonl")
    size = manifest.stat().st_size
    while manifest.stat().st_size < size + 5000:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    second = run(*archive("20"))
    assert second.code == 1 and "another run is archiving to this folder" in second.err
    process.kill()
    process.wait()
    while (again := run(*archive(OLD))).code:  # until its processes have ended
        assert "another run is archiving" in again.err and time.monotonic() < deadline
    assert {quality for _, quality, _ in contents("small").values()} == {OLD}
    assert len(contents("small")) == 30
