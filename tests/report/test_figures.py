"""What odd folders, windows and busy machines do to a report's figures."""

from __future__ import annotations

import csv
import json
import math
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tccodec.metrics import bd, describe
from tccodec.report import run
from tccodec.report.curves import Record, SetScores
from tccodec.report.sentences import sentences
from tccodec.report.summary import Summary, summarise
from tests.support.report import QUICK, SlowCodec, photos

PSNR = describe("psnr")


def point(picture: str, side: int, codec: str, quality: float, bpp: float, psnr: Any) -> Record:
    """A point as a run makes it."""
    pixels = side * side
    return {
        "picture": picture,
        "codec": codec,
        "quality": quality,
        "width": side,
        "height": side,
        "megapixels": pixels / 1e6,
        "bytes": bpp * pixels / 8,
        "bpp": bpp,
        "psnr": psnr,
        "encode_cpu_s": 1.0,
        "decode_cpu_s": 1.0,
    }


def ladder(
    picture: str, codec: str, rates: list[float], gain: float = 0, side: int = 500
) -> list[Record]:
    """A curve that bends as codecs' do: 6 dB per doubling below half a bit, 4 above."""
    scores = [34 + gain + (6 if r < 0.5 else 4) * math.log2(r / 0.5) for r in rates]
    return [
        point(picture, side, codec, q, r, s)
        for q, (r, s) in enumerate(zip(rates, scores, strict=True))
    ]


def conclude(records: list[Record], window: tuple[float, float] | None = None) -> Summary:
    return summarise(
        records,
        codecs=["own", "old"],
        infos=[PSNR],
        anchor="old",
        focus="own",
        window=window,
        set_scores={},
    )


DENSE = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5]
SPARSE = [0.02, 0.09, 0.79, 3.0]


def test_picture_of_one_pixel_changes_no_figure() -> None:
    records = [
        r for i in range(3) for r in ladder(f"{i}", "old", DENSE) + ladder(f"{i}", "own", DENSE, 1)
    ]
    plain = conclude(records)
    # 700 bytes of headers for one pixel, and scores as a single colour has them
    pixel = [point("dot", 1, "old", q, 5600, 100.0) for q in range(len(DENSE))]
    pixel += [point("dot", 1, "own", q, 180, 30.0) for q in range(len(DENSE))]
    with_pixel = conclude(records + pixel)
    assert "dot; left out of all means and totals" in with_pixel.notes.pop()
    assert with_pixel == plain
    assert plain.bd["psnr"]["own"]["rate"].value < -10
    assert math.isfinite(conclude(pixel).curves["own"][0].bpp), "alone it counts"


def test_small_pictures_count_by_their_pixels() -> None:
    large = ladder("large", "old", DENSE, side=1000) + ladder("large", "own", DENSE, 1, side=1000)
    small = [
        r
        for i in range(5)
        for r in ladder(f"{i}", "old", DENSE, side=40) + ladder(f"{i}", "own", DENSE, -3, side=40)
    ]
    alone, both = (conclude(rs).bd["psnr"]["own"]["rate"].value for rs in (large, large + small))
    assert both == pytest.approx(alone, abs=1)
    point = conclude(large + small).curves["own"][0]
    records = [r for r in large + small if r["codec"] == "own" and r["quality"] == 0]
    pixels = sum(r["width"] * r["height"] for r in records)
    assert point.bpp == pytest.approx(8 * sum(r["bytes"] for r in records) / pixels)


def test_tiny_pictures_are_flagged_and_not_shown_first(tmp_path: Path) -> None:
    folder = photos(tmp_path / "in", (96, 80), (1, 1), (80, 96), (90, 90))
    report = run(folder, tmp_path / "r", **(QUICK | {"show": 2}))
    page = (tmp_path / "r" / "report.html").read_text("utf-8")
    assert "fewer than 1,024 pixels, so that files are all headers: p1.png; left out" in page
    assert 'class="tiny"' in page
    assert "p1.png" not in [shown.name for shown in report.shown]
    assert "total bytes over total pixels" in page.rpartition("<footer>")[2]


def test_window_keeps_the_curves_whole() -> None:
    """Two points of a wide ladder lie in the window: their chord would turn the sign."""
    records = ladder("a", "old", DENSE) + ladder("a", "own", SPARSE, 0.5)
    whole, inside = (conclude(records, w).bd["psnr"]["own"]["rate"] for w in (None, (0.08, 0.8)))
    chord = bd.bd_rate(DENSE[1:7], [r["psnr"] for r in records[1:7]], SPARSE[1:3], [20, 36.6])
    assert chord.value > 0
    assert whole.value < -3
    assert inside.value < 0
    assert inside.anchor_bpp == pytest.approx((0.08, 0.8))


def test_window_as_wide_as_the_curves_changes_nothing() -> None:
    records = ladder("a", "old", DENSE) + ladder("a", "own", DENSE, 0.5)
    plain, wide = conclude(records), conclude(records, (0.0, 100.0))
    assert wide.bd["psnr"]["own"]["rate"].value == plain.bd["psnr"]["own"]["rate"].value
    assert wide.ratios == plain.ratios


def test_window_beside_all_curves_is_said() -> None:
    found = conclude(ladder("a", "old", DENSE) + ladder("a", "own", DENSE, 0.5), (7, 9))
    assert math.isnan(found.bd["psnr"]["own"]["rate"].value)
    assert "Nothing can be compared from 7 to 9 bits per pixel" in found.notes[0]
    apart = conclude(ladder("a", "old", [0.1, 0.2]) + ladder("a", "own", [1.0, 2.0]))
    assert apart.notes == ["Nothing can be compared: the curves do not overlap."]


def test_copies_are_said(tmp_path: Path) -> None:
    folder = photos(tmp_path / "in", (64, 48))
    for i in (1, 2):
        shutil.copy(folder / "p0.png", folder / f"p{i}.png")
        (folder / f"broken{i}.png").write_bytes(b"no picture")
    never = f"'{sys.executable}' -c 'raise SystemExit(1)'"
    line = f"never={never} {{q}} {{in}} {{out}} ; {never} {{in}} {{out}}"
    report = run(folder, external=[line], **QUICK)
    assert report.summary.notes[0] == "never has coded no picture and is left out."
    assert "2 of 3 files are copies of others" in report.summary.notes[1]
    assert report.computed == len(report.records) == 3 * 2 * 4
    named = [f["picture"] for f in report.failures]
    assert {name: named.count(name) for name in named} == {"p0.png": 4, "p1.png": 4, "p2.png": 4}


def test_one_question_has_one_answer(tmp_path: Path) -> None:
    folder = photos(tmp_path / "in", (96, 80), (80, 96), (90, 90))
    for window in (None, (0.3, 2.0)):
        report = run(folder, tmp_path / "r", window=window, **QUICK)
        rate = report.summary.bd["psnr"]["webp"]["rate"]
        page = (tmp_path / "r" / "report.html").read_text("utf-8")
        shown = f"{rate.value:+.1f}".replace("-", "\N{MINUS SIGN}")
        tile = re.search(r'tile"><b[^>]*>([^<]*)<small>', page)
        cell = re.search(r"<td title=[^>]*><b[^>]*>([^<]*) %</b>", page)
        assert tile and cell
        assert tile[1] == cell[1] == shown
        assert f"{abs(rate.value):.1f} % " in sentences(report)[0]
        assert f"{rate.anchor_bpp[0]:.2g} to {rate.anchor_bpp[1]:.2g} bits per pixel" in page
        found = json.loads((tmp_path / "r" / "results.json").read_text("utf-8"))
        assert found["summary"]["bd"]["psnr"]["webp"]["rate"]["value"] == rate.value


def test_intervals_over_pictures_are_the_same_each_time(tmp_path: Path) -> None:
    folder = photos(tmp_path / "in", (96, 80), (80, 96), (90, 90))
    first = run(folder, tmp_path / "r", **QUICK).summary.bd["psnr"]["webp"]["rate"]
    again = run(folder, tmp_path / "r", **QUICK).summary.bd["psnr"]["webp"]["rate"]
    assert first.interval and first.interval == again.interval
    assert first.interval[0] <= first.value <= first.interval[1]
    with (tmp_path / "r" / "summary.csv").open(newline="") as file:
        rows = {r["codec"]: r for r in csv.DictReader(file)}
    assert float(rows["webp"]["bd_rate_low95"]) == pytest.approx(first.interval[0], rel=1e-4)
    assert float(rows["webp"]["bd_rate_high95"]) == pytest.approx(first.interval[1], rel=1e-4)
    assert rows["webp"]["pictures"] == "3"
    found = json.loads((tmp_path / "r" / "results.json").read_text("utf-8"))
    assert found["summary"]["bd"]["psnr"]["webp"]["rate"]["interval"] == list(first.interval)


def test_interval_holds_the_pictures_that_differ() -> None:
    gains = np.linspace(-1, 3, 12)
    records = [
        r
        for i, gain in enumerate(gains)
        for r in ladder(f"{i}", "old", DENSE) + ladder(f"{i}", "own", DENSE, float(gain))
    ]
    low, high = conclude(records).bd["psnr"]["own"]["rate"].interval or (0, 0)
    # 1 dB in the mean is about 13 % of the bytes, give or take the spread over 12 pictures
    assert -25 < low < -13 < high < -2
    two = conclude([r for r in records if r["picture"] in ("0", "1")])
    assert two.bd["psnr"]["own"]["rate"].interval is None


def test_scores_that_are_missing_leave_no_mixture() -> None:
    """A metric that fails on one picture is compared on the others, rates included."""
    records = [
        r for i in range(4) for r in ladder(f"{i}", "old", DENSE) + ladder(f"{i}", "own", DENSE, 1)
    ]
    plain = conclude([r for r in records if r["picture"] != "3"])
    for r in records:
        if r["picture"] == "3":
            r["bytes"] *= 9
            if r["codec"] == "own":
                r["psnr"] = math.nan
    found = conclude(records)
    assert found.bd["psnr"]["own"]["rate"].value == plain.bd["psnr"]["own"]["rate"].value
    assert "PSNR is over the 3 of 4 pictures" in found.notes[0]
    assert (plain.measured, found.measured) == ({"psnr": 3}, {"psnr": 3})
    for r in records:
        r["psnr"] = None
    found = conclude(records)
    assert "PSNR is defined on none of the pictures." in found.notes
    assert found.measured == {"psnr": 0}


def test_scores_of_sets_are_over_the_pictures_that_they_measure() -> None:
    """Small pictures have no patch: their bytes do not count, and a note says so."""
    records = [r for i in range(4) for r in ladder(f"{i}", "old", DENSE)]
    for r in records:
        if r["picture"] == "3":
            r["bytes"] *= 9
    info = describe("frechet-effnet")
    scores = {("old", float(q)): 9.0 - q for q in range(len(DENSE))}
    found = summarise(
        records,
        codecs=["old"],
        infos=[info],
        anchor="old",
        focus=None,
        window=None,
        set_scores={info.name: SetScores({"0", "1", "2"}, scores)},
    )
    assert [p.rates[info.name] for p in found.curves["old"]] == pytest.approx(DENSE)
    assert found.curves["old"][0].bpp == pytest.approx(3 * DENSE[0])
    assert found.notes == [
        f"{info.label} is over the 3 of 4 pictures on which it is defined.",
    ]


def test_the_table_has_the_number_of_pictures_of_each_metric(tmp_path: Path) -> None:
    folder = photos(tmp_path / "in", (164, 170), (90, 90))
    run(folder, tmp_path / "r", **(QUICK | {"metrics": ["psnr", "ms-ssim"], "points": 2}))
    with (tmp_path / "r" / "summary.csv").open(newline="") as file:
        counts = {(r["metric"], r["pictures"]) for r in csv.DictReader(file)}
    assert counts == {("psnr", "2"), ("ms-ssim", "1")}


def test_seconds_do_not_count_waiting(tmp_path: Path) -> None:
    slow_codec = SlowCodec(tmp_path, 0.15)
    folder = photos(tmp_path / "in", (64, 48))
    options = {"codecs": ["jpeg"], "external": [slow_codec.line], "qualities": "slow=10,50;jpeg=50"}
    report = run(folder, tmp_path / "r", **(QUICK | options))
    slow = [r for r in report.records if r["codec"] == "slow"]
    assert all(r["encode_s"] >= 0.15 for r in slow)
    # the command sleeps 0.15 s; starting Python and Pillow is work
    assert all(0 < r["encode_cpu_s"] < r["encode_s"] - 0.1 for r in slow)
    page = (tmp_path / "r" / "report.html").read_text("utf-8")
    assert "Encode, CPU s/MP" in page and "CPU seconds per megapixel" in page


def test_reasons_of_asterisks_can_be_read_without_pointing(tmp_path: Path) -> None:
    folder = photos(tmp_path / "in", (64, 48))
    run(folder, tmp_path / "r", **(QUICK | {"qualities": "webp=5,20;jpeg=10,30,60,90"}))
    page = (tmp_path / "r" / "report.html").read_text("utf-8")
    visible = re.sub(r'title="[^"]*"', "", page)
    assert f"\N{DAGGER} {bd.FEW_POINTS}" in visible
    assert "<sup>\N{DAGGER}</sup>" in visible


def test_some_of_the_pictures_take_their_bytes(tmp_path: Path) -> None:
    folder = photos(tmp_path / "in", (96, 80), (80, 96), (90, 90))
    report = run(folder, **(QUICK | {"qualities": "jpeg=40,60,80,90;webp=0,40,70,95"}))
    for pictures, words in ((3, "the folder takes"), (2, "2 of the pictures take"), (1, "one of")):
        for by_codec in report.summary.savings["psnr"]["jpeg"].values():
            for codec, saving in by_codec.items():
                by_codec[codec] = replace(saving, pictures=pictures)
        assert f"{words} " in next(s for s in sentences(report) if "if you now use" in s)


def test_example_is_a_setting_that_the_subject_reaches(tmp_path: Path) -> None:
    """JPEG's lowest setting is nearest to half a bit, and too low for WebP to be compared."""
    folder = photos(tmp_path / "in", (96, 80), (80, 96), (90, 90))
    options = {"qualities": "jpeg=1,40,60,80;webp=30,50,70,90"}
    report = run(folder, **(QUICK | options))
    assert any("if you now use JPEG at " in s for s in sentences(report))
    assert not any("JPEG at 1 " in s for s in sentences(report))
