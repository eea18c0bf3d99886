"""Drawn pictures on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tests.support.pictures import page
from tests.support.program import Run


def test_a_lossless_file_is_called_so(run: Run, tmp_path: Path) -> None:
    page().save(tmp_path / "page.png")
    told = run("compress", "page.png", "-q", "100", "--model", "tiny")
    assert told.code == 0 and told.err.rstrip().endswith("lossless")
    assert b"lossless" in run("info", "page.tcz").out
    assert run("info", "page.tcz", "--json").json()[0]["lossless"] is True
    assert run("decompress", "page.tcz", "-o", "back.png").code == 0
    with Image.open(tmp_path / "back.png") as back:
        assert np.array_equal(back, page())
    assert run("verify", "page.tcz").code == 0
    told = run("compress", "page.png", "-o", "net.tcz", "--model", "tiny", "--lossy", "--json")
    assert told.json()[0]["lossless"] is False


def test_blocks_are_named(run: Run, tmp_path: Path) -> None:
    page().save(tmp_path / "page.png")
    told = run("compress", "page.png", "--model", "tiny", "--json")
    assert told.json()[0]["apart"] == 1 and told.json()[0]["lossless"] is False
    assert b"100% in the section blocks (" in run("info", "page.tcz").out
    described = run("info", "page.tcz", "--json").json()[0]
    assert described["apart"]["share"] == 1 and described["apart"]["method"] in ("WebP", "AV1")
    told = run("compress", "page.png", "-f", "--lossy", "--screen", "--model", "tiny")
    assert told.code and "not both" in told.err and "Traceback" not in told.err
