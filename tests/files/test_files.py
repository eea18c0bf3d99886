"""Files written whole, folders walked, names shown."""

from __future__ import annotations

import base64
import errno
import os
import stat
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tccodec.errors import OutputExists, UnreadableFile
from tccodec.files import atomic
from tccodec.files.atomic import check_writable, replacing, write_atomically
from tccodec.files.lines import read_lines
from tccodec.files.text import counted, escaped, json_name, shown
from tccodec.files.walk import walk

root = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid(), reason="needs root")


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_bytes(b"old")

    def interrupted() -> None:
        with replacing(target) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert target.read_bytes() == b"old" and names(tmp_path) == ["x"]


def test_temporary_names_cannot_be_foreseen(tmp_path: Path) -> None:
    seen = set()
    for _ in range(3):
        with replacing(tmp_path / "x"):
            [part] = tmp_path.glob(".*")
            seen.add(part.name)
    assert len(seen) == 3 and str(os.getpid()) not in "".join(seen)


def test_a_link_planted_under_the_temporary_name_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic.secrets, "token_hex", lambda _: "guessed")
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (tmp_path / ".tccodec-guessed.part").symlink_to(victim)
    with pytest.raises(FileExistsError):
        write_atomically(tmp_path / "x", b"data")
    assert victim.read_bytes() == b"mine"


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "x"

    def overtaken() -> None:
        with replacing(target, overwrite=False) as file:
            file.write(b"ours")
            target.write_bytes(b"theirs")

    with pytest.raises(OutputExists):
        overtaken()
    assert target.read_bytes() == b"theirs" and names(tmp_path) == ["x"]


def test_of_many_writers_one_wins(tmp_path: Path) -> None:
    target, won = tmp_path / "x", []

    def write(number: int) -> None:
        try:
            with replacing(target, overwrite=False) as file:
                file.write(bytes([number]))
        except OutputExists:
            return
        won.append(number)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_bytes() == bytes(won) and names(tmp_path) == ["x"]


def test_without_links_a_file_is_kept_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on FAT, where a file has one name."""

    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    target = tmp_path / "x"
    with replacing(target, overwrite=False) as file:
        file.write(b"one")
    with pytest.raises(OutputExists), replacing(target, overwrite=False):
        pass
    assert target.read_bytes() == b"one" and names(tmp_path) == ["x"]


def test_a_dangling_link_is_not_replaced_without_force(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("nothing")
    with pytest.raises(OutputExists), replacing(link, overwrite=False):
        pass
    assert link.is_symlink() and names(tmp_path) == ["link"]


def test_what_a_killed_process_left_is_removed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fcntl")
    left, other = tmp_path / f".tccodec-{'0' * 16}.part", tmp_path / ".tccodec-mine.part"
    planted = tmp_path / f".tccodec-{'1' * 16}.part"
    left.write_bytes(b"half")
    other.write_bytes(b"another name")
    planted.symlink_to(other)
    monkeypatch.setattr(atomic, "_swept", set())
    write_atomically(tmp_path / "a", b"")
    assert left.exists()  # it might be in use
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)
    with replacing(tmp_path / "b") as file:
        [own] = set(tmp_path.glob(".tccodec-*.part")) - {left, other, planted}
        file.write(b"b")
        file.flush()
        monkeypatch.setattr(atomic, "_swept", set())
        write_atomically(tmp_path / "c", b"c")
        assert own.exists() and not left.exists()
    assert (tmp_path / "b").read_bytes() == b"b"
    assert other.exists() and planted.is_symlink()


def test_a_file_that_vanishes_does_not_end_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fcntl")
    for digit in "012":
        (tmp_path / f".tccodec-{digit * 16}.part").touch()
    seen: list[str] = []

    def is_left_over(entry: os.DirEntry[str]) -> bool:
        seen.append(entry.name)
        if len(seen) == 1:
            raise FileNotFoundError
        return True

    monkeypatch.setattr(atomic, "_swept", set())
    monkeypatch.setattr(atomic, "_is_left_over", is_left_over)
    write_atomically(tmp_path / "a", b"")
    assert names(tmp_path) == [seen[0], "a"] and len(seen) == 3


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"old")
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("deep/file")
    write_atomically(tmp_path / "one", b"new")
    assert (tmp_path / "one").is_symlink() and (tmp_path / "deep" / "file").read_bytes() == b"new"


def test_a_link_in_a_circle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OutputExists, match="circle"):
        write_atomically(tmp_path / "a", b"x")


@root
def test_a_link_of_another_user_in_a_shared_folder_is_refused(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "x").symlink_to(victim)
    os.chown(shared / "x", 12345, 12345, follow_symlinks=False)
    with pytest.raises(OutputExists, match="another user"):
        write_atomically(shared / "x", b"data")
    assert victim.read_bytes() == b"mine"


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    target, like = tmp_path / "x", tmp_path / "like"
    for path in (target, like):
        path.write_bytes(b"")
    like.chmod(0o644)
    for mode in (0o600, 0o640, 0o444, 0o666):
        target.chmod(mode)
        with replacing(target, like=like.stat()) as file:
            file.write(b"new")
        assert stat.S_IMODE(target.stat().st_mode) == mode


@root
def test_a_replaced_file_keeps_its_owner(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_bytes(b"")
    os.chown(target, 12345, 12346)
    target.chmod(0o640)
    write_atomically(target, b"new")
    found = target.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (12345, 12346, 0o640)


@pytest.mark.parametrize(
    ("mask", "mode", "wanted"), [(0o022, 0o600, 0o600), (0o027, 0o666, 0o640), (0, 0o604, 0o604)]
)
def test_a_new_file_is_no_more_open_than_its_source(
    tmp_path: Path, mask: int, mode: int, wanted: int
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"")
    source.chmod(mode)
    before = os.umask(mask)
    try:
        with replacing(tmp_path / "new", like=source.stat()):
            [part] = tmp_path.glob(".*")
            assert stat.S_IMODE(part.stat().st_mode) == wanted  # from the first moment
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == wanted


def test_a_pipe_is_written_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    with replacing(pipe, overwrite=False) as file:
        file.write(b"data")
    reader.join()
    assert got == [b"data"] and stat.S_ISFIFO(pipe.stat().st_mode)


def test_errors_name_the_output(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for target in (tmp_path / "file" / "x", tmp_path / ("n" * 300)):
        with pytest.raises(OSError, match=r"[Nn]ot a|too long") as error:
            write_atomically(target, b"")
        assert error.value.filename == str(target) and error.value.strerror
    with pytest.raises(OSError, match="No space") as full:
        write_atomically("/dev/full", b"data")
    assert full.value.filename == "/dev/full"


def test_names_of_255_bytes_can_be_written(tmp_path: Path) -> None:
    for name in ("写" * 85, "n" * 255):
        write_atomically(tmp_path / name, b"x")
        assert (tmp_path / name).read_bytes() == b"x"


def test_walking_meets_every_kind_of_entry(tmp_path: Path) -> None:
    (tmp_path / "b" / "deep").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    for name in ("c", "a", "b/deep/d", ".dot", ".hidden/e"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "folder").symlink_to("b")
    (tmp_path / "dead").symlink_to("nothing")
    (tmp_path / "circle").symlink_to("circle")
    os.mkfifo(tmp_path / "pipe")
    found = {str(f.path.relative_to(tmp_path)): f.skipped or f.error for f in walk(tmp_path)}
    assert list(found)[-1] == "b/deep/d"
    assert found == {
        ".dot": "hidden",
        ".hidden": "hidden",
        "a": "",
        "b/deep/d": "",
        "c": "",
        "circle": found["circle"],
        "dead": "the link leads nowhere",
        "folder": "a link to a folder",
        "link": "",
        "pipe": "not a regular file",
    }
    assert found["circle"]
    del found["b/deep/d"]
    for options in ({"recursive": False}, {"skip": tmp_path / "x" / ".." / "b"}):
        assert [str(f.path.name) for f in walk(tmp_path, **options)] == list(found)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("plain.jpg", "plain.jpg"),
        ("写真 😀.jpg", "写真 😀.jpg"),
        ("\x1b[2Jx\r\n\t\x07\x7f\x9b", r"\x1b[2Jx\r\n\t\x07\x7f\x9b"),
        ("gpj.\u202eexe\u2066\u200f", r"gpj.\u202eexe\u2066\u200f"),
        ("one\u2028two", r"one\u2028two"),
        (os.fsdecode(b"caf\xe9.jpg"), r"caf\xe9.jpg"),
    ],
)
def test_control_characters_of_names_are_escaped(name: str, wanted: str) -> None:
    assert escaped(name) == wanted == shown(name)


def test_long_texts_are_cut() -> None:
    cut = shown("a" * 10_000_000 + "z.jpg")
    assert len(cut) <= 200 and cut.startswith("aaa") and cut.endswith("az.jpg") and "\u2026" in cut
    assert len(shown("\x1b" * 300)) <= 200
    assert shown("n" * 200) == "n" * 200


def test_names_that_are_no_text_come_back_from_json() -> None:
    raw = b"bad\xff.jpg"
    values = json_name("input", os.fsdecode(raw))
    assert values["input"] == "bad\ufffd.jpg" and base64.b64decode(values["input_base64"]) == raw
    assert json_name("input", "写.jpg") == {"input": "写.jpg"}
    assert json_name("output", None) == {"output": None}


@pytest.mark.parametrize("line", [b"[" * 100_000, b"\xff", b"{", b"[]", b"1" * 5000])
def test_a_line_that_is_not_an_object_is_named(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "x.jsonl").write_bytes(b"{}\n" + line + b"\n")
    with pytest.raises(UnreadableFile, match=r"x\.jsonl: line 2 "):
        list(read_lines(tmp_path / "x.jsonl"))


@pytest.mark.skipif(not hasattr(os, "statvfs"), reason="only POSIX says what is read-only")
@pytest.mark.parametrize(("flag", "code"), [(0, errno.EACCES), (1, errno.EROFS)])
def test_a_read_only_file_system_is_not_a_lack_of_permission(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flag: int, code: int
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=flag * os.ST_RDONLY))
    with pytest.raises(OSError, match="denied" if code == errno.EACCES else "Read-only") as caught:
        check_writable(tmp_path / "new")
    assert (caught.value.errno, caught.value.filename) == (code, str(tmp_path / "new"))


def test_one_is_not_a_plural() -> None:
    assert [counted(n, "file") for n in (0, 1, 2400)] == ["0 files", "1 file", "2,400 files"]
