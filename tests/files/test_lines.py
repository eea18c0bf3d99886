"""Files of JSON lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tccodec.files.lines import append_line

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_a_full_disk_names_the_file() -> None:
    with pytest.raises(OSError, match=r"No space left.*/dev/full"):
        append_line(FULL, {"step": 1})
