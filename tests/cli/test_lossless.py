"""Drawn pictures on the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tests.support.pictures import page
from tests.support.program import Run


def test_a_lossless_file_is_called_so(run: Run, tmp_path: Path) -> None:
    page().save(tmp_path / "page.png")
    result = run("compress", "page.png", "-q", "100", "--model", "tiny")
    assert result.code == 0 and result.err.rstrip().endswith("lossless")
    assert b"lossless" in run("info", "page.tcz").out
    assert run("info", "page.tcz", "--json").json()[0]["lossless"] is True
    back = run("decompress", "page.tcz", "-o", "back.png", "--json")
    assert back.code == 0 and back.json()[0]["realism"] is None  # there are no latents
    with Image.open(tmp_path / "back.png") as back:
        assert np.array_equal(back, page())
    assert run("verify", "page.tcz").code == 0
    result = run("compress", "page.png", "-o", "net.tcz", "--model", "tiny", "--lossy", "--json")
    assert result.json()[0]["lossless"] is False
    back = run("decompress", "net.tcz", "-o", "net.png", "--json")
    assert back.code == 0 and back.json()[0]["realism"] == 0


def test_blocks_are_named(run: Run, tmp_path: Path) -> None:
    page().save(tmp_path / "page.png")
    result = run("compress", "page.png", "--model", "tiny", "--json")
    assert result.json()[0]["apart"] == 1 and result.json()[0]["lossless"] is False
    assert b"100% in the section blocks (" in run("info", "page.tcz").out
    described = run("info", "page.tcz", "--json").json()[0]
    assert described["apart"]["share"] == 1 and described["apart"]["method"] in ("WebP", "AV1")
    result = run("compress", "page.png", "-f", "--lossy", "--screen", "--model", "tiny")
    assert result.code and "not both" in result.err and "Traceback" not in result.err
