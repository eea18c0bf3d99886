"""The picture of the page in README.md and docs/guide/web.md; needs Chromium.

    python -m benchmarks.docs.view -o docs/images/view.jpg

`tccodec view` on the bundled photograph at quality 50, with the original on the right.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
from pathlib import Path

from PIL import Image

import tccodec
from benchmarks.common import PHOTO
from tccodec.browser.page import find_pictures
from tccodec.browser.server import Server, contents
from tests.support.browser import chromium, what_is_missing

QUALITY = 50


def main() -> None:
    """Write the screenshot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    if missing := what_is_missing():
        sys.exit(missing)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "photo.tcz").write_bytes(tccodec.compress(PHOTO, quality=QUALITY))
        shot = Path(folder) / "shot.png"
        with Server(contents(find_pictures(Path(folder)))) as server, chromium() as browser:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            page = browser.new_page(viewport={"width": 1100, "height": 760})
            page.goto(server.url)
            page.set_input_files("#originals", PHOTO)
            page.wait_for_selector("#divider:visible")
            page.screenshot(path=shot)
            server.shutdown()
        with Image.open(shot) as image:
            image.convert("RGB").save(args.output, quality=88)


if __name__ == "__main__":
    main()
