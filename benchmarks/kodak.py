"""Kodak table: tccodec beside JPEG, WebP and AVIF at equal rates, from real files.

    python benchmarks/kodak.py KODAK --out runs/kodak --write README.md models/tcae-s/README.md

KODAK is a folder with the 24 pictures. Points lie in OUT (a `tccodec report` store), so that a
second call computes only what is missing. `--write` replaces what stands between
`<!-- kodak -->` and `<!-- /kodak -->` in each file; without it the table goes to stdout.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tccodec.metrics.bd import PiecewiseCubic, bd_rate, frontier
from tccodec.report import run

# Metric, its column, decimals, and the rates over which its BD-rate is taken.
METRICS = {
    "psnr": ("PSNR, dB", 2, (0.08, 0.8)),
    "ms-ssim": ("MS-SSIM", 4, (0.05, 0.5)),
    "ssimulacra2": ("SSIMULACRA2", 1, (0.1, 0.8)),
    "lpips": ("LPIPS", 3, (0.08, 0.8)),
}
RATES = (0.1, 0.3, 1.0)
QUALITIES = (
    "jpeg=5,8,11,15,20,30,40,50,60,70,80,90,95;webp=0,2,5,10,20,30,40,50,60,70,80,90,95;"
    "avif=5,10,15,20,25,30,35,40,45,50,55,60,65,70,80"
)
MODEL_QUALITIES = "5,10,15,20,25,30,35,40,45,50,55,60,65,70,80,90,100"
Curve = list[tuple[float, float]]


def means(records: Sequence[dict], codec: str, key: str) -> Curve:
    """(bpp, mean score) per setting."""
    settings = sorted({r["quality"] for r in records if r["codec"] == codec})
    rows = [[r for r in records if r["codec"] == codec and r["quality"] == q] for q in settings]
    return [(mean(r, "bpp"), mean(r, key)) for r in rows]


def mean(rows: Sequence[dict], key: str) -> float:
    """Mean of a column."""
    return float(np.mean([r[key] for r in rows]))


def at_rate(curve: Curve, rate: float) -> float:
    """Score at `rate` bpp, PCHIP over the logarithm of the rate; NaN outside the curve."""
    sign = 1.0 if curve[-1][1] > curve[0][1] else -1.0
    r, q = frontier([c[0] for c in curve], [sign * c[1] for c in curve])
    return sign * float(PiecewiseCubic(np.log10(r), q, "pchip")(np.log10(rate)))


def bd(anchor: Curve, curve: Curve, window: tuple[float, float], *, decibels: bool) -> float:
    """BD-rate in per cent, over the points inside `window` widened by a quarter.

    `decibels`: the score is an index up to 1 and is compared as -10 log10(1 - score).
    """
    low, high = window[0] / 1.25, window[1] * 1.25
    sign = 1.0 if curve[-1][1] > curve[0][1] else -1.0
    sides = []
    for points in (anchor, curve):
        kept = [(r, sign * s) for r, s in points if low <= r <= high]
        sides += [[r for r, _ in kept], [s for _, s in kept]]
    if decibels:
        sides[1::2] = [[-10 * np.log10(1 - s) for s in side] for side in sides[1::2]]
    return bd_rate(*sides).value


def scores_at(
    rates: Sequence[float],
    codecs: Sequence[str],
    metrics: Mapping[str, tuple],
    curve: Callable[[str, str], Curve],
) -> list[str]:
    """Markdown lines: each codec's scores at each rate.

    `metrics` begin with title and decimals; `curve` takes codec and metric.
    """
    lines = [
        "| bits per pixel | codec | " + " | ".join(m[0] for m in metrics.values()) + " |",
        "| --- | --- |" + " --- |" * len(metrics),
    ]
    for rate in rates:
        for codec in codecs:
            scores = [at_rate(curve(codec, key), rate) for key in metrics]
            cells = [
                "below its range" if np.isnan(s) else f"{s:.{m[1]}f}"
                for s, m in zip(scores, metrics.values(), strict=True)
            ]
            lines.append(f"| {rate:g} | {codec} | " + " | ".join(cells) + " |")
    return lines


def tables(records: Sequence[dict], codecs: Sequence[str]) -> str:
    """Two Markdown tables: scores at equal rates, and BD-rates against AVIF."""
    lines = scores_at(RATES, codecs, METRICS, lambda codec, key: means(records, codec, key))
    heads = [f"{m[0].split(',')[0]}, {m[2][0]}-{m[2][1]} bpp" for m in METRICS.values()]
    lines += ["", "BD-rate against AVIF, per cent (negative: fewer bytes at equal score):", ""]
    lines += ["| codec | " + " | ".join(heads) + " |", "| --- |" + " --- |" * len(METRICS)]
    for codec in codecs:
        if codec == "avif":
            continue
        cells = []
        for key, (_, _, window) in METRICS.items():
            curves = [means(records, c, key) for c in ("avif", codec)]
            cells.append(f"{bd(*curves, window, decibels=key == 'ms-ssim'):+.1f}")
        lines.append(f"| {codec} | " + " | ".join(cells) + " |")
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


def replace(path: Path, text: str, mark: str = "kodak") -> None:
    """Put `text` between the markers in `path`."""
    old = path.read_text("utf-8")
    head, found, rest = old.partition(f"<!-- {mark} -->")
    _, closed, tail = rest.partition(f"<!-- /{mark} -->")
    if not (found and closed):
        sys.exit(f"{path} has no <!-- {mark} --> ... <!-- /{mark} -->")
    path.write_text(f"{head}{found}\n\n{text}\n\n{closed}{tail}", "utf-8")


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
        replace(path, text)
    print(text)


if __name__ == "__main__":
    main()
