"""The benchmarks are a package that uses the codec's public side, and says how it is called."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks.research import scaling
from benchmarks.research.ablations import deltas
from tests.support.paths import ROOT

FOLDERS = ("docs", "research")
SCRIPTS = sorted(p for folder in FOLDERS for p in (ROOT / "benchmarks" / folder).rglob("*.py"))
RUN = [p for p in SCRIPTS if "__main__" in p.read_text("utf-8")]


def private_names(tree: ast.Module) -> set[str]:
    """Names with a leading underscore that a module uses, but does not define itself."""
    own: set[str] = set()
    used: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            own.add(node.name)
        elif isinstance(node, ast.Attribute):
            (own if isinstance(node.ctx, ast.Store) else used).add(node.attr)
        elif isinstance(node, ast.ImportFrom):
            used |= {*str(node.module).split("."), *(alias.name for alias in node.names)}
    return {name for name in used - own if name.startswith("_") and not name.startswith("__")}


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.stem)
def test_benchmarks_use_no_private_name_of_the_package(path: Path) -> None:
    text = path.read_text("utf-8")
    assert private_names(ast.parse(text)) == set()
    assert "sys.path" not in text and "setattr" not in text


@pytest.mark.parametrize("path", RUN, ids=lambda p: p.stem)
def test_each_script_begins_with_its_command_line(path: Path) -> None:
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
    description = ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert description is not None
    assert re.search(rf"^    python -m {re.escape(module)}\b", description, re.MULTILINE)


def test_ablations_compare_mean_curves_and_single_crops() -> None:
    """Crops of 0, 10 and 50 % more bits at equal quality: the median is 10 %, the mean 20 %."""
    rates, quality = np.geomspace(0.1, 1, 9), np.linspace(25, 40, 9)
    base = np.stack([rates, quality, quality / 2], 1)[:, None].repeat(3, 1)
    other = base * [[[1, 1, 1], [1.1, 1, 1], [1.5, 1, 1]]]
    found = deltas({"points": {"a": base.tolist()}}, {"points": {"a": other.tolist()}}, ["a"])
    assert found == pytest.approx([20, 20, 10])


def test_runs_are_counted_with_those_that_they_began_from() -> None:
    log = """
| run | date | machine | minutes | gigapixels seen | config | Kodak BD-rate | weights |
| --- | --- | --- | --- | --- | --- | --- | --- |
| 1 | 2026-11-23 | a CPU | 13 | 1 | `tcae-s`: crop 256 | +49 % | - |
| 2 | 2026-11-24 | a CPU | 82 | 3.0, without the hold | from the live weights of 1 | +9.5 % | f3 |
| 3 | 2026-11-24 | a CPU | 70 | 12 | from 0.4 of 2 and 0.6 of 1 | - | - |
| 4 | 2026-11-25 | a CPU | 5 | 0.25 | from nothing | as 2 at realism 0 | - |
"""
    runs = scaling.read(log)
    assert [scaling.seen(runs, n) for n in runs] == [1, 4, 16, 0.25]
    assert [r.bd_rate for r in runs.values()] == [49, 9.5, None, None]


def test_the_line_through_runs_leads_where_they_lead() -> None:
    line = scaling.fit([(4, 10), (8, 6), (16, 2)])
    assert line.slope == pytest.approx(-4) and line.spread == pytest.approx(0)
    assert line.at(32) == pytest.approx(-2) and line.reaches(-2) == pytest.approx(32)
