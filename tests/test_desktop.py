"""The data files for desktops, in the hands of the programs that read them."""

from __future__ import annotations

import configparser
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.support.paths import ROOT
from tests.support.pictures import picture
from tests.support.program import run_program

SHARE = ROOT / "share"
GOLDEN = ROOT / "tests" / "golden"


def output(*command: str | Path, **environment: str) -> str:
    """The output of a program; skips the test where it is not installed."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"the program {command[0]} is not here")
    done = subprocess.run(
        list(map(str, command)),
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout + done.stderr


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Variables of a home folder in which the MIME type is installed as the page says."""
    data = tmp_path / "share"
    (data / "mime").mkdir(parents=True)
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(data)}
    definition = SHARE / "mime" / "packages" / "tccodec.xml"
    said = output("xdg-mime", "install", "--novendor", "--mode", "user", definition, **home)
    assert not said
    assert (data / "mime" / "packages" / "tccodec.xml").exists()
    return home


def test_files_have_the_type(home: dict[str, str], tmp_path: Path) -> None:
    if not shutil.which("gio") and not shutil.which("mimetype"):
        pytest.skip("neither gio nor mimetype is here, which xdg-mime asks")
    home |= {"XDG_CURRENT_DESKTOP": "GNOME"} if shutil.which("gio") else {}  # else it asks file
    found = {}
    for name, golden in {
        "by-content": "small-50.tcz",
        "x.tcz": "grey-40.tcz",
        "x.png": "text-50.png",
    }.items():
        path = tmp_path / name
        shutil.copy(GOLDEN / golden, path)
        found[name] = output("xdg-mime", "query", "filetype", path, **home).strip()
    assert found == {"by-content": "image/x-tcz", "x.tcz": "image/x-tcz", "x.png": "image/png"}


def test_the_definition_gives_magic_and_pattern(home: dict[str, str]) -> None:
    mime = Path(home["XDG_DATA_HOME"]) / "mime"
    assert "image/x-tcz:*.tcz" in (mime / "globs2").read_text("utf-8")
    assert b"[60:image/x-tcz]\n>0=\0\4\x89TCZ\n" in (mime / "magic").read_bytes()


def test_file_names_the_format() -> None:
    magic = SHARE / "magic" / "tccodec"
    path = GOLDEN / "grey-40.tcz"
    said = output("file", "--brief", "--magic-file", magic, path)
    assert said == "tccodec image data, version 1, grey\n"
    said = output("file", "--brief", "--mime-type", "--magic-file", magic, GOLDEN / "small-50.tcz")
    assert said == "image/x-tcz\n"
    assert "tccodec" not in output("file", "--magic-file", magic, GOLDEN / "grey-40.png")


@pytest.mark.parametrize("preview", [True, False])
def test_the_thumbnailer_makes_a_png(tmp_path: Path, preview: bool) -> None:
    entry = configparser.ConfigParser(interpolation=None)
    entry.read(SHARE / "thumbnailers" / "tccodec.thumbnailer", "utf-8")
    [section] = entry.sections()
    assert section == "Thumbnailer Entry"
    assert entry[section]["MimeType"] == "image/x-tcz;"
    source, target = tmp_path / "a photo.tcz", tmp_path / "thumbnail.XYZ123"
    picture(size=(320, 200), noise=60).save(tmp_path / "a.png")
    options = ("-q", "99") if preview else ("-q", "10")
    assert run_program("compress", tmp_path / "a.png", *options, "--lossy", "-o", source).code == 0
    target.touch()  # as GNOME does
    places = {"%i": str(source), "%o": str(target)}
    words = [places.get(word, word) for word in shlex.split(entry[section]["Exec"])]
    assert words[0] == entry[section]["TryExec"] == "tccodec"
    command = [sys.executable, "-m", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    assert done.stdout == done.stderr == b""
    with Image.open(target) as image:
        assert image.format == "PNG"
        assert max(image.size) <= (128 if preview else 256)
