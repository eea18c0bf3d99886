"""Folders that are replaced whole: whatever moment a process is killed at, one of them is there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tccodec.files.folders import current, replacing_folder


class Killed(BaseException):
    """Ends a call where a signal would end the process."""


def write(folder: Path, text: str) -> None:
    with replacing_folder(folder) as new:
        for name in ("a", "b"):
            (new / name).write_text(text, "utf-8")


def content(folder: Path) -> set[str]:
    return {(current(folder) / name).read_text("utf-8") for name in ("a", "b")}


@pytest.mark.parametrize("moment", range(6))
def test_a_kill_leaves_the_old_folder_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    folder = tmp_path / "last"
    write(folder, "old")
    calls = 0

    def counted(function):
        def call(*arguments, **options):
            nonlocal calls
            if options.get("ignore_errors"):  # a killed process does not tidy up
                return None
            calls += 1
            if calls == moment + 1:
                if function is real_rmtree:
                    next(Path(arguments[0]).iterdir()).unlink()  # it has begun
                raise Killed
            return function(*arguments, **options)

        return call

    real_rmtree = shutil.rmtree
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", counted(shutil.rmtree))
        patch.setattr(os, "replace", counted(os.replace))
        patch.setattr(Path, "write_text", counted(Path.write_text))
        try:
            write(folder, "new")
        except Killed:
            pass
        else:
            assert moment == 5
    assert content(folder) == ({"old"} if moment < 4 else {"new"})
    write(folder, "later")
    assert content(folder) == {"later"}
    assert [p.name for p in tmp_path.iterdir()] == ["last"]


def test_a_block_that_fails_changes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "last"
    write(folder, "old")
    with pytest.raises(OSError, match="full"), replacing_folder(folder):
        raise OSError("full")
    assert content(folder) == {"old"} and [p.name for p in tmp_path.iterdir()] == ["last"]


@pytest.mark.parametrize("name", ["last", "last.tmp", "last.old"])
def test_a_file_in_the_place_of_a_folder_is_kept(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine", "utf-8")
    with pytest.raises(NotADirectoryError, match=f"not a folder: '{tmp_path / name}'"):
        write(tmp_path / "last", "new")
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text("utf-8") == "mine"


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    link, disk = tmp_path / "last", tmp_path / "disk"
    link.symlink_to(disk / "state")
    for text in ("old", "new"):
        write(link, text)
        assert content(link) == content(disk / "state") == {text}
    os.replace(disk / "state", disk / "state.old")  # where a kill would leave it
    assert link.is_symlink() and content(link) == {"new"}
