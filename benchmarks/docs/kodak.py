"""Kodak table: tccodec beside JPEG, WebP and AVIF at equal rates, from real files.

    python -m benchmarks.docs.kodak KODAK --out runs/kodak --write README.md models/tcae-s/README.md

KODAK is a folder with the 24 pictures. Points lie in OUT (a `tccodec report` store), so that a
second call computes only what is missing. `--write` replaces what stands between
`<!-- kodak -->` and `<!-- /kodak -->` in each file; without it the table goes to stdout.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import Column, Curve, paste, scores_at, table_head, table_row
from tccodec.metrics.bd import bd_rate
from tccodec.report import run

METRICS = {
    "psnr": Column("PSNR, dB", 2),
    "ms-ssim": Column("MS-SSIM", 4),
    "ssimulacra2": Column("SSIMULACRA2", 1),
    "lpips": Column("LPIPS", 3),
}
# Bits per pixel between which the BD-rate by a metric is taken.
WINDOWS = {
    "psnr": (0.08, 0.8),
    "ms-ssim": (0.05, 0.5),
    "ssimulacra2": (0.1, 0.8),
    "lpips": (0.08, 0.8),
}
RATES = (0.1, 0.3, 1.0)
QUALITIES = (
    "jpeg=5,8,11,15,20,30,40,50,60,70,80,90,95;webp=0,2,5,10,20,30,40,50,60,70,80,90,95;"
    "avif=5,10,15,20,25,30,35,40,45,50,55,60,65,70,80"
)
MODEL_QUALITIES = "5,10,15,20,25,30,35,40,45,50,55,60,65,70,80,90,100"
Record = dict[str, Any]


def means(records: Sequence[Record], codec: str, key: str) -> Curve:
    """(bpp, mean score) per setting."""
    settings = sorted({r["quality"] for r in records if r["codec"] == codec})
    rows = [[r for r in records if r["codec"] == codec and r["quality"] == q] for q in settings]
    return [(mean(r, "bpp"), mean(r, key)) for r in rows]


def mean(rows: Sequence[Record], key: str) -> float:
    """Mean of a column."""
    return float(np.mean([r[key] for r in rows]))


def bd(anchor: Curve, curve: Curve, window: tuple[float, float], *, decibels: bool) -> float:
    """BD-rate in per cent over the scores that `anchor` has at the rates of `window`.

    `decibels`: the score is an index up to 1 and is compared as -10 log10(1 - score).
    """
    sign = 1.0 if curve[-1][1] > curve[0][1] else -1.0

    def values(points: Curve) -> list[float]:
        scores = [score for _, score in points]
        return [-10 * math.log10(1 - s) if decibels else sign * s for s in scores]

    rates, others = ([rate for rate, _ in points] for points in (anchor, curve))
    return bd_rate(rates, values(anchor), others, values(curve), window=window).value


def tables(records: Sequence[Record], codecs: Sequence[str]) -> str:
    """Two Markdown tables: scores at equal rates, and BD-rates against AVIF."""
    lines = [scores_at(RATES, codecs, METRICS, lambda codec, key: means(records, codec, key))]
    heads = [
        f"{metric.title.split(',')[0]}, {WINDOWS[key][0]}-{WINDOWS[key][1]} bpp"
        for key, metric in METRICS.items()
    ]
    lines += ["", "BD-rate against AVIF, per cent (negative: fewer bytes at equal score):", ""]
    lines += [table_head("codec", *heads)]
    for codec in codecs:
        if codec == "avif":
            continue
        cells = []
        for key, window in WINDOWS.items():
            anchor, curve = (means(records, c, key) for c in ("avif", codec))
            cells.append(f"{bd(anchor, curve, window, decibels=key == 'ms-ssim'):+.1f}")
        lines.append(table_row([codec, *cells]))
    for codec in codecs:
        rows = [r for r in records if r["codec"] == codec and r["quality"] == 100]
        if rows:
            lines += [
                "",
                f"{codec} at quality 100: {mean(rows, 'bpp'):.2f} bpp, "
                f"{mean(rows, 'psnr'):.2f} dB; at its lowest quality here: "
                f"{means(records, codec, 'psnr')[0][0]:.3f} bpp.",
            ]
    return "\n".join(lines)


def main() -> None:
    """Run, print or write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kodak", type=Path)
    parser.add_argument("--out", type=Path, help="folder of the report, resumed if it exists")
    parser.add_argument("--model", nargs="+", default=["tcae-s"], help="models, by name or folder")
    parser.add_argument("--write", type=Path, nargs="*", default=[])
    args = parser.parse_args()
    names = [Path(m).name for m in args.model]
    report = run(
        args.kodak,
        args.out,
        codecs=[*args.model, "jpeg", "webp", "avif"],
        qualities=";".join([QUALITIES, *(f"{n}={MODEL_QUALITIES}" for n in names)]),
        metrics=list(METRICS),
        show=0,
    )
    codecs = list(dict.fromkeys(r["codec"] for r in report.records))
    text = tables(report.records, codecs)
    for path in args.write:
        paste(path, text, "kodak")
    print(text)


if __name__ == "__main__":
    main()
