"""What each quality gives on Kodak, from the points that `kodak.py` stored.

    python -m benchmarks.docs.quality runs/kodak --write docs/guide/quality.md

Without `--write` the table goes to stdout alone.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks.common import paste, table_head, table_row

COLUMNS = ("bpp", "psnr", "ssimulacra2")


def main() -> None:
    """Print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path, help="--out of benchmarks.docs.kodak")
    parser.add_argument("--model", default="tcae-s")
    parser.add_argument("--write", type=Path)
    args = parser.parse_args()
    rows: dict[float, list[list[float]]] = defaultdict(list)
    with (args.report / "results.csv").open(newline="", encoding="utf-8") as f:
        for point in csv.DictReader(f):
            if point["codec"] == args.model:
                rows[float(point["quality"])].append([float(point[c]) for c in COLUMNS])
    lines = [table_head("quality", "bpp", "PSNR, dB", "SSIMULACRA2", "its range")]
    for quality in sorted(rows):
        values = np.array(rows[quality])
        bpp, psnr, score = values.mean(0)
        span = f"{values[:, 2].min():.0f} to {values[:, 2].max():.0f}"
        lines.append(table_row([f"{quality:g}", f"{bpp:.3f}", f"{psnr:.2f}", f"{score:.1f}", span]))
    text = "\n".join(lines)
    if args.write:
        paste(args.write, text, "quality")
    print(text)


if __name__ == "__main__":
    main()
