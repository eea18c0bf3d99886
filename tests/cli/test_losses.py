"""What a file or a format does not hold of a picture is said without being asked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.paths import files_in
from tests.support.pictures import picture
from tests.support.program import Run

TINY = ("--model", "tiny")


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder with two scans of several pages and a plain picture."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for name, count in (("a", 3), ("b", 2)):
        pages = [picture(i) for i in range(count)]
        pages[0].save(folder / f"{name}.tif", save_all=True, append_images=pages[1:])
    picture(7).save(folder / "c.png")
    return folder


def test_one_file_says_its_losses(run: Run, scans: Path) -> None:
    result = run("compress", scans / "a.tif", "-o", "a.tcz", "--verify", *TINY)
    lines = result.err.splitlines()
    assert lines[0] == f"{scans / 'a.tif'}: page 1 of 3 is kept"
    assert lines[-1].endswith("verified (page 1 of 3)")


def test_a_folder_says_each_kind_once(run: Run, scans: Path) -> None:
    result = run("compress", "scans", "-r", "-o", "out", *TINY)
    assert result.err.splitlines()[1:] == ["2 pictures: one page of several is kept"]


def test_verbose_names_the_files(run: Run, scans: Path) -> None:
    lines = run("compress", "scans", "-r", "-o", "out", "-v", *TINY).err.splitlines()
    assert "scans/a.tif: page 1 of 3 is kept" in lines
    assert "scans/b.tif: page 1 of 2 is kept" in lines
    assert lines[-1] == "2 pictures: one page of several is kept"


def test_quiet_is_quiet(run: Run, scans: Path) -> None:
    assert run("compress", "scans/a.tif", "-Q", *TINY).err == ""


def test_json_has_a_list_of_losses(run: Run, scans: Path) -> None:
    found = run("compress", "scans", "-r", "-o", "out", "--json", *TINY).json()
    assert [f["losses"] for f in found] == [["page 1 of 3 is kept"], ["page 1 of 2 is kept"], []]
    assert [f.get("part") for f in found] == ["page 1 of 3", "page 1 of 2", None]
    assert all("notes" in f for f in found)


def test_strict_writes_only_what_loses_nothing(run: Run, scans: Path, tmp_path: Path) -> None:
    result = run("compress", "scans", "-r", "-o", "out", "--strict", *TINY)
    assert result.code == 1 and files_in(tmp_path / "out") == ["c.tcz"]
    reason = "nothing written, because of --strict: page 1 of 3 is kept"
    assert f"tccodec: scans/a.tif: {reason}\n" in result.err
    image = picture(1).convert("RGBA")
    image.putalpha(Image.fromarray(np.full((40, 60), 99, np.uint8)))
    image.save("a.png")
    assert run("compress", "a.png", "--strict", *TINY).code == 0
    result = run("decompress", "a.tcz", "-o", "a.jpg", "--strict")
    assert result.code == 1 and "JPEG has no alpha" in result.err
    assert not Path("a.jpg").exists()
    assert run("decompress", "a.tcz", "-o", "b.png", "--strict").code == 0


def test_metadata_is_stripped_on_request(run: Run) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif[0x8825] = {1: "N", 2: (48.0, 51.0, 29.0)}
    picture(1).save("a.jpg", exif=exif, comment=b"by hand")
    for strip, names in (("gps", {"exif", "comment"}), ("exif, COMMENT", set()), ("all", set())):
        line = ("compress", "a.jpg", "-f", "--strip", strip, "--strict", "--verify", *TINY)
        assert run(*line).code == 0
        assert set(run("info", "a.tcz", "--json").json()[0]["sections"]) == names
    run("compress", "a.jpg", "-f", "--strip", "gps", *TINY)
    run("decompress", "a.tcz", "-o", "b.jpg")
    with Image.open("b.jpg") as image:
        assert image.getexif()[0x010F] == "Maker" and 0x8825 not in image.getexif()
    wrong = run("compress", "a.jpg", "--strip", "gpss", *TINY)
    assert wrong.code == 2 and "'gpss' is not one of all, exif, gps" in wrong.err


def test_strict_refuses_what_stripping_would_lose(run: Run) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">GPS</x:xmpmeta>'
    picture(1, size=(16, 16)).save("a.jpg", xmp=xmp)
    result = run("compress", "a.jpg", "--strip", "gps", "--strict", *TINY)
    assert result.code == 1 and "XMP left out: its positions cannot be removed alone" in result.err
    assert not Path("a.tcz").exists()


def test_alpha_put_on_white_is_said(run: Run, tmp_path: Path) -> None:
    image = picture(1).convert("RGBA")
    image.putalpha(Image.fromarray(np.full((40, 60), 99, np.uint8)))
    image.save(tmp_path / "a.png")
    run("compress", "a.png", *TINY)
    text = "JPEG has no alpha: the picture was put on white"
    result = run("decompress", "a.tcz", "-o", "a.jpg", "--json")
    assert result.err.splitlines()[0] == f"a.tcz: {text}"
    assert result.json()[0]["losses"] == [text]


def test_resolution_and_grey_come_back(run: Run, tmp_path: Path) -> None:
    picture(1).convert("L").convert("RGB").save(tmp_path / "a.jpg", dpi=(300, 300))
    run("compress", "a.jpg", "--verify", *TINY)
    for suffix in ("png", "jpg", "tif"):
        run("decompress", "a.tcz", "-o", f"b.{suffix}", "--scale", "1/2")
        with Image.open(tmp_path / f"b.{suffix}") as out:
            assert out.mode == "L"
            assert [round(float(v), 2) for v in out.info["dpi"]] == [300, 300]
