"""Chromium as a renderer: HTML or a file, a window and a scale -> a PNG. No network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.support.browser import ARGUMENTS, chromium, find_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route


class View(NamedTuple):
    """How a page is looked at: the window in CSS pixels, device pixels for each, the top line."""

    width: int
    height: int
    scale: float = 1
    top: int = 0
    dark: bool = False
    lcd: bool = False  # letters as lcd.conf has them


class Renderer:
    """A running Chromium that takes pictures of pages."""

    def __init__(self, plain: Browser, lcd: Browser) -> None:
        self._browsers = {False: plain, True: lcd}

    def html(self, text: str, out: Path, view: View, base: Path | None = None) -> None:
        """Render `text`; files that it names lie in `base`."""
        page = (base or out.parent) / ".page.html"
        page.write_text(text, "utf-8")
        try:
            self.file(page, out, view)
        finally:
            page.unlink()

    def file(self, page: Path, out: Path, view: View, *, css: str = "", anchor: str = "") -> None:
        """Render an HTML file, with more style, scrolled to an element's id."""
        with self._browsers[view.lcd].new_context(
            viewport={"width": view.width, "height": view.height},
            device_scale_factor=view.scale,
            color_scheme="dark" if view.dark else "light",
            reduced_motion="reduce",
        ) as context:
            context.route("**/*", _files_only)
            tab = context.new_page()
            tab.goto(page.resolve().as_uri() + (f"#{anchor}" if anchor else ""))
            if css:
                tab.add_style_tag(content=css)
            tab.evaluate(
                "async top => { await document.fonts.ready; if (top) scrollTo(0, top) }", view.top
            )
            tab.screenshot(path=out, animations="disabled", caret="hide")


def _files_only(route: Route) -> None:
    """Let local files through, and nothing else."""
    if route.request.url.startswith(("file:", "data:")):
        route.continue_()
    else:
        route.abort()


@contextmanager
def renderer() -> Iterator[Renderer]:
    """Chromium for many pages, once for each way to draw letters."""
    with chromium() as plain:
        lcd = plain.browser_type.launch(
            executable_path=find_chromium(),
            args=ARGUMENTS,
            env={**os.environ, "FONTCONFIG_FILE": str(Path(__file__).with_name("lcd.conf"))},
        )
        yield Renderer(plain, lcd)
        lcd.close()
