"""The page in a real browser, with real mouse and key events."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tccodec.report import Report, run
from tests.report.browser import Browser, find_chromium

CHROMIUM = find_chromium()
pytestmark = pytest.mark.skipif(
    CHROMIUM is None,
    reason="no Chromium on this machine: install one or name it with TCCODEC_CHROMIUM",
)


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


@pytest.fixture
def page(report: Report) -> Iterator[Browser]:
    assert CHROMIUM
    assert report.out
    with Browser(CHROMIUM) as browser:
        browser.open(report.out / "report.html")
        yield browser
        assert browser.problems == [], "the console must stay empty"
        outside = [r for r in browser.requests if not r.startswith("data:")]
        assert len(outside) == 1, "nothing but the file itself is loaded"
        assert outside[0].endswith("/report.html")


def count(page: Browser, selector: str) -> int:
    return int(page.run(f"document.querySelectorAll({selector!r}).length"))


def test_charts_are_drawn_and_follow_the_controls(page: Browser) -> None:
    assert count(page, ".chart path.curve") == 3
    assert page.run("document.querySelector('.chart .title').textContent") == "PSNR, dB"
    before = page.run("document.querySelector('path.curve').getAttribute('d')")
    page.click("#metrics button:nth-child(2)")
    assert "LPIPS" in page.run("document.querySelector('.chart .title').textContent")
    assert page.run("document.querySelector('path.curve').getAttribute('d')") != before
    page.click(".chips .chip:nth-child(3)")
    assert count(page, ".chart path.curve") == 2
    page.click("#scale button:nth-child(2)")
    page.run(
        "(() => { const s = document.querySelector('#source'); s.value = '1'; "
        "s.dispatchEvent(new Event('change')); })()"
    )
    assert count(page, ".chart path.curve") == 2
    assert page.run("[...document.querySelectorAll('.static')].every(e => !e.offsetParent)")


def test_values_are_read_off_by_mouse_and_keys(page: Browser) -> None:
    x, y, w, h = page.box(".chart svg")
    page.mouse("mouseMoved", x + w * 0.5, y + h * 0.5)
    page.wait("!document.querySelector('.tip').hidden")
    text = page.run("document.querySelector('.tip').textContent")
    assert "bits per pixel" in text
    assert "dB" in text
    page.run("document.querySelector('.chart svg').focus()")
    page.key("ArrowRight")
    page.key("ArrowRight")
    assert page.run("document.querySelector('.tip').textContent") != text
    page.key("Escape")
    page.wait("document.querySelector('.tip').hidden")


def test_divider_drags(page: Browser) -> None:
    x, y, w, h = page.box(".stage")
    middle = y + h / 2
    page.drag((x + w * 0.5, middle), (x + w * 0.2, middle))
    assert page.run("document.querySelector('.stage').ariaValueNow") == "20"
    left = page.run("document.querySelector('.divider').getBoundingClientRect().left") + 22
    assert left == pytest.approx(x + w * 0.2, abs=2)
    clip = page.run("getComputedStyle(document.querySelector('.right-side')).clipPath")
    assert clip.startswith("inset(0px 0px 0px")
    assert page.run("[...document.querySelectorAll('.stage img')].every(i => i.naturalWidth > 0)")


def test_keyboard_works_the_viewer(page: Browser) -> None:
    page.box(".stage")
    page.run("document.querySelector('.stage').focus()")
    value = "Number(document.querySelector('.stage').ariaValueNow)"
    page.key("ArrowLeft")
    page.key("ArrowLeft")
    assert page.run(value) == 46
    name = page.run("document.querySelector('.caption').textContent")
    page.key("n")
    assert page.run("document.querySelector('.caption').textContent") != name
    page.key("p")
    assert page.run("document.querySelector('.caption').textContent") == name
    page.key("1")
    assert page.run("document.querySelector('#rates button').ariaPressed") == "true"
    page.key("ArrowUp")
    assert page.run("document.querySelector('#rates button:nth-child(2)').ariaPressed") == "true"
    sides = "[...document.querySelectorAll('.tag')].map(t => t.textContent).join()"
    before = page.run(sides)
    page.key("x")
    assert page.run(sides) != before
    page.key(" ", up=False)
    assert page.run(value) in (0, 100)
    page.send("Input.dispatchKeyEvent", type="keyUp", key=" ")
    assert page.run(value) == 46


def test_zoom_to_pixels_and_move(page: Browser) -> None:
    page.box(".stage")
    page.click("#zoom button:last-child")
    matrix = "new DOMMatrix(getComputedStyle(document.querySelector('.stage img')).transform)"
    assert page.run(f"{matrix}.a") == 8
    assert page.run("document.querySelector('.stage img').classList.contains('pixels')")
    before = page.run(f"{matrix}.e")
    x, y, w, h = page.box(".stage")
    page.drag((x + w * 0.8, y + h * 0.3), (x + w * 0.8 - 120, y + h * 0.3))
    assert page.run(f"{matrix}.e") == pytest.approx(before - 120, abs=2)
    assert page.run("document.querySelector('.stage').ariaValueNow") == "50", "the divider stays"
    page.run("document.querySelector('.stage').focus()")
    page.key("0")
    assert page.run(f"{matrix}.a") < 8


def test_table_sorts_filters_and_opens_the_viewer(page: Browser) -> None:
    names = "[...document.querySelectorAll('#pictures tbody tr')].map(r => r.cells[0].innerText)"
    page.click("#pictures th:nth-child(4) button")
    values = page.run(
        "[...document.querySelectorAll('#pictures tbody tr')].map(r => +r.cells[3].dataset.v)"
    )
    assert values == sorted(values)
    assert page.run("document.querySelector('#pictures th:nth-child(4)').ariaSort") == "ascending"
    first = page.run(names)
    page.click("#pictures th:nth-child(4) button")
    assert page.run(names) == first[::-1]
    page.click("#pictures th:nth-child(1) button")
    assert page.run(names) == ["p0.png", "p1.png", "p2.png"]
    page.run(
        "(() => { const f = document.querySelector('#filter'); f.value = 'P1'; "
        "f.dispatchEvent(new Event('input')); })()"
    )
    visible = "[...document.querySelectorAll('#pictures tbody tr')].filter(r => !r.hidden).length"
    assert page.run(visible) == 1
    page.run(
        "(() => { const s = document.querySelector('#by'); s.value = 'lpips'; "
        "s.dispatchEvent(new Event('change')); })()"
    )
    page.click("#pictures tbody tr:not([hidden]) a")
    assert page.run("document.querySelector('.caption').textContent").startswith("p1.png")


def test_savings_follow_what_one_uses_now(page: Browser) -> None:
    assert count(page, "#savings .row") >= 2
    page.run(
        "(() => { const s = document.querySelector('#now'); s.value = 'webp'; "
        "s.dispatchEvent(new Event('change')); })()"
    )
    own = "[...document.querySelectorAll('#savings .row')].find(r => r.innerText.includes('now'))"
    assert "WebP" in page.run(f"{own}.innerText")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(("width", "height", "touch"), [(1280, 900, False), (390, 844, True)])
def test_looks(
    page: Browser, dark: bool, width: int, height: int, touch: bool, tmp_path: Path
) -> None:
    page.screen(width, height, touch=touch)
    page.dark(dark)
    page.wait(f"document.documentElement.dataset.theme === '{'dark' if dark else 'light'}'")
    wide = page.run("document.documentElement.scrollWidth")
    assert wide == width, "nothing sticks out sideways"
    background = page.run("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, background[4:-1].split(","))) < 200) == dark
    page.picture(tmp_path / "page.png", whole=True)
    assert (tmp_path / "page.png").stat().st_size > 50_000
    before = page.run("document.documentElement.dataset.theme")
    page.click("#theme")
    assert page.run("document.documentElement.dataset.theme") != before


def test_prints_without_the_controls(page: Browser, tmp_path: Path) -> None:
    page.send("Emulation.setEmulatedMedia", media="print")
    assert not page.run("[...document.querySelectorAll('.bar, nav')].some(e => e.offsetParent)")
    assert page.run("document.querySelector('#pictures table').offsetParent !== null")
    seen = "[...document.querySelectorAll('{}')].filter(e => e.offsetParent).length"
    assert page.run(seen.format("#chart figure")) == 2, "every metric, not the one on screen"
    assert page.run(seen.format("#chart .chart, .stage")) == 0
    assert page.run(seen.format("#viewer .pair img")) == 2, "the viewer's pair"
    assert page.run("[...document.querySelectorAll('.pair img')].every(i => i.naturalWidth > 0)")
    assert page.run(seen.format("#savings .chosen")) == 1, "what the bars are about"
    assert page.run(seen.format("#numbers .foot")) == 1, "what the signs mean"
    page.pdf(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")


def test_without_scripts(report: Report) -> None:
    assert CHROMIUM
    assert report.out
    with Browser(CHROMIUM) as browser:
        browser.send("Emulation.setScriptExecutionDisabled", value=True)
        browser.open(report.out / "report.html")
        assert browser.run("document.querySelectorAll('figure svg').length") == 2
        assert browser.run("document.querySelector('figure').offsetParent !== null")
        assert browser.run("document.querySelector('.chart').offsetParent === null")
        assert browser.run("document.querySelectorAll('#savings .row').length") >= 2
