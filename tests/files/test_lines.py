"""Files of JSON lines."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import BinaryIO

import pytest

from tccodec.errors import TccodecError, UnreadableFile
from tccodec.files import locks
from tccodec.files.lines import append_line, drop_unfinished_line, only_writer, read_lines
from tccodec.files.text import from_json
from tests.support.paths import ROOT

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_a_full_disk_names_the_file() -> None:
    with pytest.raises(OSError, match=r"No space left.*/dev/full"):
        append_line(FULL, {"step": 1})


WRITER = """
import resource, sys
from pathlib import Path
from tccodec.files.lines import append_line
path, unlimited = Path(sys.argv[1]), resource.RLIM_INFINITY
append_line(path, {"step": 1})
resource.setrlimit(resource.RLIMIT_FSIZE, (30, unlimited))
try:
    append_line(path, {"step": "2" * 40})
except OSError as e:
    print(e)
resource.setrlimit(resource.RLIMIT_FSIZE, (unlimited, unlimited))
append_line(path, {"step": 3})
"""


@pytest.mark.skipif(os.name == "nt", reason="needs limits of sizes")
def test_a_line_for_which_there_is_no_room_leaves_no_part(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    said = subprocess.check_output([sys.executable, "-c", WRITER, path], cwd=ROOT, text=True)
    assert said == f"[Errno 27] File too large: '{path}'\n"
    assert list(read_lines(path)) == [{"step": 1}, {"step": 3}]


def test_a_pipe_or_a_device_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(os.devnull)
    reading, writing = os.pipe()
    with open(reading, "rb") as pipe:
        with open(writing, "wb") as file:
            file.write(b'{"step": 1}\n')
        for path in (Path(f"/dev/fd/{reading}"), Path(os.devnull), tmp_path / "link"):
            with pytest.raises(UnreadableFile, match=f"{path} is not a regular file"):
                list(read_lines(path))
            with pytest.raises(UnreadableFile, match="not a regular file"):
                drop_unfinished_line(path)
        assert pipe.read() == b'{"step": 1}\n'


WHOLE = b'{"a": 1}\n'


@pytest.mark.parametrize(
    ("last", "count", "left"),
    [
        (b"", 1, b""),
        (b'{"a": 2', 1, b""),
        (b"\0\0", 1, b""),
        (b'{"a": 2}', 2, b'{"a": 2}\n'),
        (b"[2]", None, None),
        (b"text", None, None),
    ],
)
def test_a_last_line_counts_if_it_is_whole_and_is_parsed_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    last: bytes,
    count: int | None,
    left: bytes | None,
) -> None:
    parsed: list[bytes] = []

    def parse(line: bytes) -> object:
        parsed.append(line)
        return from_json(line)

    monkeypatch.setattr("tccodec.files.lines.from_json", parse)
    path = tmp_path / "x.jsonl"
    path.write_bytes(WHOLE + last)
    if count is None or left is None:
        with pytest.raises(UnreadableFile, match="line 2 is not a JSON object"):
            list(read_lines(path))
        with pytest.raises(UnreadableFile, match="its last line is not a JSON object"):
            drop_unfinished_line(path)
        assert path.read_bytes() == WHOLE + last
        return
    assert list(read_lines(path)) == [{"a": 1}, {"a": 2}][:count]
    assert parsed == [WHOLE[:-1], last]
    drop_unfinished_line(path)
    assert path.read_bytes() == WHOLE + left


HOLDER = """
import sys, time
from pathlib import Path
from tccodec.files.lines import only_writer
with only_writer(Path(sys.argv[1]), "it is in use"):
    print("ready", flush=True)
    time.sleep(60)
"""


def test_one_process_writes_until_it_ends_or_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.jsonl"
    line = [sys.executable, "-c", HOLDER, path]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"ready\n"
        refused = pytest.raises(TccodecError, match=r"x\.jsonl: it is in use; start again when")
        with refused, only_writer(path, "it is in use"):
            pass
        append_line(path, {"step": 1})
        holder.kill()
        holder.wait()
        with only_writer(path, "it is in use"):
            append_line(path, {"step": 2})
    assert list(read_lines(path)) == [{"step": 1}, {"step": 2}]


def test_a_lock_leaves_no_empty_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "er" / "x.jsonl"
    with only_writer(path, "it is in use"):
        assert path.exists()
    assert not (tmp_path / "new").exists()
    path = tmp_path / "x.jsonl"
    opened = []

    def vanishes(path: Path) -> BinaryIO:
        """Open a file that its last holder removes just before it is locked."""
        file = path.open("ab")
        if not opened:
            path.unlink()
        opened.append(file)
        return file

    monkeypatch.setattr("tccodec.files.lines._opened", vanishes)
    with only_writer(path, "it is in use"):
        assert os.path.samestat(path.stat(), os.fstat(opened[-1].fileno())) and len(opened) == 2


def test_without_locks_nothing_is_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on some network drives."""

    def refuse(*_: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    fake = SimpleNamespace(flock=refuse, LOCK_EX=2, LOCK_NB=4)
    monkeypatch.setattr(locks, "fcntl", fake)
    path = tmp_path / "x.jsonl"
    with only_writer(path, "it is in use"), only_writer(path, "it is in use"):
        append_line(path, {"step": 1})
    assert list(read_lines(path)) == [{"step": 1}]


def test_windows_locks_a_byte_behind_all_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked: set[int] = set()

    def locking(handle: int, mode: int, count: int) -> None:
        at = os.lseek(handle, 0, os.SEEK_CUR)
        if (mode, count) != (2, 1) or at in locked:
            raise PermissionError(errno.EACCES, "Permission denied")
        locked.add(at)

    monkeypatch.setattr(locks, "fcntl", None)
    monkeypatch.setattr(locks, "msvcrt", SimpleNamespace(locking=locking, LK_NBLCK=2))
    path = tmp_path / "x.jsonl"
    append_line(path, {"step": 1})
    with path.open("rb") as file:
        assert file.read(4) == b'{"st'
        assert locks.try_lock(file.fileno()) is True and locked == {2**31 - 2}
        assert locks.try_lock(file.fileno()) is False
        assert file.read() == b'ep": 1}\n'
    monkeypatch.setattr(locks, "msvcrt", None)
    with path.open("rb") as file:
        assert locks.try_lock(file.fileno()) is None
