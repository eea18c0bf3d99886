"""Which format shows most of a picture in a few hundred bytes.

    python -m benchmarks.research.previews PICTURES

PSNR in dB of previews of a given size in bytes, enlarged to 256 pixels, against the picture reduced
to 256 pixels; means over the pictures. Each format takes the best of five sizes in pixels. AV1 is
what `tccodec.picture.preview` writes; WebP and JPEG count without what is the same in every file:
20 bytes of RIFF, and tables and headers before the scan.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.common import decoded, open_rgb, table_head, table_row
from tccodec.picture import av1

SIZES = (120, 250, 500, 1000)  # bytes
SIDES = (32, 48, 64, 96, 128)  # pixels
SHOWN = 256  # pixels

# An image at a quality, 0 .. 100: its bytes, and what they show.
Coder = Callable[[Image.Image, int], tuple[int, Image.Image]]


def by_av1(image: Image.Image, quality: int) -> tuple[int, Image.Image]:
    """As previews are coded."""
    body = av1.encode(np.asarray(image), quality=quality, speed=8)
    return len(body), Image.fromarray(av1.decode(body, width=image.width, height=image.height))


def by_webp(image: Image.Image, quality: int) -> tuple[int, Image.Image]:
    """WebP without RIFF."""
    data = saved(image, "WEBP", quality=quality, method=6)
    return len(data) - 20, decoded(data)


def by_jpeg(image: Image.Image, quality: int) -> tuple[int, Image.Image]:
    """The scan of a JPEG, with two bytes for its size and one for its quality."""
    data = saved(image, "JPEG", quality=quality, subsampling="4:2:0")
    scan = len(data) - data.index(b"\xff\xda") - 14 - 2
    return scan + 3, decoded(data)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of a file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def best_of(coder: Coder, image: Image.Image, size: int) -> Image.Image | None:
    """What the highest quality shows that takes at most `size` bytes; None if none does."""
    low, high, best = 0, 100, None
    while low <= high:
        middle = (low + high) // 2
        count, shown = coder(image, middle)
        if count <= size:
            best, low = shown, middle + 1
        else:
            high = middle - 1
    return best


def score(coder: Coder, reference: Image.Image, size: int) -> float:
    """PSNR of the best preview of a size in bytes; that of grey if there is none."""
    scores = [10 * np.log10(255**2 / np.square(np.asarray(reference, float) - 128).mean())]
    for side in SIDES:
        image = reference.copy()
        image.thumbnail((side, side))
        shown = best_of(coder, image, size)
        if shown is not None:
            large = shown.resize(reference.size, Image.Resampling.BICUBIC)
            error = np.square(np.asarray(large, float) - np.asarray(reference, float)).mean()
            scores.append(10 * np.log10(255**2 / error))
    return float(max(scores))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path, nargs="+")
    references = []
    for path in parser.parse_args().pictures:
        image = open_rgb(path)
        image.thumbnail((SHOWN, SHOWN))
        references.append(image)
    print(table_head("bytes", "AV1", "WebP", "JPEG"))
    for size in SIZES:
        means = [
            fmean(score(coder, image, size) for image in references)
            for coder in (by_av1, by_webp, by_jpeg)
        ]
        print(table_row([size, *(f"{mean:.2f}" for mean in means)]))


if __name__ == "__main__":
    main()
