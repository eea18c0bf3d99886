"""The tables of docs/paper.md, from stored results. What has not run says so."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import table_head, table_row
from benchmarks.research.paper.row import ROWS
from tccodec.metrics.bd import bd_rate
from tccodec.training.config import load_config

NOT_RUN = "not run"
Result = dict[str, Any]
Results = dict[str, list[Result]]  # row -> results of its seeds
Value = Callable[[Result], float]


def value_at(*path: str) -> Value:
    """A figure of a result; KeyError if its part has not run."""

    def value(result: Result) -> float:
        for key in path:
            result = result[key]
        return float(result)  # type: ignore[arg-type]

    return value


def last_point(name: str) -> Value:
    """A figure of the last point of a generator's training."""
    return lambda result: float(result["generation"]["points"][-1][name])


def loss(kind: str) -> Value:
    """What a probe loses from tokens to latents, in points."""
    return lambda r: float(r["probes"][f"{kind}_tokens"] - r["probes"][f"{kind}_latents"])


FRECHET = value_at("quality", "frechet")
PSNR = value_at("quality", "psnr")
SAMPLES = last_point("frechet")


@dataclass(frozen=True)
class Claim:
    """That a figure falls (or rises) along rows."""

    text: str
    paper: str  # the paper's figures
    what: str  # what ours are
    value: Value
    rows: tuple[str, ...]
    falls: bool = True


CLAIMS = (
    Claim(
        "Two stages reconstruct better than one",
        "rFID 1.33 to 0.75",
        "Frechet distance",
        FRECHET,
        ("p8-one", "p8-two"),
    ),
    Claim(
        "The same with patches of 4 pixels",
        "-",
        "Frechet distance",
        FRECHET,
        ("p4-one", "p4-two"),
    ),
    Claim(
        "With two stages, smaller patches reconstruct better",
        "said, no figure known",
        "Frechet distance",
        FRECHET,
        ("p16-one", "p8-two", "p4-two"),
    ),
    Claim(
        "With one stage, smaller patches do not",
        "said, no figure known",
        "Frechet distance",
        FRECHET,
        ("p16-one", "p8-one", "p4-one"),
        falls=False,
    ),
    Claim(
        "Two stages lose less from tokens to latents: classes",
        "57.6 points to 27.0",
        "points of accuracy lost",
        loss("classes"),
        ("p8-one", "p8-two"),
    ),
    Claim(
        "Two stages lose less from tokens to latents: gradients",
        "-",
        "points of variance lost",
        loss("gradients"),
        ("p8-one", "p8-two"),
    ),
    Claim(
        "With one stage, self-supervision helps reconstruction",
        "rFID 1.33 to 0.90",
        "Frechet distance",
        FRECHET,
        ("p8-one", "p8-one-ssl"),
    ),
    Claim(
        "With two stages, it costs some reconstruction",
        "rFID 0.75 to 0.90",
        "Frechet distance",
        FRECHET,
        ("p8-two", "p8-two-ssl"),
        falls=False,
    ),
    Claim(
        "Two stages make latents easier to generate",
        "gFID 44.7 to 32.9",
        "Frechet distance of samples",
        SAMPLES,
        ("p8-one", "p8-two"),
    ),
    Claim(
        "The same with patches of 4 pixels",
        "-",
        "Frechet distance of samples",
        SAMPLES,
        ("p4-one", "p4-two"),
    ),
    Claim(
        "So does self-supervision, with one stage",
        "gFID 44.7 to 25.4",
        "Frechet distance of samples",
        SAMPLES,
        ("p8-one", "p8-one-ssl"),
    ),
    Claim(
        "So does self-supervision, with two",
        "gFID 32.9 to 16.4",
        "Frechet distance of samples",
        SAMPLES,
        ("p8-two", "p8-two-ssl"),
    ),
    Claim(
        "More latents reconstruct better",
        "said, no figure known",
        "Frechet distance",
        FRECHET,
        ("p8-two-32", "p8-two-64", "p8-two", "p8-two-256"),
    ),
    Claim(
        "256 latents are harder to generate than 128",
        "said, no figure known",
        "Frechet distance of samples",
        SAMPLES,
        ("p8-two", "p8-two-256"),
        falls=False,
    ),
)
#: Claims on the bits at equal PSNR, which the paper does not measure: text, rows.
RATE_CLAIMS = (
    ("With the rate, two stages take fewer bits than one", ("rate-p8-one", "rate-p8-two")),
    ("The same with patches of 4 pixels", ("rate-p4-one", "rate-p4-two")),
    (
        "With the rate and two stages, smaller patches take fewer bits",
        ("rate-p16-one", "rate-p8-two", "rate-p4-two"),
    ),
    ("With the rate, self-supervision takes fewer bits", ("rate-p8-two", "rate-p8-two-ssl")),
)
RATE_BASE = "rate-p8-two"
#: The paper's convergence ratios: text, figure, base, row.
CONVERGENCE = (
    ("Two stages: a generator converges sooner", "2.7 times", "p8-one", "p8-two"),
    ("The same with patches of 4 pixels", "-", "p4-one", "p4-two"),
    ("Two stages and self-supervision", "4.7 times", "p8-one", "p8-two-ssl"),
)


def load(folder: Path) -> Results:
    """Stored results by row, without those of `--small`."""
    results: Results = {name: [] for name in ROWS}
    for path in sorted(folder.glob("*-*.json")):
        result = json.loads(path.read_text("utf-8"))
        if not result["small"] and result["row"] in results:
            results[result["row"]].append(result)
    return results


def values_of(results: Sequence[Result], value: Value) -> list[float]:
    """A figure of each seed for which its part has run."""
    values = []
    for result in results:
        try:
            values.append(value(result))
        except KeyError:
            continue
    return values


def shown(values: Sequence[float], digits: int = 2) -> str:
    """Mean of the seeds, and their range if they differ."""
    if not values:
        return NOT_RUN
    mean, low, high = (f"{v:.{digits}f}" for v in (np.mean(values), min(values), max(values)))
    return mean if low == high else f"{mean} ({low} to {high})"


def minutes(results: Sequence[Result], *path: str, digits: int = 0) -> str:
    """CPU minutes of a part; a dash if the row has run, but not without an interruption."""
    known = values_of(results, value_at(*path))
    return shown(known, digits) if known or not results else "-"


def verdict(steps: Sequence[Sequence[float]], *, falls: bool) -> str:
    """Whether values fall (or rise) from each row to the next by more than their seeds differ.

    One seed does not tell how much they differ, so it decides nothing.
    """
    if not all(steps):
        return NOT_RUN
    signs = []
    for a, b in pairwise(steps):
        low, high = (a, b) if not falls else (b, a)
        signs.append(1 if max(low) < min(high) else -1 if max(high) < min(low) else 0)
    seeds = min(map(len, steps))
    said = f", {seeds} seeds" if seeds > 1 else ", 1 seed"
    if all(sign > 0 for sign in signs):
        return ("holds" if seeds > 1 else "speaks for it") + said
    if all(sign < 0 for sign in signs):
        return ("the opposite" if seeds > 1 else "speaks against it") + said
    if any(sign == 0 for sign in signs):
        return "within the seeds' range" + said
    return ("holds in part" if seeds > 1 else "speaks for it in part") + said


def claims(results: Results) -> str:
    """Claim, the paper's figure, ours, verdict."""
    lines = [table_head("claim", "paper", "ours", "rows", "verdict")]
    for claim in CLAIMS:
        values = [values_of(results[row], claim.value) for row in claim.rows]
        ours = f"{claim.what}: {', '.join(map(shown, values))}" if any(values) else NOT_RUN
        cells = [claim.text, claim.paper, ours, ", ".join(claim.rows)]
        lines.append(table_row([*cells, verdict(values, falls=claim.falls)]))
    deltas = bd_rates(results, "psnr")
    for text, names in RATE_CLAIMS:
        values = [deltas[name] for name in names]
        ran = f"BD-rate, %: {', '.join(shown(v, 1) for v in values)}" if any(values) else NOT_RUN
        lines.append(table_row([text, "-", ran, ", ".join(names), verdict(values, falls=True)]))
    for text, paper, base, row in CONVERGENCE:
        ratios = [
            speed_up(a["generation"]["points"], b["generation"]["points"])
            for a, b in zip(results[base], results[row], strict=False)
            if "generation" in a and "generation" in b
        ]
        ours = f"{shown(ratios, 1)} times" if ratios else NOT_RUN
        said = verdict([[1.0] * len(ratios), ratios], falls=False) if ratios else NOT_RUN
        lines.append(table_row([text, paper, ours, f"{base}, {row}", said]))
    return "\n".join(lines)


def speed_up(base: Sequence[dict[str, float]], other: Sequence[dict[str, float]]) -> float:
    """How many times sooner `other` reaches the last Frechet distance of `base`.

    Between points the distance falls linearly with the logarithm of the steps. A distance that is
    never reached gives a result below one: the ratio of the last distances.
    """
    goal = base[-1]["frechet"]
    before = {"step": 0.0, "frechet": float("inf")}
    for point in other:
        if point["frechet"] <= goal:
            step = point["step"]
            if before["frechet"] < float("inf"):
                share = (before["frechet"] - goal) / (before["frechet"] - point["frechet"])
                step = before["step"] * (point["step"] / before["step"]) ** share
            return float(base[-1]["step"] / step)
        before = point
    return float(goal / other[-1]["frechet"])


def figures(results: Results) -> str:
    """Reconstructions of each autoencoder."""
    lines = [table_head("row", "PSNR, dB", "LPIPS", "Frechet distance", "CPU minutes", "seeds")]
    for name, of_row in results.items():
        if load_config(ROWS[name])[1].rate:
            continue
        cells = [
            shown(values_of(of_row, PSNR)),
            shown(values_of(of_row, value_at("quality", "lpips")), 4),
            shown(values_of(of_row, FRECHET)),
            minutes(of_row, "training", "cpu_minutes"),
        ]
        lines.append(table_row([name, *cells, len(of_row)]))
    return "\n".join(lines)


def bd_rates(results: Results, quality: str) -> dict[str, list[float]]:
    """BD-rates in % of each row with a rate, by seed, against the first seed of `RATE_BASE`.

    quality: `psnr` or `ssim`.
    """
    axis = {"psnr": 1, "ssim": 2}[quality]
    curves = {
        name: [np.array(r["quality"]["curve"]).T for r in of_row if "quality" in r]
        for name, of_row in results.items()
        if load_config(ROWS[name])[1].rate
    }
    return {
        name: [
            bd_rate(base[0], base[axis], own[0], own[axis]).value
            for own in of_row
            for base in curves[RATE_BASE][:1]
        ]
        for name, of_row in curves.items()
    }


def rates(results: Results) -> str:
    """BD-rates of the rows with a rate."""
    lines = [table_head("row", "BD-rate, PSNR", "BD-rate, SSIM", "CPU minutes", "seeds")]
    by_psnr, by_ssim = bd_rates(results, "psnr"), bd_rates(results, "ssim")
    for name in by_psnr:
        deltas = by_psnr[name], by_ssim[name]
        cells = [f"{shown(d, 1)} %" if d else NOT_RUN for d in deltas]
        cells.append(minutes(results[name], "training", "cpu_minutes"))
        lines.append(table_row([name, *cells, len(results[name])]))
    return "\n".join(lines)


def probed(results: Results) -> str:
    """Linear probes of each row."""
    keys = [f"{kind}_{what}" for kind in ("classes", "gradients") for what in ("tokens", "latents")]
    titles = [key.replace("_", ", ") + ", %" for key in keys]
    lines = [table_head("row", *titles, "classes by chance, %")]
    for name, of_row in results.items():
        cells = [
            shown(values_of(of_row, value_at("probes", key)), 1)
            for key in (*keys, "classes_by_chance")
        ]
        lines.append(table_row([name, *cells]))
    return "\n".join(lines)


def generated(results: Results) -> str:
    """Frechet distance of samples and held-out loss, at each point of the generators' training."""
    rows = [name for name in results if not load_config(ROWS[name])[1].rate]

    def points(name: str) -> list[dict[str, float]]:
        return [p for r in results[name] for p in r.get("generation", {}).get("points", [])]

    steps = sorted({int(point["step"]) for name in rows for point in points(name)})
    tables = []
    for what, key, digits in (("Frechet distance", "frechet", 2), ("loss", "loss", 3)):
        titles = [f"{what}, {n} steps" for n in steps] or [what]
        extra = {"training crops": "photographs", "CPU minutes": "cpu_minutes"}
        extra = extra if key == "frechet" else {}
        lines = [table_head("row", *titles, *extra)]
        for name in rows:
            cells = [
                shown([p[key] for p in points(name) if p["step"] == n], digits) for n in steps
            ] or [NOT_RUN]
            cells += [
                shown(values_of(results[name], value_at("generation", field)))
                for field in extra.values()
            ]
            lines.append(table_row([name, *cells]))
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def pages(folder: Path) -> dict[str, str]:
    """All tables, by their marks in docs/paper.md."""
    results = load(folder)
    return {
        "claims": claims(results),
        "reconstruction": figures(results),
        "rates": rates(results),
        "probes": probed(results),
        "generation": generated(results),
    }
