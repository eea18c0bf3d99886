"""Counts that add up over runs, in a JSON file.

    {"commit": {"target": {"outcome": executions}}}

The commit is the one that the cases were run at. The number of a target's executions so far is the
number of its next case, so no run repeats another.
"""

from __future__ import annotations

import collections
import json
import os
import subprocess
from pathlib import Path

from benchmarks.common import table_head, table_row
from tests.attacks.run import is_fault
from tests.attacks.targets import TARGETS, Target

ROOT = Path(__file__).parents[2]


class Totals:
    """The counts in a file, or, without one, those of this run."""

    def __init__(self, path: Path | None) -> None:
        """Raises `ValueError` if the file holds something else."""
        self.path = path
        self.commits: dict[str, dict[str, dict[str, int]]] = {}
        if path and path.exists():
            self.commits = json.loads(path.read_text("utf-8"))

    def of(self, target: Target) -> collections.Counter[str]:
        """Executions of a target by outcome, at all commits."""
        out: collections.Counter[str] = collections.Counter()
        for targets in self.commits.values():
            out.update(targets.get(target.name, {}))
        return out

    def furthest_from_goal(self, names: list[str]) -> Target:
        """Of some targets, the one that lacks most, as a share of its goal."""
        return min((TARGETS[n] for n in names), key=lambda t: self.of(t).total() / t.goal)

    def add(self, target: Target, outcomes: collections.Counter[str], commit: str) -> None:
        """Add executions, and write the file if there is one."""
        counts = self.commits.setdefault(commit, {}).setdefault(target.name, {})
        for outcome, count in outcomes.items():
            counts[outcome] = counts.get(outcome, 0) + count
        if self.path:
            new = self.path.with_suffix(".new")
            new.write_text(json.dumps(self.commits, indent=1) + "\n", "utf-8")
            os.replace(new, self.path)

    def table(self) -> str:
        """A Markdown table of all targets that were run."""
        rows = [table_head("target", "executions", "goal", "accepted", "refused", "faults")]
        for target in TARGETS.values():
            outcomes = self.of(target)
            faults = sum(n for outcome, n in outcomes.items() if is_fault(outcome))
            counts = (outcomes.total(), target.goal, outcomes["accepted"], outcomes["refused"])
            if outcomes:
                rows.append(table_row([target.name, *(f"{n:,}" for n in (*counts, faults))]))
        return "\n".join(rows)


def commit() -> str:
    """The commit of the checkout, with `-dirty` behind it if files were changed."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=12"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
