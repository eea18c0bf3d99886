"""`tccodec report` on the command line; what a report holds is tested in tests/report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
