"""Kodak's BD-rate against the gigapixels that a model has seen, and where that leads.

    python -m benchmarks.research.scaling [--at 50] [--at 100] [--target -8]

Reads the table of docs/research/training-log.md. A run's gigapixels are its own and those of the
runs that it began from. Each family, the models with one shape of latents, gets the line of least
squares through its runs, over the logarithm of gigapixels.
"""

from __future__ import annotations

import argparse
import re
from typing import NamedTuple

import numpy as np

from benchmarks.common import ROOT, table_head, table_row

LOG = ROOT / "docs" / "research" / "training-log.md"
FAMILIES = {"latents of 16 x 16 pixels": range(2, 11), "latents of quadrants": range(11, 20)}
RESCORED = -1.6  # points: what the present range of scores adds to those up to run 29


class Run(NamedTuple):
    """A row of the log; BD-rate in per cent, where one is stated."""

    number: int
    gigapixels: float
    start: int | None
    bd_rate: float | None


def first(pattern: str, text: str) -> str | None:
    """What the first group matches."""
    found = re.search(pattern, text)
    return found[1] if found else None


def read(text: str) -> dict[int, Run]:
    """The runs of the log's first table, by number."""
    runs = {}
    for line in text.splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if len(cells) != 8 or not cells[0].isdigit():
            continue
        start = first(r"from (?:the \w+ weights of |0\.\d of )?(\d+)\b", cells[5])
        rate = first(r"^([+-]\d+(?:\.\d)?) %", cells[6])
        number, seen = int(cells[0]), first(r"^(\d+(?:\.\d+)?)", cells[4])
        assert seen is not None, line
        runs[number] = Run(
            number, float(seen), int(start) if start else None, float(rate) if rate else None
        )
    return runs


def seen(runs: dict[int, Run], number: int) -> float:
    """Gigapixels of a run and of all that it began from."""
    run = runs[number]
    return run.gigapixels + (seen(runs, run.start) if run.start else 0)


class Line(NamedTuple):
    """`bd_rate = level + slope * log2(gigapixels)`; `spread` is the largest distance of a run."""

    level: float
    slope: float
    spread: float

    def at(self, gigapixels: float) -> float:
        """BD-rate, per cent."""
        return self.level + self.slope * float(np.log2(gigapixels))

    def reaches(self, bd_rate: float) -> float:
        """Gigapixels."""
        return float(2 ** ((bd_rate - self.level) / self.slope))


def fit(points: list[tuple[float, float]]) -> Line:
    """Of least squares, through gigapixels and BD-rates."""
    x, y = np.log2([p[0] for p in points]), np.array([p[1] for p in points])
    slope, level = np.polyfit(x, y, 1)
    return Line(float(level), float(slope), float(np.abs(y - level - slope * x).max()))


def main() -> None:
    """Two tables to stdout: the runs, and the lines through them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--at", type=float, action="append", help="gigapixels (50 and 100)")
    parser.add_argument("--target", type=float, default=-8.0, help="BD-rate, per cent")
    args = parser.parse_args()
    at = args.at or [50.0, 100.0]
    runs = read(LOG.read_text("utf-8"))
    lines = []
    print(table_head("family", "run", "gigapixels seen", "BD-rate"))
    for family, numbers in FAMILIES.items():
        points = []
        for number in numbers:
            run = runs.get(number)
            if run and run.bd_rate is not None:
                points.append((seen(runs, number), run.bd_rate + RESCORED))
                print(
                    table_row(
                        [family, str(number), f"{points[-1][0]:.1f}", f"{points[-1][1]:+.1f} %"]
                    )
                )
        lines.append((family, fit(points)))
    print()
    head = [f"at {g:g} gigapixels" for g in at]
    print(table_head("family", "per doubling", "farthest run", *head, f"{args.target:+g} % at"))
    for family, line in lines:
        cells = [f"{line.slope:+.1f}", f"{line.spread:.1f}", *(f"{line.at(g):+.1f} %" for g in at)]
        print(table_row([family, *cells, f"{line.reaches(args.target):.0f} gigapixels"]))


if __name__ == "__main__":
    main()
