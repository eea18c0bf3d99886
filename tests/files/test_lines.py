"""Files of JSON lines."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tccodec.errors import UnreadableFile
from tccodec.files.lines import append_line, drop_unfinished_line, read_lines

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_a_full_disk_names_the_file() -> None:
    with pytest.raises(OSError, match=r"No space left.*/dev/full"):
        append_line(FULL, {"step": 1})


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
