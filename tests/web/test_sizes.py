"""README and the guide tell how large the package for browsers is."""

from __future__ import annotations

import re

import pytest

from benchmarks.docs.web import sizes
from tests.support.paths import ROOT

NEAR = 0.1


def test_the_guide() -> None:
    text = (ROOT / "docs" / "guide" / "web.md").read_text("utf-8")
    for name, (whole, compressed) in sizes()[1].items():
        [row] = re.findall(rf"^\| {re.escape(name)} \| (\d+) \| (\d+) \|$", text, re.MULTILINE)
        told = [1000 * int(n) for n in row]
        assert told == pytest.approx([whole, compressed], rel=NEAR), name
    for name in ("scripts", "WebAssembly"):
        [beside] = re.findall(rf"^\| {name}, compressed \| (\d+) kB", text, re.MULTILINE)
        assert 1000 * int(beside) == pytest.approx(sizes()[1][name][1], rel=NEAR)


def test_readme() -> None:
    text = " ".join((ROOT / "README.md").read_text("utf-8").split())
    [(package, weights)] = re.findall(
        r"(\d+) kB of scripts and WebAssembly .*? (\d+) MB of weights, loaded once", text
    )
    found = {name: whole for name, (whole, _) in sizes()[1].items()}
    own = found["scripts"] + found["WebAssembly"]
    assert 1e3 * int(package) == pytest.approx(own, rel=NEAR)
    assert 1e6 * int(weights) == pytest.approx(found["weights of `tcae-s`"], rel=NEAR)
