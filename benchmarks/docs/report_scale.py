"""How a report grows with its folder: seconds and page size per picture.

    python -m benchmarks.docs.report_scale --pictures 50 200

Crops of the bundled photograph stand for a folder; all default metrics, four codecs, eight
qualities. Prints a Markdown table; what does not depend on the pixels (page, store) can be
extrapolated from it, the time from the megapixels.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.common import PHOTO, open_rgb, table_head, table_row
from tccodec.report import run

CODECS = ["tcae-s", "jpeg", "webp", "avif"]


def main() -> None:
    """Make folders, report on them, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, nargs="+", default=[50, 200])
    parser.add_argument("--side", type=int, default=176)
    args = parser.parse_args()
    photo = open_rgb(PHOTO)
    sizes = ("page, MB", "store, MB")
    print(table_head("pictures", "megapixels", "points", "seconds", "s per MP and codec", *sizes))
    for count in args.pictures:
        with tempfile.TemporaryDirectory() as name:
            folder, out = Path(name) / "pictures", Path(name) / "report"
            folder.mkdir()
            rng = np.random.default_rng(1)
            for i in range(count):
                x, y = rng.integers(0, (photo.width - args.side, photo.height - args.side))
                box = (int(x), int(y), int(x) + args.side, int(y) + args.side)
                photo.crop(box).save(folder / f"{i:04}.png")
            start = time.perf_counter()
            report = run(folder, out, codecs=CODECS)
            seconds = time.perf_counter() - start
            megapixels = count * args.side**2 / 1e6
            page = (out / "report.html").stat().st_size / 1e6
            store = sum(f.stat().st_size for f in (out / "store").rglob("*") if f.is_file()) / 1e6
            each = seconds / megapixels / len(CODECS)
            counts = [count, f"{megapixels:.2f}", len(report.records)]
            times = [f"{seconds:.0f}", f"{each:.1f}"]
            print(table_row([*counts, *times, f"{page:.1f}", f"{store:.1f}"]), flush=True)


if __name__ == "__main__":
    main()
