"""Man pages, made from the commands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tccodec.cli.program import COMMANDS, program
from tests.support.paths import ROOT

# Commands of groups have pages of their own.
BELOW = {"models list", "models show", "generate train"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("man")
    subprocess.run(
        [sys.executable, ROOT / "scripts" / "man_pages.py", folder],
        env=os.environ | {"PYTHONPATH": str(ROOT), "SOURCE_DATE_EPOCH": "86400"},
        check=True,
    )
    return folder


def test_every_command_has_one(folder: Path) -> None:
    names = {f"tccodec-{name.replace(' ', '-')}.1" for name in {*COMMANDS, *BELOW}}
    assert {path.name for path in folder.iterdir()} == names | {"tccodec.1"}
    for path in folder.iterdir():
        assert " 1 1970-01-02 " in path.read_text("utf-8").splitlines()[0]


@pytest.mark.parametrize("name", sorted({*COMMANDS, *BELOW}))
def test_it_has_every_option_of_help(folder: Path, name: str) -> None:
    shown = CliRunner().invoke(program, [*name.split(), "--help"]).output
    options = set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", shown)) - {"-h", "--help"}
    page = (folder / f"tccodec-{name.replace(' ', '-')}.1").read_text("utf-8").replace("\\-", "-")
    assert [option for option in options if not re.search(rf"{option}(?![\w-])", page)] == []
    assert ("[COMMAND]" in shown.splitlines()[0]) == ("[COMMAND]" in page)


def test_no_name_is_broken_at_the_end_of_a_line(folder: Path) -> None:
    if shutil.which("groff") is None:
        pytest.skip("groff is not here")
    for path in sorted(folder.iterdir()):
        command = ["groff", "-man", "-Tutf8", "-P-cbou", "-rLL=60n", path]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert re.findall("-\\w*\u2010\n|tc\u2010\n", shown) == [], path.name


def test_they_are_right_for_mandoc(folder: Path) -> None:
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not here")
    pages = sorted(map(str, folder.iterdir()))
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", *pages],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_what_they_show_is_what_help_says(folder: Path) -> None:
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not here")
    path = folder / "tccodec-compress.1"
    done = subprocess.run(["mandoc", "-T", "utf8", path], capture_output=True, check=True)
    text = re.sub(r".\x08", "", done.stdout.decode())  # bold is a letter struck twice
    assert "tccodec compress photo.jpg --like avif:60 -o as-good.tcz\n" in text
    assert "-q, --quality 0..100" in text and "[default: 50]" in text
