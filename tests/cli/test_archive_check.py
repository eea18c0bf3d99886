"""Names and formats of the pictures that `tccodec archive --restore` writes."""

from __future__ import annotations

from pathlib import Path

from tccodec.cli.archive_check import restored_as
from tests.support.paths import files_in
from tests.support.pictures import picture
from tests.support.program import TINY, Run

LINE = ("archive", "photos", "small", *TINY)


def test_a_format_that_only_seems_writable_is_restored_as_png(run: Run, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    picture(1, size=(16, 16)).convert("1").save(tmp_path / "photos/a.xbm")
    picture(2, size=(16, 16)).convert("1").save(tmp_path / "photos/b.msp")
    picture(3, size=(16, 16)).convert("P").save(tmp_path / "photos/c.blp")
    for seed, name in enumerate(("d.h5", "e.wmf")):
        picture(seed, size=(16, 16)).save(tmp_path / "photos" / name, "PNG")
    assert run(*LINE, "--yes").code == 0
    result = run("archive", "--restore", "small", "back")
    assert result.code == 0, result.err
    names = ["a.xbm.png", "b.msp.png", "c.blp.png", "d.h5.png", "e.wmf.png"]
    assert files_in(Path("back")) == names


def test_restored_pictures_never_share_a_name(run: Run, tmp_path: Path) -> None:
    folder = Path("back")
    names = ["a.png", "b.dat", "b.dat.png", "b.dat-2.PNG", "c/b.dat", "B.dat.png"]
    assert restored_as(names, folder) == {
        "B.dat.png": folder / "B.dat.png",
        "a.png": folder / "a.png",
        "b.dat": folder / "b.dat-3.png",
        "b.dat-2.PNG": folder / "b.dat-2.PNG",
        "b.dat.png": folder / "b.dat.png",
        "c/b.dat": folder / "c/b.dat.png",
    }
    (tmp_path / "photos").mkdir()
    for seed, name in enumerate(("b.dat", "b.dat.png")):
        picture(seed, size=(16, 16)).save(tmp_path / "photos" / name, "PNG")
    assert run(*LINE, "--yes").code == 0
    assert run("archive", "--restore", "small", "back").code == 0
    assert files_in(folder) == ["b.dat-2.png", "b.dat.png"]
