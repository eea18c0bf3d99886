"""By which rule AV1 should take the place of latents: BD-rates against latents alone.

    python -m benchmarks.research.av1_rules PICTURES [PICTURES ...] --store FILE

Pictures (files, or folders of PNG) are held out of training; of those above a megapixel the middle
is taken. Each is coded as latents at eight settings and by AV1 at 19 qualities (speed 6, a
slower one counts as 3 % fewer bytes). FILE keeps what was measured, so that a run goes on where
another ended. The rules say at each setting which of the two is taken:

squared error   AV1 of least cost, bits + lambda * squared error, if that is below that of latents
both errors     AV1 whose mean of both errors, relative to those of latents, is at most 1, if it
                takes fewer bytes (`tccodec/coding/block_coder.py:Errors`)

and the same if AV1 has to take less than nine tenths of the cost or of the bytes.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import table_head, table_row
from tccodec.coding.block_coder import TRIAL_SPEED, Errors
from tccodec.coding.drawn import clean_share
from tccodec.coding.neural import NeuralCodec
from tccodec.container import Setting
from tccodec.files.lines import append_line, drop_unfinished_line, read_lines
from tccodec.metrics import picture_metric
from tccodec.metrics.bd import bd_rate
from tccodec.model.registry import find_model
from tccodec.picture import Picture, av1, looks_drawn, read_picture

SETTINGS = range(100, 801, 100)
QUALITIES = (0, 6, 12, 18, 24, 30, *range(35, 96, 5))
SIDE = 896  # of the middle, pixels
SLOWER = 0.97  # bytes at a slower speed, relative
RULES = ("squared error", "both errors")
Row = dict[str, Any]
Values = np.ndarray[Any, np.dtype[np.float64]]


def measured(core: NeuralCodec, path: Path, picture: Picture) -> Row:
    """What latents and AV1 take and show: bits, squared and structural error, SSIMULACRA2."""
    metric, rgb = picture_metric("ssimulacra2"), picture.rgb
    height, width = rgb.shape[:2]
    if height * width > 1_000_000:
        top, left = max(0, (height - SIDE) // 2), max(0, (width - SIDE) // 2)
        rgb = np.ascontiguousarray(rgb[top : top + SIDE, left : left + SIDE])
        height, width = rgb.shape[:2]

    def scores(shown: Any) -> tuple[int, float, float | None]:
        errors = Errors.of(shown, rgb)
        return errors.squared, errors.structural, metric.score(rgb, shown, metric.prepare(rgb))

    latents, others = [], []
    for setting in SETTINGS:
        coded = core.encode(rgb, Setting(setting))
        bits = 8 * sum(len(payload) for payload in coded.payloads)
        latents.append((setting, core.cfg.lam(setting), bits, *scores(core.decode(coded))))
    for quality in QUALITIES:
        file = av1.encode(rgb, quality=quality, speed=TRIAL_SPEED, grey=picture.grey)
        shown = av1.decode(file, width=width, height=height)
        others.append((quality, 8 * len(file), *scores(shown)))
    share = clean_share(rgb)
    return {"path": str(path), "px": height * width, "clean": share, "lat": latents, "av1": others}


def chosen(row: Row, rule: str, below: float) -> tuple[list[tuple[float, float, float]], float]:
    """Bits, squared error and score at each setting by a rule, and the share that is AV1."""
    quality, bits, squared, structural, score = np.array(row["av1"]).T
    fine = np.arange(quality[0], quality[-1] + 1)
    bits, squared, structural = (
        np.exp(np.interp(fine, quality, np.log(values))) for values in (bits, squared, structural)
    )
    bits, score = SLOWER * bits, np.interp(fine, quality, score)
    points, used = [], 0
    for _, lam, bits_then, squared_then, structural_then, score_then in row["lat"]:
        if rule == "squared error":
            cost = bits + lam * squared / 3
            at = int(cost.argmin())
            better = cost[at] < below * (bits_then + lam * squared_then / 3)
        else:
            good = squared / squared_then + structural / structural_then <= 2
            at = int(good.argmax())
            better = good[at] and bits[at] < below * bits_then
        used += bool(better)
        as_av1 = float(bits[at]), float(squared[at]), float(score[at])
        points.append(as_av1 if better else (bits_then, squared_then, score_then))
    return points, used / len(points)


def rates(row: Row, points: list[tuple[float, float, float]]) -> tuple[float, float]:
    """BD-rates against latents alone by PSNR and by SSIMULACRA2, per cent."""
    alone = [(bits, squared, score) for _, _, bits, squared, _, score in row["lat"]]
    by_psnr, by_score = [], []
    for way in (alone, points):
        by_psnr += [[p[0] for p in way], [-10 * math.log10(p[1]) for p in way]]
        by_score += [[p[0] for p in way], [p[2] for p in way]]
    return bd_rate(*by_psnr).value, bd_rate(*by_score).value


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--store", type=Path, required=True)
    args = parser.parse_args()
    drop_unfinished_line(args.store)
    rows = list(read_lines(args.store))
    seen = {row["path"] for row in rows}
    core = NeuralCodec.load(find_model("tcae-s").folder)
    paths = [p for a in args.pictures for p in (sorted(a.glob("*.png")) if a.is_dir() else [a])]
    for path in paths:
        picture = read_picture(path)
        if str(path) in seen or looks_drawn(picture.rgb):
            continue
        rows.append(measured(core, path, picture))
        append_line(args.store, rows[-1])
    titles = ["clean edges", "pictures", "rule", "AV1 below", "is AV1, %", "PSNR", "worst"]
    print(table_head(*titles, "SSIMULACRA2", "worst"))
    for title, many in (("few", False), ("some or many", True)):
        kept = [row for row in rows if (row["clean"] >= 0.12) == many]
        for rule in RULES:
            for below in (1.0, 0.9):
                ways = [chosen(row, rule, below) for row in kept]
                values = np.array([rates(row, way[0]) for row, way in zip(kept, ways, strict=True)])
                share = 100 * np.mean([way[1] for way in ways])
                cells = [
                    f"{v:+.1f}"
                    for k in (0, 1)
                    for v in (np.nanmean(values[:, k]), np.nanmax(values[:, k]))
                ]
                print(table_row([title, len(kept), rule, below, f"{share:.0f}", *cells]))


if __name__ == "__main__":
    main()
