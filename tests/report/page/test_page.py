"""The page as a file: complete, closed to the outside, safe with other people's names."""

from __future__ import annotations

import html
import html.parser
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tccodec.files.text import rounded, size_text
from tccodec.report import Report, run
from tccodec.report import page as page_package
from tccodec.report.curves import axis_points
from tccodec.report.page import build_page
from tccodec.report.page.charts import curves_png, curves_svg, nice_ticks, smooth
from tccodec.report.page.drawing import Dot, Ink, Line, Text, to_png, to_svg
from tccodec.report.select import choose_rates
from tccodec.report.sentences import duration, percent, sentences, signed
from tests.support.pictures import picture

PAGE = Path(page_package.__file__).parent
EVIL = "</script><img src=x onerror=alert(1)>'\"&.png"


class Checker(html.parser.HTMLParser):
    """Balanced elements, and every attribute that could load something."""

    VOID = frozenset({"meta", "link", "img", "input", "br", "path", "circle", "rect", "line"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.images: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("src", "href", "srcset", "action", "data", "poster"):
                self.loads.append(value)
            if name.startswith("on"):
                raise AssertionError(f"an event handler in the markup: {name}")
        if tag == "img":
            self.images.append(dict(attrs).get("src", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def report(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    photos = tmp_path_factory.mktemp("in") / "photos <b>&"
    shutil.copytree(folder, photos)
    if "/" not in EVIL:
        picture(9, size=(192, 192)).save(photos / EVIL)
    (photos / "broken <i>.jpg").write_bytes(b"x")
    return run(
        photos,
        tmp_path_factory.mktemp("out") / "r",
        codecs=["webp", "jpeg", "jpeg-half"],
        anchor="jpeg",
        points=4,
        metrics=["psnr", "ms-ssim", "lpips"],
        jobs=1,
        show=2,
        command="tccodec report 'photos <b>&'",
    )


def page_of(report: Report) -> str:
    assert report.out
    return (report.out / "report.html").read_text()


def data_of(page: str) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found
    return json.loads(found[1])


def test_markup_is_balanced_and_closed(report: Report) -> None:
    checker = Checker()
    checker.feed(page_of(report))
    assert checker.open == []
    assert len(checker.ids) == len(set(checker.ids))
    assert {"findings", "savings", "chart", "numbers", "viewer", "pictures", "method"} <= set(
        checker.ids
    )
    for address in checker.loads:
        assert address.startswith(("data:", "#")), address
    for wanted in re.findall(r'\$\("#([a-z]+)', page_of(report)):
        assert wanted in checker.ids, f"a script looks for #{wanted}"


def test_nothing_outside_is_named(report: Report) -> None:
    page = page_of(report)
    assert "default-src 'none'" in page
    without = page.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://", without)
    assert "@import" not in page
    assert "url(" not in page


def test_names_are_text(report: Report) -> None:
    renamed = [replace(p, name=EVIL if i == 0 else p.name) for i, p in enumerate(report.pictures)]
    old = report.pictures[0].name
    records = [r | {"picture": EVIL} if r["picture"] == old else r for r in report.records]
    summary = replace(
        report.summary,
        ratios={
            m: {EVIL if n == old else n: v for n, v in by.items()}
            for m, by in report.summary.ratios.items()
        },
    )
    shown = [replace(s, name=EVIL) if s.name == old else s for s in report.shown]
    evil = replace(report, pictures=renamed, records=records, summary=summary, shown=shown)
    page = build_page(evil, page_mb=24)
    assert "<img src=x" not in page
    assert "photos <b>" not in page
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert EVIL in [p["name"] for p in data_of(page)["pictures"]]


def test_findings_are_there_without_scripts(report: Report) -> None:
    page = page_of(report)
    static = re.sub(r"<script.*?</script>", "", page, flags=re.S)
    text = html.unescape(static)
    for line in sentences(report):
        assert line in text
    assert static.count("<svg") == 3, "one curve sheet per metric"
    assert "p2.png" in static
    for info in report.metrics:
        assert info.definition in text
    assert "quality=" in static, "the settings of the codecs"
    assert "broken &lt;i&gt;.jpg" in static


def test_the_page_draws_the_curves_of_the_file(report: Report) -> None:
    curves = data_of(page_of(report))["curves"]
    assert curves.keys() == report.summary.curves.keys()
    for codec, by_metric in curves.items():
        for metric, (rates, values) in by_metric.items():
            samples = smooth(*axis_points(report.summary.curves[codec], metric))
            assert values == pytest.approx([v for _, v in samples], abs=1e-3)
            assert rates == pytest.approx([r for r, _ in samples[::8]], rel=1e-5)


def test_curves_of_single_pictures_go_through_their_points(report: Report) -> None:
    for shown in data_of(page_of(report))["pictures"]:
        for r in (r for r in report.records if r["picture"] == shown["name"]):
            for metric in ("psnr", "ms-ssim", "lpips"):
                rates, values = shown["curves"][r["codec"]][metric]
                assert len(values) == 4 * (len(rates) - 1) + 1
                at = min(range(len(rates)), key=lambda i: abs(rates[i] - r["bpp"]))
                assert rates[at] == pytest.approx(r["bpp"], rel=1e-5)
                wanted = report.metric(metric).axis_value(r[metric])
                assert values[4 * at] == pytest.approx(wanted, abs=1e-3)


def test_budget_limits_the_viewer(report: Report) -> None:
    full, small = build_page(report, page_mb=24), build_page(report, page_mb=0)
    assert full.count('type="text/plain"') > small.count('type="text/plain"') > 0
    none = build_page(replace(report, shown=[]), page_mb=24)
    assert 'id="viewer"' not in none


def test_viewer_is_at_the_wanted_rates(report: Report) -> None:
    assert 1 <= len(report.rates) <= 4
    shown = report.shown[0]
    assert shown.reason == "worst 1"
    assert report.shown[1].reason == "best 1"
    for codec, variants in shown.variants.items():
        assert len(variants) == len(report.rates)
        for v in variants:
            reachable = [r["bpp"] for r in report.records if r["codec"] == codec]
            if min(reachable) < v.wanted_bpp < max(reachable):
                assert v.bpp == pytest.approx(v.wanted_bpp, rel=0.4)


def test_a_rate_that_is_missing_moves_no_other_one(report: Report) -> None:
    first, *others = report.shown
    variants = first.variants | {"webp": first.variants["webp"][1:]}
    shown = [replace(first, variants=variants), *others]
    found = data_of(build_page(replace(report, shown=shown), page_mb=24))["shown"][0]["variants"]
    assert [v and v["wanted"] for v in found["webp"]] == [None, *report.rates[1:]]
    assert [v["wanted"] for v in found["jpeg"]] == report.rates


def test_unfinished_reports_say_so(report: Report) -> None:
    page = build_page(replace(report, complete=False), page_mb=24)
    assert "This report is unfinished" in page


def test_page_of_an_empty_run() -> None:
    from tccodec.report.summary import Summary

    empty = Report(
        records=[],
        summary=Summary("avif", None),
        codecs=[],
        metrics=[],
        pictures=[],
        folder="f",
        out=None,
        complete=False,
        computed=0,
        reused=0,
        unreadable=[],
        failures=[],
        skipped=[],
        environment={},
        elapsed_s=0,
    )
    checker = Checker()
    checker.feed(build_page(empty, page_mb=24))
    assert checker.open == []
    assert curves_svg(empty).startswith("<svg")
    assert curves_png(empty).startswith(b"\x89PNG")


def test_words_for_numbers() -> None:
    assert [size_text(v) for v in (812, 71_200, 99_950, 1_234_567, 2.5e9)] == [
        "812 B",
        "71.2 kB",
        "100 kB",
        "1.23 MB",
        "2.5 GB",
    ]
    assert [rounded(v, 2) for v in (0.0263, 0.5, 9.96, 99.6, 2400)] == [
        *("0.026", "0.5", "10", "100", "2400"),
    ]
    assert percent(-23) == "23.0 % fewer"
    assert percent(8.04) == "8.0 % more"
    assert percent(0.04) == "as many"
    assert [duration(v) for v in (12, 600, 7200)] == ["12 s", "10 min", "2.0 h"]
    assert signed(-0.01, 1) == "0.0"
    assert signed(-12.3, 0) == "\N{MINUS SIGN}12"
    assert signed(float("nan"), 1) == "\N{EN DASH}"


def test_rates_of_the_viewer() -> None:
    assert choose_rates([]) == []


def test_scripts_and_styles_have_no_long_lines() -> None:
    files = [f for f in PAGE.iterdir() if f.suffix in (".js", ".css")]
    assert len(files) == 6
    for file in files:
        assert max(map(len, file.read_text("utf-8").splitlines())) <= 100, file.name


def test_ticks_and_curves() -> None:
    assert nice_ticks(24.2, 41.7) == [25, 30, 35, 40]
    points = smooth([0.1, 0.2, 0.4], [30, 32, 34])
    assert points[0] == pytest.approx((0.1, 30))
    assert points[8] == pytest.approx((0.2, 32)) and points[16] == pytest.approx((0.4, 34))
    assert len(points) == 17
    assert smooth([0.1], [30]) == [(0.1, 30)]


def test_drawing() -> None:
    ink = Ink("#ff0000", "var(--k0)")
    shapes = [
        Line([(0, 0), (50, 50)], ink, width=2, dash=(4, 2)),
        Dot((10, 10), 3, ink),
        Text((5, 40), "a < b", ink, size=12, anchor="middle", bold=True),
    ]
    svg = to_svg(shapes, (60, 60), css=True, title="t & u")
    assert "var(--k0)" in svg
    assert "a &lt; b" in svg
    assert "t &amp; u" in svg
    assert "#ff0000" in to_svg(shapes, (60, 60), css=False, title="t")
    assert to_png(shapes, (60, 60)).startswith(b"\x89PNG")
