"""The screenshot of a report's viewer in README.md; needs Chromium.

    python -m benchmarks.docs.viewer -o docs/images/report.jpg

A report on `examples/`, AVIF beside the default model, opened in the browser of the page's tests.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from PIL import Image

from benchmarks.common import ROOT
from tccodec.report import run
from tests.support.browser import chromium, opened, what_is_missing

SIZE = {"width": 1100, "height": 820}


def main() -> None:
    """Write the screenshot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    if missing := what_is_missing():
        sys.exit(missing)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report"
        run(ROOT / "examples", out, codecs=["avif", "tcae-s"], points=6, show=1)
        shot = Path(folder) / "shot.png"
        with chromium() as browser, opened(browser, out / "report.html", viewport=SIZE) as page:
            page.locator("#rates button").nth(1).click()
            page.locator("#viewer").evaluate("e => e.scrollIntoView({behavior: 'instant'})")
            page.wait_for_function(
                "[...document.querySelectorAll('#viewer img')].every(i => i.complete)"
            )
            page.screenshot(path=shot)
        with Image.open(shot) as image:
            image.convert("RGB").save(args.output, quality=88)


if __name__ == "__main__":
    main()
