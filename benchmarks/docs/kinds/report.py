"""BD-rates of single pictures by kind, as Markdown tables."""

from __future__ import annotations

import math
import sys
import time
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from benchmarks.common import table_head, table_row
from benchmarks.docs.kinds import KINDS
from benchmarks.docs.kinds.measure import (
    EXACT,
    PSNR,
    SCORES,
    WINDOW,
    Options,
    Point,
    Task,
    anchor_key,
    own_key,
    peer_of,
    run,
)
from tccodec.metrics.bd import bd_rate
from tccodec.report.work.store import Store

# PSNR counts up to here, in dB: what lies above is not seen.
CEILING = 50.0


class Result:
    """One picture coded in one way: its BD-rates in per cent, and whether PSNR falls short.

    It falls short if no quality reaches the PSNR that the anchor has at the end of WINDOW. The
    BD-rate then speaks of the scores that both reach.
    """

    def __init__(self, picture: Path, anchor: Sequence[Point], own: Sequence[Point]) -> None:
        self.kind, self.name = picture.parent.name, picture.stem
        self.rates: dict[str, float] = {}
        self.short = False
        for name in own[0].keys() & SCORES.keys():
            rates, scores = stepped(own, name, floor=min(p[name] for p in anchor))
            delta = bd_rate(*stepped(anchor, name), rates, scores, window=WINDOW, method="pchip")
            self.rates[name] = math.inf if math.isnan(delta.value) else delta.value
            if name == PSNR:
                full = delta.overlap > 0.999 or delta.high < max(scores)
                self.short = not full


def stepped(
    points: Sequence[Point], name: str, floor: float = math.inf
) -> tuple[list[float], list[float]]:
    """Rates and scores of a curve, for interpolation.

    A lossless file is not a point on the way from the lossy ones: whoever wants a little more than
    the best lossy file pays for all of it. So a point is set at its rate, just above that file.
    And whoever wants less than the first file gives, down to `floor`, pays for all of that.
    """
    rates: list[float] = []
    scores: list[float] = []
    if points[0][name] > floor:
        rates.append(points[0]["bpp"] * 0.9998)
        scores.append(floor)
    for point in points:
        score = min(point[name], CEILING) if name == PSNR else point[name]
        if point[PSNR] == EXACT and scores:
            rates.append(point["bpp"] * 0.9999)
            scores.append(max(scores) + 0.001)
        rates.append(point["bpp"])
        scores.append(score)
    return rates, scores


def parse_way(text: str) -> Options:
    """`lossy=true,effort=3` as keyword arguments; the values are TOML's."""
    try:
        return tomllib.loads(text.replace(",", "\n"))
    except tomllib.TOMLDecodeError as error:
        sys.exit(f"--way {text!r}: use settings such as lossy=true,effort=3 ({error})")


def measure(
    folder: Path,
    kinds: Sequence[str],
    *,
    model: str,
    ways: Sequence[str],
    anchor: str,
    scores: Iterable[str],
    jobs: int,
    limit: int | None = None,
) -> dict[str, list[Result]]:
    """Results of every picture under `folder`, or of `limit` of each kind, by way of coding."""
    pictures = chosen(folder, kinds, limit)
    if not pictures:
        sys.exit(f"no picture of these kinds in {folder}: make them first")
    start = time.monotonic()
    results: dict[str, list[Result]] = {}
    with Store(folder / "store") as store:
        every = dict.fromkeys(SCORES, math.inf)
        tasks = [Task(p, anchor, None, anchor_key(p, peer_of(anchor)), every) for p in pictures]
        curves = {task.picture: points for task, points in run(store, tasks, jobs)}
        progress(anchor, start)
        for way in ways:
            options = parse_way(way)
            tasks = []
            for picture in pictures:
                goal = goal_of(curves[picture], scores)
                key = own_key(picture, model, options, goal)
                tasks.append(Task(picture, model, options, key, goal))
            points_of = {task.picture: points for task, points in run(store, tasks, jobs)}
            results[way] = [Result(p, curves[p], points_of[p]) for p in pictures]
            progress(f"{model} {way}".strip(), start)
    return results


def chosen(folder: Path, kinds: Sequence[str], limit: int | None) -> list[Path]:
    """The pictures of `kinds`, or of all kinds: every one, or `limit` of each, evenly taken."""
    pictures: list[Path] = []
    for kind in sorted(folder.iterdir()):
        every = sorted(kind.glob("*.png")) if not kinds or kind.name in kinds else []
        count = min(limit or len(every), len(every))
        pictures += [every[i * len(every) // count] for i in range(count)]
    return pictures


def goal_of(anchor: Sequence[Point], scores: Iterable[str]) -> dict[str, float]:
    """Scores above which a curve is not compared."""
    tops = {name: max(p[name] for p in anchor) for name in scores}
    return {name: min(top, CEILING) if name == PSNR else top for name, top in tops.items()}


def progress(text: str, start: float) -> None:
    """A line on stderr: what is measured, and seconds since the start."""
    print(f"{text} measured, {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)


def table(results: dict[str, list[Result]]) -> str:
    """By kind and way: median, worst and number ahead, by each score."""
    scores = scores_of(results)
    heads = [f"{SCORES[n]} {what}" for n in scores for what in ("median", "worst", "ahead")]
    options = ["options"] if len(results) > 1 else []
    lines = [table_head("kind", *options, "pictures", *heads, "PSNR out of reach")]
    kinds = dict.fromkeys(r.kind for rows in results.values() for r in rows)
    for kind in kinds:
        for way, every in results.items():
            rows = [r for r in every if r.kind == kind]
            cells: list[object] = [KINDS.get(kind, kind), len(rows)]
            if options:
                cells.insert(1, way or "none")
            for name in scores:
                rates = [r.rates[name] for r in rows]
                ahead = sum(rate < 0 for rate in rates)
                cells += [percent(float(np.median(rates))), percent(max(rates)), ahead]
            lines.append(table_row([*cells, sum(r.short for r in rows)]))
    return "\n".join(lines)


def scores_of(results: dict[str, list[Result]]) -> list[str]:
    """The scores that were measured."""
    first = next(iter(results.values()))[0]
    return [name for name in SCORES if name in first.rates]


def pictures_table(results: dict[str, list[Result]]) -> str:
    """Every picture's BD-rates; a star where the anchor's PSNR is out of reach."""
    ways = list(results)
    scores = scores_of(results)
    heads = [f"{SCORES[n]} {way}".strip() for way in ways for n in scores]
    lines = [table_head("kind", "picture", *heads)]
    for rows in zip(*results.values(), strict=True):
        cells = [
            percent(r.rates[n]) + ("*" if r.short and n == PSNR else "")
            for r in rows
            for n in scores
        ]
        lines.append(table_row([rows[0].kind, rows[0].name, *cells]))
    return "\n".join(lines)


def percent(rate: float) -> str:
    """A BD-rate in a table."""
    return f"{rate:+.1f}" if math.isfinite(rate) else "no common score"
