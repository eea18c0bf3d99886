"""Pictures of an archive that share a file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support.paths import files_in
from tests.support.pictures import picture
from tests.support.program import TINY, Run

LINE = ("archive", "photos", "small", *TINY, "--yes")


def test_pictures_that_are_gone_outlive_the_one_whose_file_they_share(run: Run) -> None:
    photos = Path("photos")
    photos.mkdir()
    for name in ("a.png", "b.png", "c.png"):
        picture(1).save(photos / name)
    assert run(*LINE).code == 0
    assert files_in(Path("small")) == ["a.png.tcz", "manifest.jsonl"]
    for name in ("b.png", "c.png"):
        (photos / name).unlink()
    # The file is coded anew, with other settings: then they are in it as before.
    assert run(*LINE, "-q", "20").code == 0
    assert run("archive", "--check", "small").err.startswith("1 of 1 files are as the manifest")
    # It is to hold another picture: then they need one of their own.
    Path("small/b.png.tcz").write_bytes(b"")  # that name is taken
    picture(2).save(photos / "a.png")
    assert run(*LINE, "-q", "20").code == 0
    checked = run("archive", "--check", "small")
    assert checked.code == 0 and checked.err.startswith("2 of 2 files are as the manifest says")
    assert files_in(Path("small"))[1:] == ["b.png-2.tcz", "b.png.tcz", "manifest.jsonl"]
    assert run("archive", "--restore", "small", "back").code == 0
    a, b, c = (np.array(Image.open(f"back/{name}.png")) for name in "abc")
    assert (b == c).all() and (a != b).any()


def test_check_looks_at_every_picture_of_a_file(run: Run) -> None:
    Path("photos").mkdir()
    picture(1).save("photos/a.png")
    shutil.copy("photos/a.png", "photos/b.png")
    assert run(*LINE).code == 0
    manifest = Path("small/manifest.jsonl")
    first, a, b = map(json.loads, manifest.read_text().splitlines())
    b["file_sha256"] = "0" * 64
    manifest.write_text("".join(json.dumps(line) + "\n" for line in (first, a, b)))
    checked = run("archive", "--check", "small")
    assert checked.code == 1
    assert checked.err.splitlines()[:2] == [
        "tccodec: small/a.png.tcz: its content has changed",
        f"0 of 1 files are as the manifest says; they hold 2 pictures in {b['file_bytes']} B",
    ]
