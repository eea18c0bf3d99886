"""Trains and measures the rows of configs/paper, and makes the tables of docs/paper.md from them.

    python -m benchmarks.research.paper run ROW --data PHOTOS [--seed 1] [--parts ...] [--out DIR]
    python -m benchmarks.research.paper tables [--write docs/paper.md] [--out DIR]
    python -m benchmarks.research.paper costs
    python -m benchmarks.research.paper times [--write docs/paper.md]

`run` goes on where an earlier one stopped: a part that DIR/ROW-SEED.json has is not repeated, and
an interrupted training is resumed. DIR is `results` beside this file, which has what the page
shows; what is in DIR/runs is not kept. `--small` proves in a minute that a row works, and says
nothing; its results go to DIR/runs/small.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.common import paste, table_head, table_row
from benchmarks.research.paper import pictures
from benchmarks.research.paper.row import FULL, PARTS, RESULTS, ROWS, SMALL, Row, run
from benchmarks.research.paper.tables import load, pages
from benchmarks.research.paper.times import times
from tccodec.model.complexity import complexity
from tccodec.training.config import load_config


def costs() -> str:
    """Thousands of multiply-accumulates per pixel of each row, and parameters of its transforms."""
    lines = [table_head("row", "encoder", "decoder", "both", "million parameters in all")]
    for name, path in ROWS.items():
        cost = complexity(load_config(path)[0])
        parts = (cost.encoder_kmac, cost.decoder_kmac, cost.encoder_kmac + cost.decoder_kmac)
        cells = [f"{part:.2f}" for part in parts]
        lines.append(table_row([name, *cells, f"{cost.parameters / 1e6:.2f}"]))
    return "\n".join(lines)


def main() -> None:
    """One of the commands."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run")
    running.add_argument("row", choices=list(ROWS))
    running.add_argument("--data", type=Path, action="append", required=True)
    running.add_argument("--out", type=Path, default=RESULTS)
    running.add_argument("--seed", type=int, default=1)
    running.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    running.add_argument("--backbones", type=Path, help="folder of EfficientNet-Lite's weights")
    running.add_argument("--small", action="store_true")
    made = commands.add_parser("tables")
    made.add_argument("--out", type=Path, default=RESULTS)
    made.add_argument("--write", type=Path, help="page with marks")
    commands.add_parser("costs")
    timed = commands.add_parser("times")
    timed.add_argument("--write", type=Path, help="page with marks")
    args = parser.parse_args()
    if args.command == "costs":
        print(costs())
    elif args.command == "times":
        table = times()
        print(table)
        if args.write:
            paste(args.write, table, "times")
    elif args.command == "run":
        size, out = (SMALL, args.out / "runs" / "small") if args.small else (FULL, args.out)
        run(Row(args.row, args.seed, args.data, out, size, args.backbones), args.parts)
    else:
        texts = {"costs": costs(), **pages(args.out)}
        for text in texts.values():
            print(f"{text}\n")
        if args.write:
            shown = pictures.write(load(args.out), args.out, args.write.parent / "images")
            texts["generation"] = "\n\n".join(filter(None, (texts["generation"], shown)))
            for mark, text in texts.items():
                paste(args.write, text, mark)


if __name__ == "__main__":
    main()
