"""Screenshots and scans that were JPEG files once, and bear its marks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from benchmarks.common import open_rgb
from benchmarks.docs.kinds import drawings, screens, web
from benchmarks.docs.kinds.browser import Renderer, View
from benchmarks.docs.kinds.degrade import jpeg, scanned
from benchmarks.docs.kinds.web import Sheet

TASN1 = ("libtasn1-doc", "libtasn1-doc/libtasn1.pdf")
MIME = ("shared-mime-info", "shared-mime-info/shared-mime-info-spec.pdf")


class Shot(NamedTuple):
    """A screenshot or drawing, its size after a program changed it, and the JPEG's settings."""

    page: Callable[[], tuple[str, View]]
    scale: float
    quality: int
    subsampling: str = "4:2:0"


class Scan(NamedTuple):
    """A page of a PDF on a scanner: the paper's colour, noise, the JPEG's quality."""

    sheet: Sheet
    paper: tuple[int, int, int]
    noise: float
    quality: int
    grey: bool = False


def screen(name: str) -> Callable[[], tuple[str, View]]:
    """A page of `screens`."""
    return lambda: screens.pages()[name]


def drawing(name: str) -> Callable[[], tuple[str, View]]:
    """A page of `drawings`."""

    def page() -> tuple[str, View]:
        draw, view = drawings.PAGES[name]
        return draw(np.random.default_rng(99)), view

    return page


SHOTS = {
    "editor-q75": Shot(screen("editor-light-lcd"), 1, 75),
    "spreadsheet-q90": Shot(screen("spreadsheet-lcd"), 1, 90),
    "terminal-q60": Shot(screen("terminal-editor"), 1, 60),
    "settings-resized-q80": Shot(screen("settings-light"), 0.8, 80),
    "comic-q85": Shot(drawing("comic"), 1, 85),
    "map-resized-q70": Shot(drawing("map-streets"), 0.85, 70, "4:4:4"),
}
SCANS = {
    "scan-white-q85": Scan(Sheet(*TASN1, 11, 150, (80, 90, 900, 1000)), (250, 250, 248), 2, 85),
    "scan-grey-q75": Scan(Sheet(*TASN1, 16, 130, (40, 60, 860, 900)), (236, 236, 236), 3, 75, True),
    "scan-yellow-q60": Scan(Sheet(*MIME, 5, 140, (70, 90, 900, 900)), (243, 231, 200), 4, 60),
    "scan-small-q80": Scan(Sheet(*MIME, 10, 96, (40, 50, 700, 950)), (246, 244, 238), 2.5, 80),
    "scan-large-q70": Scan(Sheet(*TASN1, 21, 220, (180, 220, 1100, 820)), (240, 238, 233), 3, 70),
    "scan-copy-q50": Scan(Sheet(*MIME, 12, 120, (50, 60, 850, 900)), (225, 225, 228), 6, 50, True),
}


def make(renderer: Renderer, folder: Path) -> dict[str, str]:
    """Make all; the source of each."""
    for name, shot in SHOTS.items():
        out = folder / f"{name}.png"
        text, view = shot.page()
        renderer.html(text, out, view)
        image = open_rgb(out)
        size = round(image.width * shot.scale), round(image.height * shot.scale)
        image = image.resize(size, Image.Resampling.LANCZOS)
        jpeg(image, shot.quality, shot.subsampling).save(out)
    for seed, (name, scan) in enumerate(SCANS.items()):
        out = folder / f"{name}.png"
        web.sheet(scan.sheet, out)
        rng = np.random.default_rng(seed)
        image = scanned(open_rgb(out), rng, paper=scan.paper, noise=scan.noise)
        if scan.grey:
            image = image.convert("L").convert("RGB")
        jpeg(image, scan.quality).save(out)
    scans = {name: f"Debian {s.sheet.package}, {s.sheet.path}" for name, s in SCANS.items()}
    return dict.fromkeys(SHOTS, "drawn here") | scans
