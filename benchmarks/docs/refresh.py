"""The figures of the docs from the released weights: the other benchmarks, their tables pasted.

    python -m benchmarks.docs.refresh KODAK --backbones DIR --kinds KINDS [--only kodak speed ...]

KODAK is a folder with the 24 pictures, DIR that of docs/reference/report.md, KINDS what
`benchmarks.docs.kinds make` made. Takes two hours on two cores; the reports are stored in --out and
in KINDS, and resumed from there. Not among them are `benchmarks.docs.machines`, which needs other
versions of Python and torch, and `benchmarks.docs.products`, which needs a CPU without VNNI.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.common import ROOT, paste

DOCS = ROOT / "docs"
IMAGES = DOCS / "images"


def run(*arguments: str | Path) -> str:
    """Standard output of a benchmark; its messages go through."""
    name, *rest = map(str, arguments)
    print(f"{name} {' '.join(rest)}", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", f"benchmarks.docs.{name}", *rest]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def table_of(text: str) -> str:
    """From the first line of a table on."""
    lines = text.splitlines()
    return "\n".join(lines[next(i for i, line in enumerate(lines) if line.startswith("|")) :])


def without(table: str, column: int) -> str:
    """A table less one column."""
    rows = [line.split("|") for line in table.splitlines()]
    return "\n".join("|".join(r[: column + 1] + r[column + 2 :]) for r in rows)


def main() -> None:
    """Run them in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kodak", type=Path)
    parser.add_argument("--backbones", type=Path, required=True)
    parser.add_argument("--kinds", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=ROOT / "runs")
    parser.add_argument("--only", nargs="*")
    args = parser.parse_args()
    kodak, out = args.kodak.resolve(), args.out.resolve()
    pictures = sorted(kodak.glob("*.png"))

    def paste_table(page: str, name: str, *more: str | Path) -> None:
        paste(DOCS / page, run(name, *more), name)

    def kodak_tables() -> None:
        cards = [ROOT / "README.md", ROOT / "models" / "tcae-s" / "README.md"]
        run("kodak", kodak, "--out", out / "kodak", "--write", *cards)
        run("quality", out / "kodak", "--write", DOCS / "guide" / "quality.md")

    def realism() -> None:
        more = ("--backbones", args.backbones.resolve(), "--out", out / "realism-kodak")
        run("realism", kodak, *more, "--write", DOCS / "guide" / "realism.md")
        run("realism", kodak, "--sheet", IMAGES / "realism.jpg")

    def effort() -> None:
        efforts = run("effort", kodak, "--efforts", "1,2,3,4", "--limit", "4")
        paste(DOCS / "guide" / "effort.md", table_of(efforts), "effort")
        long = run("effort", kodak, "--efforts", "5,6,7", "--limit", "2")
        paste(DOCS / "guide" / "effort.md", table_of(long), "long")
        tunes = ("--tunes", "psnr", "visual", "ssim")
        table = run("effort", kodak, "--efforts", "2,3", *tunes, "--limit", "2")
        paste(DOCS / "guide" / "effort.md", without(table_of(table), 5), "tune")

    def failures() -> None:
        page = DOCS / "guide" / "failures.md"
        run("kinds", "report", args.kinds.resolve(), "--write", page)
        run("kinds", "sheet", args.kinds.resolve(), "-o", IMAGES / "failures.jpg")
        run("icons", "--write", DOCS / "guide" / "screens.md")

    def report_scale() -> None:
        table = run("report_scale", "--pictures", "30", "120")
        paste(DOCS / "reference" / "report.md", table, "report-scale")

    steps: dict[str, Callable[[], object]] = {
        "kodak": kodak_tables,
        "realism": realism,
        "failures": failures,
        "showcase": lambda: run("showcase", "-o", IMAGES / "showcase.jpg"),
        "layers": lambda: paste_table("guide/performance.md", "layers"),
        "speed": lambda: paste_table("guide/performance.md", "speed"),
        "coder": lambda: run("coder", kodak / "kodim05.png", kodak / "kodim23.png", "--write"),
        "parts": lambda: paste_table("guide/performance.md", "parts", *pictures[::4]),
        "effort": effort,
        "viewer": lambda: run("viewer", "-o", IMAGES / "report.jpg"),
        "view": lambda: run("view", "-o", IMAGES / "view.jpg"),
        "web": lambda: run("web", "--write"),
        "portable": lambda: run("portable", "--write"),
        "by_quality": lambda: run("by_quality", "--write"),
        "big": lambda: paste_table("guide/performance.md", "big"),
        "cluster": lambda: run("cluster", "--write"),
        "folders": lambda: paste_table("guide/archive.md", "folders"),
        "limits": lambda: run("limits", "--write", DOCS / "security.md"),
        "load": lambda: run("load", "--minutes", "6", "--write"),
        "report_scale": report_scale,
    }
    for name in args.only or steps:
        steps[name]()


if __name__ == "__main__":
    main()
