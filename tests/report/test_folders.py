"""What people's folders do to a report."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tccodec.errors import NoPictures
from tccodec.report import run, terminal
from tests.support.paths import ROOT
from tests.support.pictures import picture
from tests.support.report import QUICK, photos

FAST_WORDS = [*("--codecs", "webp,jpeg", "--anchor", "jpeg", "--points", "4"), "--metrics", "psnr"]
FAST_WORDS += ["--jobs", "1", "--show", "0"]


def report(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """`tccodec report` as a process."""
    command = [sys.executable, str(ROOT / "cli.py"), "report", str(folder), *FAST_WORDS, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


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


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_name_that_is_not_utf8(tmp_path: Path) -> None:
    folder = photos(tmp_path / os.fsdecode(b"caf\xe9"), (64, 48))
    (folder / "p0.png").rename(folder / os.fsdecode(b"\xe9t\xe9.png"))
    (folder / os.fsdecode(b"br\xffken.jpg")).write_bytes(b"no picture")
    # in memory of this process: a traceback must not hide behind another's exit code
    made = run(folder, tmp_path / "r", **(QUICK | {"show": 1}))
    assert [p.name for p in made.pictures] == ["\\xe9t\\xe9.png"]
    assert made.folder == "caf\\xe9"
    page = (tmp_path / "r" / "report.html").read_text("utf-8")
    assert "\\xe9t\\xe9.png" in page and "br\\xffken.jpg" in page
    assert "\\\\xe9t" in (tmp_path / "r" / "results.json").read_text("utf-8")
    done = report(folder, "-o", str(tmp_path / "r"), "--json")
    assert done.returncode == 1
    assert done.stderr.startswith("tccodec: cannot read br\\xffken.jpg: ")


@pytest.mark.skipif(os.name == "nt", reason="such names cannot be made there")
def test_names_do_not_steer_the_terminal(tmp_path: Path) -> None:
    folder = photos(tmp_path / "in", (64, 48))
    (folder / "a\x1b[2Jb\n\u202egpj.png").write_bytes(b"no picture")
    done = report(folder, "-o", str(tmp_path / "r"))
    assert "a\\x1b[2Jb\\n\\u202egpj.png" in done.stderr
    assert "\x1b" not in done.stderr + done.stdout


@pytest.mark.skipif(os.name == "nt", reason="such names cannot be made there")
def test_names_are_no_markup(tmp_path: Path) -> None:
    folder = photos(tmp_path / "in", (64, 48))
    (folder / "[").mkdir()
    picture(1, size=(5, 5)).save(folder / "[" / "bold]:cat:.png")
    done = report(folder, "-o", str(tmp_path / "r"), "-r")
    assert done.returncode == 0, done.stderr
    assert "[/bold]:cat:.png; left out of all means" in done.stdout


def test_the_bar_shows_any_name(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    wide = Console(file=screen, force_terminal=True, width=200)
    monkeypatch.setattr(terminal, "console", lambda **_: wide)
    with terminal.TerminalProgress() as progress:
        progress.phase("Coding", total=2, done=0)
        progress.advance(1, r"a\[/bold].png, jpeg 50")
    assert r"a\[/bold].png, jpeg 50" in screen.getvalue()


def test_unreadable_pictures_of_one_name_are_told_apart(tmp_path: Path) -> None:
    folder = photos(tmp_path / "in", (64, 48))
    for below in ("a", "b"):
        (folder / below).mkdir()
        (folder / below / "x.png").write_bytes(b"no picture")
    done = report(folder, "-o", str(tmp_path / "r"), "-r", "-Q", "--json")
    names = ["a/x.png", "b/x.png"]
    unreadable = json.loads(done.stdout)["unreadable"]
    assert [u["picture"] for u in unreadable] == names
    assert [u["reason"].split(":")[0] for u in unreadable] == names
    said = [f"tccodec: cannot read {name}" for name in names]
    assert [line.rpartition(":")[0] for line in done.stderr.splitlines()] == said


def test_a_folder_that_cannot_be_read_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = photos(tmp_path / "in", (64, 48))
    for below in ("closed", "open"):
        (folder / below).mkdir()
        picture(1, size=(64, 48)).save(folder / below / "x.png")
    (folder / "gone.png").symlink_to("nowhere")
    scandir = os.scandir

    def refuse(path: Any) -> Any:  # root may read every folder
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    made = run(folder, recursive=True, **QUICK)
    assert [p.name for p in made.pictures] == ["open/x.png", "p0.png"]
    assert [u["reason"] for u in made.unreadable] == [
        "gone.png: the link leads nowhere",
        "closed: Permission denied",
    ]
    shutil.rmtree(folder / "open")
    (folder / "p0.png").unlink()
    (folder / "gone.png").unlink()
    with pytest.raises(NoPictures, match=r"/closed: Permission denied$"):
        run(folder, recursive=True, **QUICK)


def test_name_that_begins_with_an_equals_sign_is_no_formula(tmp_path: Path) -> None:
    folder = photos(tmp_path / "in", (64, 48))
    (folder / "p0.png").rename(folder / "=1+1.png")
    run(folder, tmp_path / "r", **QUICK)
    with (tmp_path / "r" / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {r["picture"] for r in rows} == {"'=1+1.png"}
    assert all(float(r["psnr"]) for r in rows)


def test_what_tccodec_decoded_is_not_measured(tmp_path: Path) -> None:
    folder = photos(tmp_path / "in", (64, 48), (48, 64))
    original, decoded, coded = folder / "p0.png", folder / "p0.webp", folder / "p0.tcz"
    coded.write_bytes(b"")
    picture(3, size=(64, 48)).save(decoded)
    for age, path in enumerate((decoded, coded, original)):
        os.utime(path, (1e9 - age, 1e9 - age))
    done = report(folder, "-o", str(tmp_path / "r"))
    assert done.returncode == 0, done.stderr
    assert "left out p0.webp: not older than p0.tcz" in done.stderr
    assert "1 picture left out" in done.stdout
    found = json.loads((tmp_path / "r" / "results.json").read_text())
    assert [p["name"] for p in found["pictures"]] == ["p0.png", "p1.png"]
    assert [p["picture"] for p in found["left_out"]] == ["p0.webp"]
    assert "p0.webp" in (tmp_path / "r" / "report.html").read_text()


def test_folder_of_nothing_but_decoded_pictures(tmp_path: Path) -> None:
    folder = photos(tmp_path / "in", (64, 48))
    (folder / "p0.tcz").write_bytes(b"")
    os.utime(folder / "p0.tcz", (1e9, 1e9))
    done = report(folder, "-o", str(tmp_path / "r"))
    assert done.returncode == 1
    assert "move the .tcz files away" in done.stderr
    assert not (tmp_path / "r").exists()
