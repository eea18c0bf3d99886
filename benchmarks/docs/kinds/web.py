"""Web pages and documents: documentation that packages ship, as a browser or a PDF shows it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from benchmarks.common import open_rgb
from benchmarks.docs.kinds.browser import Renderer, View

DOC = Path("/usr/share/doc")
SERIF = "body { font: 17px/1.5 'Liberation Serif', serif; max-width: 42em; margin: 1em auto }"
SEPIA = (
    "html { background: #f4ecd8 } body { font: 18px/1.6 'DejaVu Serif', serif; color: #433422;"
    "background: #f4ecd8; max-width: 38em; margin: 2em auto; text-align: justify; hyphens: auto }"
    "a { color: #7a3b10 } pre { background: #eadfc4 }"
)
NARROW = "body { font: 15px/1.35 'Liberation Sans Narrow', sans-serif; margin: 12px }"
# Chromium does not always draw the round corners of a box the same way.
PLAIN_INPUT = "input { appearance: none; border: 1px solid #999 }"


class Page(NamedTuple):
    """A page of a Debian package."""

    package: str
    path: str
    view: View
    anchor: str = ""
    css: str = ""


class Sheet(NamedTuple):
    """A sheet of a PDF: page number, dots per inch, and the crop in pixels (left, top, size)."""

    package: str
    path: str
    page: int
    dpi: int
    crop: tuple[int, int, int, int]


PAGES: dict[str, Page | Sheet] = {
    "api-light": Page("nodejs-doc", "nodejs/api/fs.html", View(1100, 760), "filehandle"),
    "api-dark-2x": Page(
        "nodejs-doc", "nodejs/api/http.html", View(620, 420, 2, dark=True), "class-httpagent"
    ),
    "shell-manual-lcd": Page(
        "fish-common", "fish/language.html", View(1000, 720, lcd=True), "quotes"
    ),
    "shell-tutorial-1.5x": Page("fish-common", "fish/tutorial.html", View(740, 500, 1.5, 1400)),
    "release-notes": Page(
        "fish-common", "fish/relnotes.html", View(960, 800, 1, 3000), css=PLAIN_INPUT
    ),
    "manual-serif": Page("valgrind", "valgrind/html/mc-manual.html", View(960, 720, 1, 2600)),
    "manual-sepia-2x": Page(
        "valgrind", "valgrind/html/cg-manual.html", View(560, 440, 2, 900), css=SEPIA
    ),
    "reference-lcd": Page(
        "libxslt1-dev",
        "libxslt1-dev/html/xsltproc.html",
        View(720, 640, 1, 500, lcd=True),
        css=NARROW,
    ),
    "book-serif": Page("libffi-dev", "libffi8/html/The-Basics.html", View(800, 760), css=SERIF),
    "paper-100dpi": Sheet("libtasn1-doc", "libtasn1-doc/libtasn1.pdf", 9, 100, (60, 60, 720, 900)),
    "paper-200dpi": Sheet(
        "libtasn1-doc", "libtasn1-doc/libtasn1.pdf", 14, 200, (150, 220, 1000, 800)
    ),
    "specification-120dpi": Sheet(
        "shared-mime-info",
        "shared-mime-info/shared-mime-info-spec.pdf",
        8,
        120,
        (60, 80, 900, 900),
    ),
}


def installed(package: str, path: str) -> Path:
    """A file of a Debian package, or a sentence that says how to get it."""
    file = DOC / path
    if not file.is_file():
        sys.exit(f"{file} is missing; on Debian: apt install {package}")
    return file


def sheet(item: Sheet, out: Path) -> None:
    """A part of a PDF's page, by pdftoppm, anti-aliased."""
    pdf = installed(item.package, item.path)
    page = str(item.page)
    command = ["pdftoppm", "-png", "-singlefile", "-r", str(item.dpi), "-f", page, "-l", page]
    subprocess.run([*command, str(pdf), str(out.with_suffix(""))], check=True)
    left, top, width, height = item.crop
    open_rgb(out).crop((left, top, left + width, top + height)).save(out)


def render(renderer: Renderer, name: str, out: Path) -> None:
    """Render one of PAGES."""
    item = PAGES[name]
    if isinstance(item, Sheet):
        sheet(item, out)
    else:
        page = installed(item.package, item.path)
        renderer.file(page, out, item.view, css=item.css, anchor=item.anchor)


def make(renderer: Renderer, folder: Path) -> dict[str, str]:
    """Render all; the source of each."""
    for name in PAGES:
        render(renderer, name, folder / f"{name}.png")
    return {name: f"Debian {p.package}, {DOC / p.path}" for name, p in PAGES.items()}
