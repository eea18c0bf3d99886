"""What each quality gives on Kodak, from the points that `benchmarks/kodak.py` stored.

python benchmarks/quality.py runs/kodak --write docs/guide/quality.md
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
from kodak import replace

COLUMNS = ("bpp", "psnr", "ssimulacra2")


def main() -> None:
    """Print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path, help="--out of benchmarks/kodak.py")
    parser.add_argument("--model", default="tcae-s")
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    rows = defaultdict(list)
    with (args.report / "results.csv").open(newline="", encoding="utf-8") as f:
        for row in csv.DictReader(f):
            if row["codec"] == args.model:
                rows[float(row["quality"])].append([float(row[c]) for c in COLUMNS])
    lines = ["| quality | bpp | PSNR, dB | SSIMULACRA2 | its range |", "| --- |" + " --- |" * 4]
    for quality in sorted(rows):
        values = np.array(rows[quality])
        bpp, psnr, score = values.mean(0)
        span = f"{values[:, 2].min():.0f} to {values[:, 2].max():.0f}"
        lines.append(f"| {quality:g} | {bpp:.3f} | {psnr:.2f} | {score:.1f} | {span} |")
    text = "\n".join(lines)
    if args.write:
        replace(args.write, text, "quality")
    print(text)


if __name__ == "__main__":
    main()
