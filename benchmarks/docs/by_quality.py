"""What `compress` takes by quality: seconds of CPU time per megapixel.

    python -m benchmarks.docs.by_quality [PICTURE ...] [--write]

The pictures are the bundled photograph and a drawn page, or those that are named. CPU time is that
of all threads, the least of two calls.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from PIL import Image

import tccodec
from benchmarks.common import PHOTO, ROOT, open_rgb, paste, table_head, table_row
from tccodec import Target
from tccodec.picture import from_image
from tests.support.pictures import page

PAGE = ROOT / "docs" / "guide" / "performance.md"
QUALITIES = (35, 50, 60, 65, 80, 90, 100)
REPEATS = 2


def row(codec: tccodec.Codec, image: Image.Image, quality: float) -> list[str]:
    """Latents alone, as it comes, the ratio of the two, and the share that has no latents."""
    picture = from_image(image)
    megapixels = image.width * image.height / 1e6
    took = []
    for lossy in (True, False):
        seconds = []
        for _ in range(REPEATS):
            start = time.process_time()
            result = codec.compress_picture(picture, Target("quality", quality), lossy=lossy)
            seconds.append(time.process_time() - start)
        took.append(min(seconds) / megapixels)
    alone, whole = took
    return [f"{alone:.2f}", f"{whole:.2f}", f"{whole / alone:.1f}", f"{result.apart:.0%}"]


def main() -> None:
    """Print the table, or write it into its page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="*", type=Path)
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.name}")
    args = parser.parse_args()
    images = {path.name: open_rgb(path) for path in args.pictures}
    if not images:
        images = {"photograph": open_rgb(PHOTO), "drawn page": page(1280, 854)}
    codec = tccodec.Codec.from_pretrained()
    codec.compress(next(iter(images.values())), quality=50)  # loads and warms up
    each = ("`--lossy`, s/MP", "as it comes, s/MP", "ratio", "without latents")
    rows = [table_head("picture", "quality", *each)]
    for name, image in images.items():
        for quality in QUALITIES:
            rows.append(table_row([name, quality, *row(codec, image, quality)]))
    table = "\n".join(rows)
    if args.write:
        paste(PAGE, table, "by_quality")
    else:
        print(table)


if __name__ == "__main__":
    main()
