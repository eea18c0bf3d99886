"""Paths with links followed: one spelling for each file, also for one that is not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tccodec.files.remote import path_of
from tccodec.files.resolved import Resolver


def test_all_names_of_a_file_that_is_not_there_are_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "linked").symlink_to("folder")
    (tmp_path / "link").symlink_to("linked/x")
    (tmp_path / "other").symlink_to(tmp_path / "link")
    names = ["folder/x", "./linked/x", "linked/../folder/x", "link", "other", tmp_path / "link"]
    resolved = Resolver()
    assert {resolved(Path(name)) for name in names} == {os.path.realpath("folder/x")}
    assert resolved(Path("x")) == os.path.realpath("x")
    assert resolved(Path("new/folder/x")) == os.path.realpath("new/folder/x")


def test_links_in_a_circle_are_themselves(tmp_path: Path) -> None:
    for name, target in (("a", "b"), ("b", "a")):
        (tmp_path / name).symlink_to(target)
    assert Path(Resolver()(tmp_path / "a")).parent == tmp_path.resolve()


def test_a_device_takes_several_outputs(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).symlink_to(os.devnull)
    resolved = Resolver()
    assert resolved(tmp_path / "a") != resolved(tmp_path / "b")


def test_urls_are_as_they_are() -> None:
    resolved = Resolver()
    assert resolved(path_of("memory://a/b.png")) == "memory://a/b.png"


def test_a_folder_is_followed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    followed: list[str] = []
    realpath = os.path.realpath

    def counted(path: str) -> str:
        followed.append(path)
        return realpath(path)

    monkeypatch.setattr(os.path, "realpath", counted)
    resolved = Resolver()
    assert len({resolved(tmp_path / f"{i % 2}" / f"{i}.png") for i in range(100)}) == 100
    assert len(followed) == 2


@pytest.fixture
def stick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose file system finds files in any case, as a memory card's does."""
    folder, samefile = tmp_path / "1234-5678", os.path.samefile
    folder.mkdir()

    def found(one: str, other: str) -> bool:
        in_stick = (str(path).startswith(f"{folder}{os.sep}") for path in (one, other))
        if all(in_stick):
            return str(one).casefold() == str(other).casefold()
        return samefile(one, other)

    monkeypatch.setattr(os.path, "samefile", found)
    return folder


def test_names_that_differ_in_case_are_one_where_the_file_system_says_so(
    tmp_path: Path, stick: Path
) -> None:
    resolved = Resolver()
    names = [stick / "DCIM" / name for name in ("Caf\u00e9.tcz", "CAFE\u0301.TCZ")]
    (stick / "photo.png").touch()
    assert len({resolved(name) for name in names}) == 1
    assert len({resolved(tmp_path / name) for name in ("a.tcz", "A.tcz")}) == 2
    (tmp_path / "link").symlink_to(stick / "b.tcz")
    assert resolved(tmp_path / "link") == resolved(stick / "B.tcz")
