"""The screenshot of a report's viewer in README.md; needs Chromium.

    python benchmarks/viewer.py -o docs/images/report.jpg

A report on `examples/`, AVIF beside the default model, opened in the browser of the page's tests.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from PIL import Image

from tccodec.report import run

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from tests.report.browser import Browser, find_chromium  # noqa: E402

SIZE = (1100, 820)


def main() -> None:
    """Write the screenshot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    chromium = find_chromium()
    if chromium is None:
        sys.exit("no Chromium on this machine: install one or name it with TCCODEC_CHROMIUM")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report"
        run(ROOT / "examples", out, codecs=["avif", "tcae-s"], points=6, show=1)
        shot = Path(folder) / "shot.png"
        with Browser(chromium, width=SIZE[0], height=SIZE[1]) as page:
            page.open(out / "report.html")
            page.click("#rates button:nth-child(2)")
            page.run("document.querySelector('#viewer').scrollIntoView({behavior: 'instant'})")
            page.wait("[...document.querySelectorAll('#viewer img')].every(i => i.complete)")
            page.picture(shot)
        with Image.open(shot) as image:
            image.convert("RGB").save(args.output, quality=88)


if __name__ == "__main__":
    main()
