"""A real browser for the page's tests: the Chromium of the machine, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ARGUMENTS = ["--force-color-profile=srgb", "--hide-scrollbars"]
# WebGPU without a GPU.
SOFTWARE_GPU = (
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-features=Vulkan",
)
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def find_chromium() -> str | None:
    """A Chromium on the search path, or the one that TCCODEC_CHROMIUM names."""
    named = os.environ.get("TCCODEC_CHROMIUM")
    return named or next((p for p in map(shutil.which, NAMES) if p), None)


def what_is_missing() -> str | None:
    """Why no browser can be started here, and what to do; None if one can."""
    if find_spec("playwright") is None:
        return "Playwright is not installed: pip install playwright"
    if find_chromium() is None:
        return "no Chromium on this machine: install one or name it with TCCODEC_CHROMIUM"
    return None


@contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """A headless Chromium, of which `what_is_missing` must have found nothing missing."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=[*ARGUMENTS, *arguments]
        )
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, file: Path, **options: Any) -> Iterator[Page]:
    """A page that shows `file`; `options` are those of Playwright's `new_context`.

    Whoever leaves without an exception has seen an empty console and no request but for the file.
    """
    problems, requests = [], []
    options = {"viewport": {"width": 1280, "height": 900}} | options
    with browser.new_context(**options) as context, context.new_page() as page:
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(f"{message.type}: {message.text}"))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(file.resolve().as_uri())
        yield page
        assert problems == [], "the console must stay empty"
        outside = [url for url in requests if not url.startswith("data:")]
        assert outside == [file.resolve().as_uri()], "nothing but the file itself is loaded"
