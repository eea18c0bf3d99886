"""Counts that add up over runs."""

from __future__ import annotations

import collections
from pathlib import Path

import pytest

from tests.attacks.__main__ import mutations
from tests.attacks.run import Findings
from tests.attacks.targets import TARGETS
from tests.attacks.totals import Totals


def test_counts_of_all_commits_are_one_table(tmp_path: Path) -> None:
    path = tmp_path / "totals.json"
    target = TARGETS["pair"]
    Totals(path).add(target, collections.Counter(accepted=2, refused=3), "one")
    Totals(path).add(target, collections.Counter(accepted=1, slow=1), "two")
    Totals(path).add(target, collections.Counter(refused=1), "two")
    found = Totals(path)
    assert found.of(target) == {"accepted": 3, "refused": 4, "slow": 1}
    assert found.table().splitlines()[2:] == ["| pair | 8 | 100,000 | 3 | 4 | 1 |"]
    assert found.furthest_from_goal(["pair", "code"]) is TARGETS["code"]


def test_an_interrupted_run_keeps_its_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(name: str, findings: Findings, **options: object) -> None:
        findings.outcomes["accepted"] += 7
        raise KeyboardInterrupt

    monkeypatch.setattr("tests.attacks.run.attack", interrupted)
    path = tmp_path / "totals.json"
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            mutations(["--target", "container", "--total", str(path)])
    assert Totals(path).of(TARGETS["container"]) == {"accepted": 14}
