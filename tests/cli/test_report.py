"""`tccodec report` on the command line; what a report holds is tested in tests/report."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tccodec.cli.report import public_value
from tccodec.report.codecs.external import ExternalPeer
from tccodec.report.environment import without_folders
from tests.support.pictures import picture
from tests.support.program import Run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(2):
        picture(i, size=(64, 48)).save(folder / f"{i}.png")
    return folder


def test_report_of_a_model(run: Run, folder: Path) -> None:
    options = ["--codecs", "tiny,jpeg", "--anchor", "jpeg", "--points", "4", "--metrics", "psnr"]
    done = run("report", folder, "-o", "out", *options)
    assert done.code == 0, done.err
    out = folder.parent / "out"
    assert (out / "report.html").read_text("utf-8").startswith("<!doctype html>")
    assert json.loads((out / "results.json").read_text("utf-8"))["points"]["computed"] == 16
    again = run("report", folder, "-o", "out", *options, "--json")
    found = json.loads(again.out)
    assert again.code == 0 and found["points"] == {"computed": 0, "reused": 16}
    assert {r["codec"] for r in found["records"]} == {"tiny", "jpeg"}


def test_the_published_command_has_no_private_paths(run: Run, folder: Path) -> None:
    home = folder.parent
    program = f"{sys.executable} -I{home}/lib --from={home}/a"
    line = f"copy={program} {{q}} {{in}} {{out}} ; {sys.executable} {home}/dec {{in}} {{out}}"
    found = ExternalPeer(line)
    assert str(home) not in str(found.settings) + str(found.commands(5))
    python = Path(sys.executable).name
    assert found.commands(5)[1] == f"{python} dec {{in}} {{out}}"
    shown = f"copy={python} -Ilib --from=a {{q}} {{in}} {{out}} ; {python} dec {{in}} {{out}}"
    assert public_value("external", line) == shown
    assert public_value("address", "anna.example:6379") == "HOST:PORT"
    options = ["--codecs", "jpeg", "--metrics", "psnr", "--show=1", f"--backbones={home}", "--json"]
    done = run("report", f"{folder}/", f"-o{home}/rep/", "--anchor", "jpeg", "--points=2", *options)
    assert done.code == 0, done.err
    wanted = "tccodec report photos --output rep --codecs jpeg --points 2 --metrics psnr"
    wanted += f" --anchor jpeg --backbones {home.name} --show 1 --json"
    assert json.loads(done.out)["environment"]["command"] == wanted
    assert str(home) not in done.out.decode()
    assert str(home) not in (home / "rep" / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("word", "public"),
    [
        ("/home/anna/enc", "enc"),
        ("/home/anna/My Pictures/", "My Pictures"),
        (r"C:\Users\anna\enc.exe", "enc.exe"),
        ("--in=/home/anna/a.png", "--in=a.png"),
        ("-I/home/anna/a", "-Ia"),
        ("-q", "-q"),
        ("{in}.ppm", "{in}.ppm"),
        ("jpeg=10", "jpeg=10"),
        ("/", ""),
    ],
)
def test_words_without_folders(word: str, public: str) -> None:
    assert without_folders(word) == public


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["photos", "--codecs", "jpog"], "jpeg"),
        (["photos", "--metrics", "pnsr"], "psnr"),
        (["photos", "--qualities", "jpeg=300"], "300"),
        (["empty"], "empty"),
        (["nowhere"], "nowhere"),
        (["photos", "-o", "photos/0.png"], "0.png"),
    ],
)
def test_bad_input_is_one_sentence(
    run: Run, folder: Path, arguments: list[str], words: str
) -> None:
    (folder.parent / "empty").mkdir()
    done = run("report", *arguments)
    assert done.code != 0 and not done.out
    assert words in done.err
    assert len(done.err.strip().splitlines()) <= 4 and "Traceback" not in done.err


def test_what_failed_is_named_and_the_status_is_1(run: Run, folder: Path) -> None:
    data = (folder / "0.png").read_bytes()
    (folder / "cut.png").write_bytes(data[: len(data) // 2])
    line = "broken=false {q} {in} {out} ; cp {in} {out}"
    options = ["--codecs", "jpeg", "--metrics", "psnr", "--anchor", "jpeg", "--points", "2"]
    done = run("report", folder, "-o", "out", *options, "--external", line, "-Q")
    assert done.code == 1
    assert "tccodec: cannot read cut.png: " in done.err
    assert done.err.count("tccodec: 0.png, broken: false ended with code 1\n") == 1
    assert (folder.parent / "out" / "report.html").is_file()
