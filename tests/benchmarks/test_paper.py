"""The experiments of docs/paper.md: what is computed from stored results, and one row in small."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.research.paper import pictures
from benchmarks.research.paper.__main__ import costs
from benchmarks.research.paper.probes import Linear, gradients
from benchmarks.research.paper.row import FULL, PARTS, ROWS, SMALL, Row, run
from benchmarks.research.paper.tables import (
    CLAIMS,
    CONVERGENCE,
    RATE_BASE,
    RATE_CLAIMS,
    load,
    pages,
    speed_up,
    verdict,
)
from tests.support.backbones import needs_backbones
from tests.support.paths import ROOT
from tests.support.pictures import photo


def stored(folder: Path, row: str, seed: int, frechet: float, *, small: bool = False) -> None:
    quality = {"psnr": 24.0, "lpips": 0.3, "frechet": frechet}
    result = {"row": row, "seed": seed, "small": small, "quality": quality}
    (folder / f"{row}-{seed}.json").write_text(json.dumps(result), "utf-8")


def test_what_has_not_run_says_so(tmp_path: Path) -> None:
    stored(tmp_path, "p8-one", 1, 5.0, small=True)
    found = pages(tmp_path)
    assert found["claims"].count("| not run |\n") + found["claims"].endswith("| not run |") == len(
        [*CLAIMS, *RATE_CLAIMS, *CONVERGENCE]
    )
    for name in ROWS:
        assert f"\n| {name} | not run" in "".join(found.values()), name
    stored(tmp_path, "p8-one", 1, 5.0)  # without minutes, as after an interruption
    assert "| p8-one | 24.00 | 0.3000 | 5.00 | - | 1 |" in pages(tmp_path)["reconstruction"]


def test_every_row_of_a_claim_exists_and_marks_are_in_the_page() -> None:
    for claim in CLAIMS:
        assert set(claim.rows) <= set(ROWS)
    assert {row for _, _, *rows in CONVERGENCE for row in rows} <= set(ROWS)
    assert {row for _, rows in RATE_CLAIMS for row in rows} | {RATE_BASE} <= set(ROWS)
    page = (ROOT / "docs" / "paper.md").read_text("utf-8")
    for mark in pages(ROOT / "nowhere"):
        assert f"<!-- {mark} -->" in page and f"<!-- /{mark} -->" in page
    assert costs() in page


def test_results_become_means_ranges_and_verdicts(tmp_path: Path) -> None:
    for seed, (one, two) in enumerate([(5.0, 4.0), (6.0, 4.5)], 1):
        stored(tmp_path, "p8-one", seed, one)
        stored(tmp_path, "p8-two", seed, two)
    [line] = [x for x in pages(tmp_path)["claims"].splitlines() if x.startswith("| Two stages rec")]
    assert "Frechet distance: 5.50 (5.00 to 6.00), 4.25 (4.00 to 4.50)" in line
    assert line.endswith("| holds, 2 seeds |")


def test_bits_are_compared_with_the_first_seed_of_the_base(tmp_path: Path) -> None:
    rates, psnr = np.geomspace(0.1, 1, 9), np.linspace(25, 40, 9)
    base, other = "rate-p8-two", "rate-p8-one"
    for row, seed, more in ((base, 1, 1.0), (base, 2, 1.02), (other, 1, 1.1), (other, 2, 1.2)):
        curve = np.stack([rates * more, psnr, psnr / 2], 1).tolist()
        result = {"row": row, "seed": seed, "small": False, "quality": {"curve": curve}}
        (tmp_path / f"{row}-{seed}.json").write_text(json.dumps(result), "utf-8")
    found = pages(tmp_path)
    cell = "15.0 (10.0 to 20.0) %"
    assert f"| rate-p8-one | {cell} | {cell} | - | 2 |" in found["rates"]
    [line] = [x for x in found["claims"].splitlines() if "two stages take fewer bits" in x]
    assert "| BD-rate, %: 15.0 (10.0 to 20.0), 1.0 (0.0 to 2.0) |" in line
    assert line.endswith("| holds, 2 seeds |")


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([[3.0], [2.0]], "speaks for it, 1 seed"),
        ([[3.0, 3.5], [2.0, 2.5]], "holds, 2 seeds"),
        ([[2.0, 2.5], [3.0]], "speaks against it, 1 seed"),
        ([[2.0, 2.5], [3.0, 3.1]], "the opposite, 2 seeds"),
        ([[2.0, 3.0], [2.5, 2.4]], "within the seeds' range, 2 seeds"),
        ([[3.0], [2.0], [2.5]], "speaks for it in part, 1 seed"),
        ([[3.0], []], "not run"),
    ],
)
def test_a_verdict_looks_at_all_seeds(steps: list[list[float]], said: str) -> None:
    assert verdict(steps, falls=True) == said
    flipped = [[-x for x in values] for values in steps]
    assert verdict(flipped, falls=False) == said


def test_a_generator_is_twice_as_fast_if_it_is_there_at_half_the_steps() -> None:
    def curve(*distances: float) -> list[dict[str, float]]:
        return [{"step": 100.0 * 2**i, "frechet": d} for i, d in enumerate(distances)]

    base = curve(9, 8, 7, 6)
    assert speed_up(base, base) == pytest.approx(1)
    assert speed_up(base, curve(8, 7, 6, 4)) == pytest.approx(2)
    assert speed_up(base, curve(9, 8, 7, 4)) == pytest.approx(2 ** (2 / 3))
    assert speed_up(base, curve(5, 4, 3, 2)) == pytest.approx(8)
    assert speed_up(base, curve(20, 15, 13, 12)) == pytest.approx(0.5)


def test_a_generator_that_is_faster_with_both_seeds_is_said_to_be(tmp_path: Path) -> None:
    for seed in (1, 2):
        for row, distances in (("p8-one", (9, 8, 7, 6)), ("p8-two", (8, 7, 6, 4))):
            steps = {100 * 2**i: distance for i, distance in enumerate(distances)}
            points = [{"step": n, "loss": 1.0, "frechet": d} for n, d in steps.items()]
            result = {"row": row, "seed": seed, "small": False, "generation": {"points": points}}
            (tmp_path / f"{row}-{seed}.json").write_text(json.dumps(result), "utf-8")
    lines = pages(tmp_path)["claims"].splitlines()
    [line] = [x for x in lines if "Two stages: a generator converges sooner" in x]
    assert line.endswith("| 2.0 times | p8-one, p8-two | holds, 2 seeds |")


def test_samples_are_shown_when_there_are_some(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    assert pictures.write(load(tmp_path), tmp_path, tmp_path / "images") == ""
    for name, distances in {"p8-one": (9.0, 8.0), "p8-two": (8.0, 4.0)}.items():
        points = [{"step": i, "loss": 1.0, "frechet": d} for i, d in enumerate(distances, 1)]
        result = {"row": name, "seed": 1, "small": False, "generation": {"points": points}}
        (tmp_path / f"{name}-1.json").write_text(json.dumps(result), "utf-8")
        Image.new("RGB", (394, 394)).save(tmp_path / f"{name}-1.jpg")
    text = pictures.write(load(tmp_path), tmp_path, tmp_path / "images")
    assert text.count("](images/paper-") == 2
    drawn = (tmp_path / "images" / "paper-generation.svg").read_text("utf-8")
    assert ">p8-one</text>" in drawn and ">p8-two</text>" in drawn and "p8-one-ssl" not in drawn
    heights = [float(y) for y in re.findall(r'cy="([\d.]+)"', drawn)]
    assert heights[0] < heights[1] and heights[2] < heights[3]  # falling distances, going down
    with Image.open(tmp_path / "images" / "paper-samples.jpg") as sheet:
        assert sheet.width > 2 * 394


def test_labels_of_curves_do_not_overlap() -> None:
    assert pictures.apart([10, 50, 90], 100) == [10, 50, 90]
    assert pictures.apart([10, 12, 14], 100) == [10, 25, 40]
    assert pictures.apart([80, 90, 95], 100) == [70, 85, 100]


def test_gradients_know_the_direction_of_stripes() -> None:
    wave = 60 * torch.sin(torch.arange(64) / 3.0)
    across, down = (t.expand(1, 3, 64, 64) for t in (wave[None], wave[:, None]))
    for x, cells in ((across, [0, 8]), (down, [4])):
        found = gradients(x).view(-1, 4, 9)
        assert found.shape[0] == 4 and torch.allclose(found.square().sum((1, 2)), torch.ones(4))
        assert float(found[:, :, cells].square().sum((1, 2)).min()) > 0.95


def test_a_linear_map_is_found() -> None:
    torch.manual_seed(0)
    x = torch.randn(500, 6, dtype=torch.float64)
    y = x @ torch.randn(6, 2, dtype=torch.float64) + 3
    error = (Linear(x[:400], y[:400])(x[400:]) - y[400:]).square().mean()
    assert float(error) < 0.01 * float(y.var())


@needs_backbones
@pytest.mark.slow
def test_a_row_runs_from_nothing_to_samples_and_repeats_nothing(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(12):
        Image.fromarray(photo(160, 192, seed=i)).save(photos / f"{i:02d}.png")
    row = Row("p8-two-ssl", 1, [photos], tmp_path / "out", SMALL)
    run(row, PARTS)
    first = row.result.read_text("utf-8")
    found = json.loads(first)
    assert found["training"]["steps"] == SMALL.steps and found["small"]
    assert [p["step"] for p in found["generation"]["points"]] == [2, 4, 8, 16]
    assert all(np.isfinite(found["quality"][k]) for k in ("psnr", "lpips", "frechet"))
    assert (tmp_path / "out" / "p8-two-ssl-1.jpg").is_file()
    run(row, PARTS)
    assert row.result.read_text("utf-8") == first
    row.result.unlink()  # as if it had been cut off after the last step: nothing is trained anew
    log = row.folder / "metrics.jsonl"
    lines = log.read_text("utf-8")
    run(row, PARTS)
    again = json.loads(row.result.read_text("utf-8"))
    assert log.read_text("utf-8") == lines
    assert again["quality"]["frechet"] == found["quality"]["frechet"]
    assert again["generation"]["points"] == found["generation"]["points"]
    with pytest.raises(SystemExit, match="not trained"):
        run(Row("p8-two", 2, [photos], tmp_path / "out", FULL), ["quality"])
