"""BD-rates of single pictures by kind: what a curve counts for, and where it falls short."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.docs.kinds.measure import EXACT, Point
from benchmarks.docs.kinds.report import (
    Result,
    chosen,
    parse_way,
    pictures_table,
    stepped,
    table,
)

PICTURE = Path("web/page.png")


def curve(factor: float = 1.0, count: int = 6, gain: float = 0.0) -> list[Point]:
    """A straight line in log rate, from 0.04 bpp and 30 dB on, by 3 dB for each doubling."""
    points = []
    for i in range(count):
        scores = {"psnr": 30 + 3 * i + gain, "ssimulacra2": 40.0 + 9 * i}
        points.append({"quality": 10.0 * i, "bpp": 0.04 * 2**i * factor} | scores)
    return points


@pytest.mark.parametrize(("factor", "per_cent"), [(1.0, 0.0), (2.0, 100.0), (0.5, -50.0)])
def test_a_curve_at_a_multiple_of_the_rate(factor: float, per_cent: float) -> None:
    result = Result(PICTURE, curve(), curve(factor, count=8))
    assert result.rates["psnr"] == pytest.approx(per_cent, abs=0.01)
    assert result.rates["ssimulacra2"] == pytest.approx(per_cent, abs=0.01)
    assert not result.short


def test_a_curve_that_ends_too_early_is_marked() -> None:
    result = Result(PICTURE, curve(), curve(count=3))
    assert result.short
    assert "| web | page | +0.0* | +0.0 |" in pictures_table({"": [result]})


def test_more_than_the_best_lossy_file_costs_the_lossless_one() -> None:
    exact = {"quality": 100.0, "bpp": 0.64, "psnr": EXACT, "ssimulacra2": 100.0}
    rates, scores = stepped([*curve(count=3), exact], "psnr")
    assert rates[-2:] == [pytest.approx(0.64, rel=1e-3), 0.64]
    assert scores[-3:] == [36.0, pytest.approx(36.0, abs=0.01), 50.0]
    # Half of the anchor's decibels, 36 to 42 of 30 to 42, are paid for with that file's bytes.
    result = Result(PICTURE, curve(count=5), [*curve(count=3), exact])
    assert not result.short and 30 < result.rates["psnr"] < 60


def test_less_than_the_first_file_gives_costs_that_file() -> None:
    exact = {"quality": 5.0, "bpp": 0.08, "psnr": EXACT, "ssimulacra2": 100.0}
    # The anchor has 0.05 to 0.64 bpp here, and as many decibels for each doubling.
    result = Result(PICTURE, curve(count=5), [exact])
    assert not result.short
    assert result.rates["psnr"] == pytest.approx(100 * (0.08 / (0.05 * 0.64) ** 0.5 - 1), abs=0.2)


def test_no_common_score_is_said() -> None:
    result = Result(PICTURE, curve(), curve(count=2, gain=-20))
    assert "| web pages and documents | 1 | no common score | no common score | 0 |" in table(
        {"": [result]}
    )


def test_ways_are_options() -> None:
    assert parse_way("lossy=true,effort=3") == {"lossy": True, "effort": 3}
    assert parse_way("") == {}
    with pytest.raises(SystemExit, match="lossy=true,effort=3"):
        parse_way("lossy")


def test_a_part_of_the_pictures_of_each_kind(tmp_path: Path) -> None:
    for kind, count in (("plots", 2), ("web", 6)):
        (tmp_path / kind).mkdir()
        for i in range(count):
            (tmp_path / kind / f"{i}.png").touch()
    names = [f"{p.parent.name}{p.stem}" for p in chosen(tmp_path, [], 3)]
    assert names == ["plots0", "plots1", "web0", "web2", "web4"]
    assert len(chosen(tmp_path, ["web"], None)) == 6
