"""Icons and other small pictures: bytes beside PNG, WebP and AVIF at equal score.

    python -m benchmarks.docs.icons --write docs/guide/screens.md

PNG files of 16 to 256 pixels with alpha, 200 or --limit of them: all that Matplotlib and
Python's IDLE bring, and, by a fixed seed, as many of each size from Debian's adwaita-icon-theme;
those of 64 pixels and more are its largest ones, made smaller. Counted is a codec's smallest file
that reaches a score, over its qualities and its lossless mode; alpha is always lossless. The score
is the PSNR of the picture laid on black and on white.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import tccodec
from benchmarks.common import paste, table_head, table_row
from tccodec.container import MAGIC

THEME = Path("/usr/share/icons/Adwaita")
SIZES = {16: 16, 24: 24, 32: 32, 48: 48, 64: 512, 128: 512, 256: 512}  # pixels, and of the file
COUNT = 200
ROWS = ((16, 24), (25, 48), (49, 256))  # longer sides of the pictures in a row of the table
GOALS = (35.0, 42.0, np.inf)  # dB
QUALITIES = (10, 25, 40, 55, 70, 80, 90, 100)


def pictures() -> Iterator[Image.Image]:
    """The pictures, RGBA."""
    folders = (folder("matplotlib") / "mpl-data" / "images", folder("idlelib") / "Icons")
    own = [image for place in folders for image in map(rgba, sorted(place.glob("*.png")))]
    own = [image for image in own if max(image.size) <= ROWS[-1][1]]
    yield from own
    rng, share = np.random.default_rng(1), -(-(COUNT - len(own)) // len(SIZES))
    left = COUNT - len(own)
    for size, stored in SIZES.items():
        files = sorted((THEME / f"{stored}x{stored}").glob("*/*.png"))
        files = [f for f in files if "symbolic" not in f.name]
        if len(files) < share:
            sys.exit(f"{THEME} is missing; on Debian: apt install adwaita-icon-theme")
        for i in rng.choice(len(files), min(share, left), replace=False):
            yield rgba(files[i]).resize((size, size), Image.Resampling.LANCZOS)
        left -= min(share, left)


def folder(package: str) -> Path:
    """Where a package of Python lies."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        sys.exit(f"the Python package {package} is missing")
    return Path(spec.origin).parent


def rgba(file: Path) -> Image.Image:
    """A picture file in RGBA."""
    with Image.open(file) as image:
        return image.convert("RGBA")


def score(original: Image.Image, data: bytes) -> float:
    """PSNR on black and on white, in dB; infinite if both are the same."""
    error = 0.0
    for ground in ("black", "white"):
        one, other = (laid(image, ground) for image in (original, opened(data)))
        error += float(np.square(one - other).mean()) / 2
    return float(10 * np.log10(255**2 / error)) if error else np.inf


def laid(image: Image.Image, ground: str) -> NDArray[np.float64]:
    """The picture on a ground."""
    out = Image.new("RGBA", image.size, ground)
    out.alpha_composite(image)
    return np.asarray(out.convert("RGB"), np.float64)


def opened(data: bytes) -> Image.Image:
    """The picture in a file of any of the codecs."""
    if data.startswith(MAGIC):
        return codec().decompress(data).convert("RGBA")
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGBA")


@functools.cache
def codec() -> tccodec.Codec:
    """The default model."""
    return tccodec.Codec.from_pretrained()


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """A file that Pillow writes."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def png(image: Image.Image) -> Iterator[bytes]:
    """One file."""
    yield saved(image, "PNG", optimize=True)


def webp(image: Image.Image) -> Iterator[bytes]:
    """Lossy and lossless files."""
    yield saved(image, "WEBP", lossless=True, method=6, quality=100)
    for quality in QUALITIES:
        yield saved(image, "WEBP", quality=quality, method=6)


def avif(image: Image.Image) -> Iterator[bytes]:
    """Files with chroma at half and at full size."""
    for quality in QUALITIES:
        for chroma in ("4:2:0", "4:4:4"):
            yield saved(image, "AVIF", quality=quality, speed=4, subsampling=chroma, max_threads=2)


def tcz(image: Image.Image) -> Iterator[bytes]:
    """Files of the default options, and a lossless one."""
    for quality in QUALITIES:
        yield codec().compress(image, quality=quality, preview=False)
    yield codec().compress(image, lossless=True, preview=False)


CODECS: dict[str, Callable[[Image.Image], Iterator[bytes]]] = {
    "PNG": png,
    "WebP": webp,
    "AVIF": avif,
    "tccodec": tcz,
}


def least(image: Image.Image, files: Iterator[bytes]) -> list[float]:
    """Bytes of the smallest file that reaches each goal; infinite if none does."""
    sizes = [(score(image, data), len(data)) for data in files]
    return [min((n for s, n in sizes if s >= goal), default=np.inf) for goal in GOALS]


def table(limit: int) -> str:
    """Medians of bytes, and how many times tccodec's is the smallest file but PNG's.

    limit: how many pictures are taken, evenly from all.
    """
    results: dict[tuple[int, int], list[list[list[float]]]] = {row: [] for row in ROWS}
    every = list(pictures())
    for image in (every[i * len(every) // limit] for i in range(limit)):
        [row] = [row for row in ROWS if row[0] <= max(image.size) <= row[1]]
        results[row].append([least(image, encode(image)) for encode in CODECS.values()])
    heads = [f"{name}, bytes" for name in CODECS]
    lines = [table_head("pixels", "pictures", "at least", *heads, "tccodec smallest")]
    for (low, high), found in results.items():
        sizes = np.array(found)  # picture, codec, goal
        for g, goal in enumerate(GOALS):
            medians = [
                f"{value:,.0f}" if np.isfinite(value) else "out of reach"
                for value in np.median(sizes[:, :, g], axis=0)
            ]
            first = int((sizes[:, -1, g] < sizes[:, 1:-1, g].min(1)).sum())
            name = f"{goal:.0f} dB" if np.isfinite(goal) else "exact"
            lines.append(table_row([f"{low} to {high}", len(found), name, *medians, first]))
    return "\n".join(lines)


def main() -> None:
    """The table to stdout or into a page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", type=Path, help="page with marks")
    parser.add_argument("--limit", type=int, default=COUNT, help="pictures, evenly taken")
    args = parser.parse_args()
    text = table(min(args.limit, COUNT))
    if args.write:
        paste(args.write, text, "icons")
    print(text)


if __name__ == "__main__":
    main()
