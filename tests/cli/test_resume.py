"""--resume FILE: outputs that are finished are left out, others are made anew."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tccodec.cli.jobs import Job
from tccodec.cli.resume import FinishedOutputs
from tccodec.files.lines import read_lines
from tests.support.paths import ROOT, files_in
from tests.support.pictures import picture
from tests.support.program import TINY, Result, Run

LINE = ("compress", "in", "-r", "-o", "out", "--resume", "done.jsonl", *TINY)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for name in ("a.png", "b.png", "c.png"):
        picture(ord(name[0])).save(tmp_path / "in" / name)
    return tmp_path / "in"


def left_out(result: Result) -> int:
    """How many files were passed over because they were finished."""
    found = [s for s in result.err.splitlines() if "finished before, as done.jsonl says" in s]
    return int(found[0].split()[2]) if found else 0


def test_only_what_is_missing_or_has_changed_is_coded(run: Run, photos: Path) -> None:
    assert run(*LINE).code == 0
    before = {name: (Path("out") / name).stat().st_ino for name in files_in(Path("out"))}
    again = run(*LINE)
    assert again.code == 0 and left_out(again) == 3
    picture(99).save(photos / "a.png")
    Path("out/b.tcz").unlink()
    result = run(*LINE)
    assert result.code == 0 and left_out(result) == 1
    after = {name: (Path("out") / name).stat().st_ino for name in files_in(Path("out"))}
    assert after["c.tcz"] == before["c.tcz"] and after["a.tcz"] != before["a.tcz"]
    assert left_out(run(*LINE)) == 3


def test_other_settings_make_all_files_anew(run: Run, photos: Path) -> None:
    assert run(*LINE).code == 0
    for options in (("-q", "20"), ("--strip", "all"), ("--effort", "1"), ("--lossy",)):
        other = run(*LINE, *options)
        assert other.code == 0 and left_out(other) == 0, options
        assert left_out(run(*LINE, *options)) == 3


def test_a_file_that_this_program_did_not_write_is_kept(run: Run, photos: Path) -> None:
    assert run(*LINE).code == 0
    good = Path("out/a.tcz").read_bytes()
    Path("out/a.tcz").write_bytes(good[:-1])
    result = run(*LINE)
    assert result.code == 1 and "out/a.tcz exists; -f replaces it" in result.err
    assert run(*LINE, "-f").code == 0 and Path("out/a.tcz").read_bytes() == good


def test_an_interrupted_list_is_read_up_to_its_last_line(run: Run, photos: Path) -> None:
    assert run(*LINE).code == 0
    text = Path("done.jsonl").read_text()
    assert text.count("\n") == 3
    Path("done.jsonl").write_text(text[:-20])
    assert run(*LINE, "-f").code == 0
    assert Path("done.jsonl").read_text() == text
    Path("done.jsonl").write_text("hello\n")
    result = run(*LINE)
    assert result.code == 1 and result.err == "tccodec: done.jsonl: line 1 is not a JSON object\n"


@pytest.mark.parametrize(
    "text", ["call mum", '{"size": 3}', '{"output": ["a"], "output_sha256": ""}\n', "[1]"]
)
def test_a_file_that_is_no_such_list_is_refused_and_kept(run: Run, photos: Path, text: str) -> None:
    Path("done.jsonl").write_text(text)
    result = run(*LINE)
    assert result.code == 1 and "done.jsonl: line 1 is not" in result.err
    assert Path("done.jsonl").read_text() == text and not Path("out").exists()


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_list_that_is_no_regular_file_is_refused(
    run: Run, photos: Path, more: tuple[str, ...]
) -> None:
    Path("done.jsonl").symlink_to(os.devnull)
    result = run(*LINE, *more)
    assert result.code == 1 and result.err == "tccodec: done.jsonl is not a regular file\n"
    assert not Path("out").exists() and Path("done.jsonl").is_symlink()


def test_a_last_line_without_its_end_counts_if_it_is_whole(run: Run, photos: Path) -> None:
    assert run(*LINE).code == 0
    done = Path("done.jsonl")
    done.write_bytes(done.read_bytes().removesuffix(b"\n"))
    assert left_out(run(*LINE)) == 3
    assert len(list(read_lines(done))) == 3 and done.read_bytes().endswith(b"\n")


def test_outputs_of_a_run_that_was_killed_are_known(run: Run, photos: Path, tmp_path: Path) -> None:
    for i in range(30):
        picture(i, size=(300, 200)).save(photos / f"{i:02}.png")
    line = [sys.executable, str(ROOT / "cli.py"), *LINE, "--jobs", "2"]
    process = subprocess.Popen(line, cwd=tmp_path, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("out/*.tcz"))) < 5:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    time.sleep(1)  # its processes end when they have finished their files
    result = run(*LINE)
    assert result.code == 0 and 5 <= left_out(result) < 33
    assert left_out(run(*LINE)) == 33


def test_several_processes_share_one_list(run: Run, photos: Path) -> None:
    assert run(*LINE, "--jobs", "2").code == 0
    assert Path("done.jsonl").read_text().count("\n") == 3
    assert left_out(run(*LINE, "--jobs", "2")) == 3


def test_the_list_names_outputs_from_its_own_folder(run: Run, photos: Path, tmp_path: Path) -> None:
    assert run(*LINE).code == 0
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("in", "out", "done.jsonl"):
        (tmp_path / name).rename(moved / name)
    line = ("compress", moved / "in", "-r", "-o", moved / "out", *TINY)
    assert left_out(run(*line, "--resume", moved / "done.jsonl")) == 3


def test_an_output_on_another_drive_is_listed_by_its_whole_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_drive(path: Path, start: Path) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(os.path, "relpath", other_drive)
    log = FinishedOutputs(tmp_path / "done.jsonl", {})
    log.record(Job(None, tmp_path / "a.tcz"), b"in", b"out", stopped=False)
    [line] = read_lines(log.path)
    assert line["output"] == str(tmp_path / "a.tcz")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("-o - --resume done.jsonl", "--resume is for output files, but the output is stdout"),
        ("-o done.tcz -f --resume ./done.tcz", "done.tcz is an output; --resume names another"),
        ("-o link/ -f --resume in/a.tcz", "in/a.tcz is an output; --resume names another"),
    ],
)
def test_a_list_of_what_is_no_file_or_of_itself_is_wrong_usage(
    run: Run, photos: Path, line: str, text: str
) -> None:
    Path("link").symlink_to("in")
    before = files_in(Path())
    result = run("compress", "in/a.png", *line.split(), *TINY)
    assert result.code == 2 and text in result.err and result.out == b""
    assert files_in(Path()) == before
