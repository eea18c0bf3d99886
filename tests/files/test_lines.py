"""Files of JSON lines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tccodec.errors import UnreadableFile
from tccodec.files.lines import append_line, drop_unfinished_line, read_lines
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
