"""The page in a browser: on a phone, by keyboard, with odd names, with many and damaged files."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tccodec.browser.gallery import write_gallery
from tccodec.browser.page import LIST, find_pictures, scripts
from tccodec.browser.server import Content, Server, contents
from tests.golden.make import HERE as GOLDEN
from tests.support.browser import chromium, what_is_missing

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default::ResourceWarning"),
    pytest.mark.skipif(bool(what_is_missing()), reason=str(what_is_missing())),
]
ODD = '#1 ? 100%25 & "<b>" ü 😀.tcz'
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DECODED = "() => /decoded in/.test(document.querySelector('#facts').textContent)"
# Where the picture stands, in every frame in which one is shown.
PLACES = """
window.places = new Set();
const look = () => {
  const picture = document.querySelector("#picture");
  if (picture && !picture.hidden) {
    places.add(JSON.stringify([document.title, picture.getBoundingClientRect()]));
  }
  requestAnimationFrame(look);
};
look();
"""
EXTENT = "() => ['Width', 'Height'].map((side) => document.documentElement[`scroll${side}`])"
CONTROLS = """() => [...document.querySelectorAll("button, input")]
  .filter((e) => e.checkVisibility())
  .map((e) => [e.id || e.title, e.getBoundingClientRect().width, e.getBoundingClientRect().height])
"""
# Safari on iOS leaves large canvases blank.
BLANK = """() => {
  for (const name of ["drawImage", "fillRect"]) {
    const paint = CanvasRenderingContext2D.prototype[name];
    CanvasRenderingContext2D.prototype[name] = function (...given) {
      if (this.canvas.width * this.canvas.height <= 2 ** 24) paint.apply(this, given);
    };
  }
}"""
# Size of the canvas to compare with, and the colour in its middle.
ORIGINAL = """() => {
  const canvas = document.querySelector("#original");
  const { width, height } = canvas;
  const one = new OffscreenCanvas(1, 1).getContext("2d");
  one.drawImage(canvas, width >> 1, height >> 1, 1, 1, 0, 0, 1, 1);
  return [width, height, ...one.getImageData(0, 0, 1, 1).data];
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@contextmanager
def shown(browser: Browser, folder: Path, **options: Any) -> Iterator[Page]:
    """The page of `tccodec view FOLDER`; whoever leaves it has seen an empty console."""
    with served(browser, contents(find_pictures(folder)), **options) as page:
        yield page


@contextmanager
def served(browser: Browser, files: dict[str, Content], **options: Any) -> Iterator[Page]:
    """The page that consists of these files; the console as in `shown`."""
    problems: list[str] = []
    with Server(files) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with browser.new_context(**options) as context, context.new_page() as page:
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("console", lambda message: problems.append(message.text))
            page.add_init_script(PLACES)
            page.goto(server.url)
            yield page
        server.shutdown()
    assert problems == []


def copied(folder: Path, **names: str) -> Path:
    """A folder with golden files, by the names that they get."""
    folder.mkdir()
    for golden, name in names.items():
        shutil.copy(GOLDEN / f"{golden.replace('_', '-')}.tcz", folder / name)
    return folder


def test_on_a_phone(browser: Browser, tmp_path: Path) -> None:
    folder = copied(tmp_path / "holiday", small_10=ODD, small_50="b.tcz", grey_40="c.tcz")
    for scheme in ("light", "dark"):
        with shown(browser, folder, **PHONE, color_scheme=scheme) as page:
            page.wait_for_function(DECODED)
            assert page.title() == ODD
            assert page.evaluate("() => places.size") == 1  # the small one and the whole one
            for compared in (False, True):
                if compared:
                    page.set_input_files("#originals", str(GOLDEN / "small-10.png"))
                    page.wait_for_selector("#divider:visible")
                assert page.evaluate(EXTENT) == [390, 844]
                controls = page.evaluate(CONTROLS)
                assert len(controls) >= 10
                assert not [c for c in controls if min(c[1:]) < 40]


def test_a_gallery_shows_its_previews_in_the_same_place(browser: Browser, tmp_path: Path) -> None:
    """And the names of its files may have any form."""
    folder = copied(tmp_path / "holiday", two_tiles_15=ODD, small_50="x.tcz")
    page_folder = tmp_path / "page"
    write_gallery(folder, page_folder)
    files = {
        p.relative_to(page_folder).as_posix(): p for p in page_folder.rglob("*") if p.is_file()
    }
    with Server(files) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with browser.new_context() as context, context.new_page() as page:
            page.add_init_script(PLACES)
            page.goto(server.url)
            page.wait_for_function(DECODED)
            assert page.title() == ODD
            assert page.evaluate("() => document.querySelector('#picture').width") == 1100
            page.wait_for_function("() => document.querySelector('#list canvas').width === 320")
            assert page.evaluate("() => places.size") == 1
        server.shutdown()


def test_a_gallery_whose_small_pictures_are_missing_shows_the_others(
    browser: Browser, tmp_path: Path
) -> None:
    folder = copied(tmp_path / "holiday", small_10="a.tcz", small_50="b.tcz")
    page_folder = tmp_path / "page"
    write_gallery(folder, page_folder)
    listing = json.loads((page_folder / "files.json").read_text("utf-8"))
    small = [entry["preview"] for entry in listing["files"]]
    assert len(small) == 2
    files = {
        p.relative_to(page_folder).as_posix(): p for p in page_folder.rglob("*") if p.is_file()
    }
    with Server({name: file for name, file in files.items() if name not in small}) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with browser.new_context() as context, context.new_page() as page:
            page.goto(server.url)
            page.wait_for_function(DECODED)
            assert page.evaluate("() => document.querySelector('#said').hidden")
            canvases = "[...document.querySelectorAll('#list canvas')]"
            page.wait_for_function(f"() => {canvases}.every((c) => c.width < 300)")
            assert page.evaluate("() => document.querySelector('#list .bad')") is None
        server.shutdown()


def test_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    folder = copied(tmp_path / "holiday", small_10="a.tcz", small_50="b.tcz")
    with shown(browser, folder) as page:
        # Playwright turns its own file chooser on without waiting for the browser: a key pressed
        # at once would find the browser's. With a listener from the start it is on all the time.
        page.on("filechooser", lambda _: None)
        page.wait_for_function(DECODED)
        reached: list[str] = []
        while "compare" not in reached and len(reached) < 20:
            page.keyboard.press("Tab")
            reached.append(page.evaluate("() => document.activeElement.id"))
        assert reached == [
            *("open", "save", "theme", "stage", "out", "fit", "actual", "in", "realism", "compare"),
        ]
        outline = "() => getComputedStyle(document.activeElement).outlineStyle"
        assert page.evaluate(outline) == "solid"
        with page.expect_file_chooser() as chooser:
            page.keyboard.press("Enter")
        chooser.value.set_files(str(GOLDEN / "small-10.png"))
        page.wait_for_selector("#divider:visible")
        place = "() => document.querySelector('#divider').style.left"
        before = page.evaluate(place)
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowRight")
        assert page.evaluate(place) != before
        page.keyboard.press("+")
        divider, picture = (page.locator(name).bounding_box() for name in ("#divider", "#picture"))
        assert [divider[k] for k in ("y", "height")] == [picture[k] for k in ("y", "height")]
        page.keyboard.press("N")  # letters do the same wherever one is
        page.wait_for_function("() => document.title === 'b.tcz'")
        with page.expect_file_chooser():
            page.keyboard.press("o")


def test_files_are_asked_for_once_the_page_can_take_them(browser: Browser, tmp_path: Path) -> None:
    files: dict[str, Content] = {**scripts(), LIST: b'{"models": [], "files": []}'}
    with served(browser, files) as page:
        page.wait_for_selector("#choose:visible")
        assert page.locator("#open").is_visible() and page.locator("#loading").is_hidden()
    with served(browser, files, java_script_enabled=False) as page:
        page.wait_for_selector("#loading:visible")
        assert page.locator("#open").is_hidden() and page.locator("#choose").is_hidden()


def test_a_model_without_realism(browser: Browser, tmp_path: Path) -> None:
    files = contents(find_pictures(copied(tmp_path / "holiday", small_10="a.tcz")))
    [(name, path)] = [(n, f) for n, f in files.items() if n.endswith("config.json")]
    assert isinstance(path, Path)
    config = json.loads(path.read_text("utf-8"))
    del config["realism"]
    with served(browser, files | {name: json.dumps(config).encode()}) as page:
        page.wait_for_function(DECODED)
        page.keyboard.press("r")
        page.wait_for_selector("#said:visible")
        assert "only realism 0 works" in page.inner_text("#said")
        assert [page.input_value("#realism"), page.inner_text("#amount")] == ["0", "0"]


def test_a_very_wide_picture_is_never_smaller_than_whole(browser: Browser, tmp_path: Path) -> None:
    """It is 36 times as wide as the window, and less than 1/32 is no other scale."""
    folder = copied(tmp_path / "holiday", two_tiles_15="a.tcz")
    with shown(browser, folder, viewport={"width": 30, "height": 600}) as page:
        page.wait_for_function(DECODED)
        width = "() => document.querySelector('#picture').getBoundingClientRect().width"
        assert page.evaluate(width) == pytest.approx(30)
        page.keyboard.press("-")
        assert page.evaluate(width) == pytest.approx(30)
        page.keyboard.press("+")
        assert page.evaluate(width) == pytest.approx(1.25 * 30)


def test_a_damaged_file_leaves_no_other_picture(browser: Browser, tmp_path: Path) -> None:
    folder = copied(tmp_path / "holiday", small_10="a.tcz", small_50="b.tcz")
    data = bytearray((folder / "b.tcz").read_bytes())
    data[-5] ^= 1
    (folder / "b.tcz").write_bytes(data)  # its header is sound
    with shown(browser, folder) as page:
        page.wait_for_function(DECODED)
        page.keyboard.press("n")
        page.wait_for_selector("#said:visible")
        assert page.inner_text("#said") == (
            "b.tcz: the file is damaged: the checksum does not match"
        )
        assert page.inner_text("#name") == "b.tcz"
        assert page.locator("#picture").is_hidden()
        assert page.locator("#save").is_disabled() and page.locator("#compare").is_disabled()
        page.wait_for_selector("#list .bad")
        page.keyboard.press("p")
        page.wait_for_function(DECODED)
        assert page.locator("#picture").is_visible() and page.locator("#said").is_hidden()
        assert page.locator("#save").is_enabled()


def test_a_picture_is_as_large_as_the_browser_can_show(browser: Browser, tmp_path: Path) -> None:
    Image.new("RGB", (4200, 4000), (10, 200, 30)).save(tmp_path / "large.png")
    with shown(browser, copied(tmp_path / "holiday", small_10="a.tcz")) as page:
        page.wait_for_function(DECODED)
        for size in ((4200, 4000), (4197, 3997)):
            page.set_input_files("#originals", str(tmp_path / "large.png"))
            page.wait_for_selector("#divider:visible")
            assert page.evaluate(ORIGINAL) == [*size, 10, 200, 30, 255]
            page.keyboard.press("c")
            page.evaluate(BLANK)


def test_five_hundred_files(browser: Browser, tmp_path: Path) -> None:
    """Only those in sight are fetched."""
    folder = copied(tmp_path / "many", small_10="000.tcz")
    for i in range(1, 500):
        shutil.copy(folder / "000.tcz", folder / f"{i:03}.tcz")
    asked: list[str] = []
    with shown(browser, folder) as page:
        page.on("request", lambda request: asked.append(request.url))
        page.wait_for_function(DECODED)
        assert page.locator("#list button").count() == 500
        page.locator("#list button").last.click()
        page.wait_for_function("() => document.title === '499.tcz'")
        page.wait_for_function(DECODED)
        page.wait_for_function(
            "() => document.querySelector('#list button:last-child canvas').width === 20"
        )
        assert 0 < sum("/files/" in url for url in asked) < 100
