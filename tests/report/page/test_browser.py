"""The page in a real browser, with real mouse and key events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from tccodec.report import Report, run
from tccodec.report.page import build_page
from tests.support.browser import chromium, opened, what_is_missing

MISSING = what_is_missing()
if MISSING:
    pytest.skip(MISSING, allow_module_level=True)

from playwright.sync_api import Locator, expect  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FloatRect, Page


@pytest.fixture(scope="module")
def report(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    return run(
        folder,
        tmp_path_factory.mktemp("out") / "r",
        codecs=["webp", "jpeg", "jpeg-half"],
        anchor="jpeg",
        points=4,
        metrics=["psnr", "lpips"],
        jobs=1,
        show=3,
    )


@pytest.fixture(scope="module")
def file(report: Report) -> Path:
    assert report.out
    return report.out / "report.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    with opened(browser, file) as page:
        yield page


def box(element: Locator) -> FloatRect:
    """Where an element is in the window, after scrolling it into view."""
    element.evaluate("e => e.scrollIntoView({block: 'center', behavior: 'instant'})")
    found = element.bounding_box()
    assert found
    return found


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Press, move, release: real input events."""
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=6)
    page.mouse.up()


def transform(image: Locator, component: str) -> float:
    """A component of an element's transformation: a is its scale, e its place from the left."""
    script = f"i => new DOMMatrix(getComputedStyle(i).transform).{component}"
    return float(image.evaluate(script))


def test_charts_are_drawn_and_follow_the_controls(page: Page) -> None:
    curves, title = page.locator(".chart path.curve"), page.locator(".chart .title")
    expect(curves).to_have_count(3)
    expect(title).to_have_text("PSNR, dB")
    before = curves.first.get_attribute("d")
    assert before and before.count("L") == 8 * 3, "eight steps between each two of four points"
    page.get_by_role("button", name="LPIPS").click()
    expect(title).to_contain_text("LPIPS")
    assert curves.first.get_attribute("d") != before
    page.locator(".chips .chip").nth(2).click()
    expect(curves).to_have_count(2)
    page.get_by_role("button", name="linear").click()
    page.select_option("#source", "1")
    expect(curves).to_have_count(2)
    expect(page.locator(".static:visible")).to_have_count(0)


def test_values_are_read_off_by_mouse_and_keys(page: Page) -> None:
    chart, tip = page.locator(".chart svg"), page.locator(".tip")
    chart.hover()
    expect(tip).to_be_visible()
    expect(tip).to_contain_text("bits per pixel")
    expect(tip).to_contain_text("dB")
    text = tip.inner_text()
    chart.press("ArrowRight")
    chart.press("ArrowRight")
    assert tip.inner_text() != text
    chart.press("Escape")
    expect(tip).to_be_hidden()


def test_values_at_the_points_are_those_of_the_report(page: Page, report: Report) -> None:
    chart, point = page.locator(".chart svg"), page.locator(".chart svg > circle").last
    # the last curve that is drawn is the subject's, its last point the one with most bytes
    whole, at = box(chart), box(point)
    page.mouse.move(at["x"] + at["width"] / 2 - 0.01, whole["y"] + whole["height"] / 2)
    best = max(report.summary.curves["webp"], key=lambda p: p.bpp)
    row = page.locator(".tip tr", has_text="WebP")
    assert float(row.inner_text().split()[1]) == pytest.approx(best.scores["psnr"], abs=0.02)


def test_a_point_alone_is_drawn(browser: Browser, report: Report, tmp_path: Path) -> None:
    curves = {"jpeg": report.summary.curves["jpeg"][:1]}
    alone = replace(
        report,
        codecs=[report.codec("jpeg")],
        summary=replace(report.summary, curves=curves, focus=None, savings={}),
        shown=[],
    )
    file = tmp_path / "page.html"
    file.write_text(build_page(alone, page_mb=0), "utf-8")
    with opened(browser, file) as page:  # which has seen an empty console
        chart, point = box(page.locator(".chart svg")), box(page.locator(".chart svg > circle"))
        assert 0.4 < (point["x"] - chart["x"]) / chart["width"] < 0.6
        assert 0.4 < (point["y"] - chart["y"]) / chart["height"] < 0.6


def test_changes_that_round_to_nothing_have_no_sign(page: Page) -> None:
    ratios = [0.9995, 1.0004, 1.0006, 0.87654, None]
    shown = page.evaluate("all => all.map(change)", ratios)
    minus = "\N{MINUS SIGN}"
    assert shown == ["0.0 %", "0.0 %", "+0.1 %", f"{minus}12 %", "\N{EN DASH}"]
    assert page.evaluate("all => all.map(kind)", [0.9996, 1.0004, 1.0006, 0.99]) == [
        *("", ""),
        *("bad", "good"),
    ]


def test_divider_drags(page: Page) -> None:
    stage = page.locator(".stage")
    at = box(stage)
    middle, goal = at["y"] + at["height"] / 2, at["x"] + at["width"] * 0.2
    drag(page, (at["x"] + at["width"] * 0.5, middle), (goal, middle))
    expect(stage).to_have_attribute("aria-valuenow", "20")
    divider = page.locator(".divider").bounding_box()
    assert divider and divider["x"] + divider["width"] / 2 == pytest.approx(goal, abs=2)
    clip = page.locator(".right-side").evaluate("e => getComputedStyle(e).clipPath")
    assert clip.startswith("inset(0px 0px 0px")
    images = page.locator(".stage img")
    assert images.evaluate_all("all => all.every(i => i.naturalWidth > 0)")


def test_keyboard_works_the_viewer(page: Page) -> None:
    stage, caption = page.locator(".stage"), page.locator(".caption")
    stage.press("ArrowLeft")
    stage.press("ArrowLeft")
    expect(stage).to_have_attribute("aria-valuenow", "46")
    name = caption.inner_text()
    stage.press("n")
    expect(caption).not_to_have_text(name)
    stage.press("p")
    expect(caption).to_have_text(name)
    rates = page.locator("#rates button")
    stage.press("1")
    expect(rates.nth(0)).to_have_attribute("aria-pressed", "true")
    stage.press("ArrowUp")
    expect(rates.nth(1)).to_have_attribute("aria-pressed", "true")
    sides = page.locator(".tag").all_inner_texts()
    stage.press("x")
    assert page.locator(".tag").all_inner_texts() != sides
    page.keyboard.down("Space")
    assert stage.get_attribute("aria-valuenow") in ("0", "100")
    page.keyboard.up("Space")
    expect(stage).to_have_attribute("aria-valuenow", "46")


def test_zoom_to_pixels_and_move(page: Page) -> None:
    stage, image = page.locator(".stage"), page.locator(".stage img").first
    page.locator("#zoom button").last.click()
    assert transform(image, "a") == 8
    expect(image).to_have_class("pixels")
    before = transform(image, "e")
    at = box(stage)
    x, y = at["x"] + at["width"] * 0.8, at["y"] + at["height"] * 0.3
    drag(page, (x, y), (x - 120, y))
    assert transform(image, "e") == pytest.approx(before - 120, abs=2)
    assert stage.get_attribute("aria-valuenow") == "50", "the divider stays"
    stage.press("0")
    assert transform(image, "a") < 8


def test_table_sorts_filters_and_opens_the_viewer(page: Page) -> None:
    rows, heads = page.locator("#pictures tbody tr"), page.locator("#pictures th")
    names = page.locator("#pictures tbody .who a")
    heads.nth(3).get_by_role("button").click()
    values = rows.evaluate_all("rows => rows.map(r => +r.cells[3].dataset.v)")
    assert values == sorted(values)
    expect(heads.nth(3)).to_have_attribute("aria-sort", "ascending")
    first = names.all_inner_texts()
    heads.nth(3).get_by_role("button").click()
    assert names.all_inner_texts() == first[::-1]
    heads.nth(0).get_by_role("button").click()
    assert names.all_inner_texts() == ["p0.png", "p1.png", "p2.png"]
    page.fill("#filter", "P1")
    expect(page.locator("#pictures tbody tr:visible")).to_have_count(1)
    page.select_option("#by", "lpips")
    page.locator("#pictures tbody tr:visible a").click()
    expect(page.locator(".caption")).to_contain_text("p1.png")


def test_savings_follow_what_one_uses_now(page: Page) -> None:
    rows = page.locator("#savings .row")
    assert rows.count() >= 2
    page.select_option("#now", "webp")
    expect(rows.filter(has_text="what you use now")).to_contain_text("WebP")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("width", "height", "touch"), [(1280, 900, False), (390, 844, True)])
def test_looks(
    browser: Browser,
    file: Path,
    dark: bool,
    width: int,
    height: int,
    touch: bool,
    tmp_path: Path,
) -> None:
    with opened(
        browser,
        file,
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        is_mobile=touch,
        has_touch=touch,
    ) as page:
        root = page.locator("html")
        expect(root).to_have_attribute("data-theme", "dark" if dark else "light")
        assert root.evaluate("e => e.scrollWidth") == width, "nothing sticks out sideways"
        background = page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor")
        assert (sum(map(int, background[4:-1].split(","))) < 200) == dark
        page.screenshot(path=tmp_path / "page.png", full_page=True)
        assert (tmp_path / "page.png").stat().st_size > 50_000
        page.click("#theme")
        expect(root).to_have_attribute("data-theme", "light" if dark else "dark")


def test_follows_the_system_from_light_to_dark(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize(("motion", "moves"), [("reduce", False), ("no-preference", True)])
def test_nothing_moves_for_those_who_want_that(
    page: Page, motion: Literal["reduce", "no-preference"], moves: bool
) -> None:
    page.emulate_media(reduced_motion=motion)
    for place in ("html", ".strip"):
        behaviour = page.locator(place).evaluate("e => getComputedStyle(e).scrollBehavior")
        assert behaviour == ("smooth" if moves else "auto"), place
    bar = page.locator(".bars i").first
    duration = bar.evaluate("e => parseFloat(getComputedStyle(e).transitionDuration)")
    assert (duration > 0) == moves
    strip = page.locator(".strip")
    strip.evaluate("e => { e.scrollTo = (how) => { window.how = how; }; }")
    page.locator(".stage").press("n")
    assert list(page.evaluate("() => window.how")) == ["left"], "the style decides"


def test_prints_without_the_controls(page: Page, tmp_path: Path) -> None:
    page.emulate_media(media="print")
    expect(page.locator(".bar:visible, nav:visible")).to_have_count(0)
    expect(page.locator("#pictures table")).to_be_visible()
    figures = page.locator("#chart figure:visible")
    expect(figures, "every metric, not the one on screen").to_have_count(2)
    expect(page.locator(".chart:visible, .stage:visible")).to_have_count(0)
    pair = page.locator("#viewer .pair img:visible")
    expect(pair, "the viewer's pair").to_have_count(2)
    assert pair.evaluate_all("all => all.every(i => i.naturalWidth > 0)")
    expect(page.locator("#savings .chosen"), "what the bars are about").to_be_visible()
    expect(page.locator("#numbers .foot"), "what the signs mean").to_be_visible()
    page.pdf(path=tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_without_scripts(browser: Browser, file: Path) -> None:
    with opened(browser, file, java_script_enabled=False) as page:
        expect(page.locator("figure svg")).to_have_count(2)
        expect(page.locator("figure").first).to_be_visible()
        expect(page.locator(".chart")).to_be_hidden()
        assert page.locator("#savings .row").count() >= 2
