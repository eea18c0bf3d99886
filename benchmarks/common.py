"""What several benchmarks use: the bundled photograph, AVIF beside a file, curves, Markdown."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from tccodec.metrics import Metric
from tccodec.metrics.bd import PiecewiseCubic, frontier

ROOT = Path(__file__).resolve().parents[1]
PHOTO = ROOT / "examples" / "photo.jpg"
MARGIN, LABEL = 8, 34  # of `side_by_side`, pixels

Array8 = NDArray[np.uint8]
Curve = list[tuple[float, float]]  # bits per pixel, score


class Column(NamedTuple):
    """A metric's column in a table."""

    title: str
    decimals: int


def open_rgb(path: Path) -> Image.Image:
    """A picture file in RGB."""
    with Image.open(path) as opened:
        return opened.convert("RGB")


def busiest_spot(image: Array8, side: int) -> tuple[int, int]:
    """Left and top, on a grid of 32, of the `side` x `side` pixels that differ most from their
    neighbours."""
    grey = image.astype(np.float32).mean(2)
    edges = np.abs(np.diff(grey, axis=0))[:, :-1] + np.abs(np.diff(grey, axis=1))[:-1]
    spots = [
        (float(edges[y : y + side, x : x + side].mean()), x, y)
        for y in range(0, image.shape[0] - side + 1, 32)
        for x in range(0, image.shape[1] - side + 1, 32)
    ]
    return max(spots)[1:]


def busiest(image: Array8, side: int) -> Array8:
    """The `side` x `side` pixels at `busiest_spot`."""
    x, y = busiest_spot(image, side)
    return np.ascontiguousarray(image[y : y + side, x : x + side])


def tiled(width: int, height: int) -> Array8:
    """The bundled photograph, repeated to a size in pixels: uint8 `(height, width, 3)`."""
    tile = np.asarray(open_rgb(PHOTO))
    repeats = (-(-height // tile.shape[0]), -(-width // tile.shape[1]), 1)
    return np.tile(tile, repeats)[:height, :width]


def four_by_three(megapixels: float) -> tuple[int, int]:
    """Width and height of a picture of that size."""
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    return width, round(megapixels * 1e6 / width)


def best_of(count: int, function: Callable[[], object]) -> float:
    """The least number of seconds that `count` calls took."""
    best = float("inf")
    for _ in range(count):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


def cpu_seconds(count: int, function: Callable[[], object]) -> float:
    """The least processor time of `count` calls, after one that does not count."""
    function()
    took = []
    for _ in range(count):
        start = time.process_time()
        function()
        took.append(time.process_time() - start)
    return min(took)


def scores_of(metric: Metric, original: Image.Image, decodes: Iterable[Image.Image]) -> list[float]:
    """A metric of several decodes of one picture in RGB; NaN where it is not defined."""
    pixels = np.asarray(original)
    prepared = metric.prepare(pixels)
    colour = (np.asarray(decoded.convert("RGB")) for decoded in decodes)
    scores = [metric.score(pixels, decoded, prepared) for decoded in colour]
    return [float("nan") if score is None else score for score in scores]


def avif_near(image: Image.Image, size: int, *, speed: int = 4) -> bytes:
    """The AVIF file whose bytes are nearest to `size`, by bisection over quality."""
    low, high = 0, 100
    best = b""
    while low <= high:
        quality = (low + high) // 2
        out = io.BytesIO()
        image.save(out, "AVIF", quality=quality, speed=speed)
        data = out.getvalue()
        if not best or abs(len(data) - size) < abs(len(best) - size):
            best = data
        low, high = (quality + 1, high) if len(data) < size else (low, quality - 1)
    return best


def decoded(data: bytes) -> Image.Image:
    """The picture that Pillow reads from a file's bytes, in RGB."""
    with Image.open(io.BytesIO(data)) as opened:
        return opened.convert("RGB")


def side_by_side(crops: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    """Crops of one size in a row, their captions below."""
    width, height = crops[0][1].size
    total = len(crops) * width + (len(crops) + 1) * MARGIN
    out = Image.new("RGB", (total, height + 2 * MARGIN + LABEL), "white")
    draw = ImageDraw.Draw(out)
    font = ImageFont.load_default(17)
    for i, (caption, crop) in enumerate(crops):
        x = MARGIN + i * (width + MARGIN)
        out.paste(crop, (x, MARGIN))
        draw.text((x + width // 2, height + MARGIN + LABEL // 2), caption, "black", font, "mm")
    return out


def save_sheet(sheet: Image.Image, path: Path) -> None:
    """Write a picture made of crops, in a quality that shows no artefacts of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".jpg":
        sheet.save(path, quality=93, subsampling=0)
    else:
        sheet.save(path)


def table_row(cells: Iterable[object]) -> str:
    """A line of a Markdown table."""
    return "".join("| " if cell == "" else f"| {cell} " for cell in cells) + "|"


def table_head(*titles: str) -> str:
    """The first two lines of a Markdown table."""
    return f"{table_row(titles)}\n{table_row(['---'] * len(titles))}"


def paste(path: Path, text: str, mark: str) -> None:
    """Put `text` between `<!-- mark -->` and `<!-- /mark -->` in a page."""
    old = path.read_text("utf-8")
    head, found, rest = old.partition(f"<!-- {mark} -->")
    _, closed, tail = rest.partition(f"<!-- /{mark} -->")
    if not (found and closed):
        sys.exit(f"{path} has no <!-- {mark} --> ... <!-- /{mark} -->")
    path.write_text(f"{head}{found}\n\n{text}\n\n{closed}{tail}", "utf-8")


def at_rate(curve: Curve, rate: float) -> float:
    """Score at `rate` bpp, PCHIP over the logarithm of the rate; NaN outside the curve."""
    sign = 1.0 if curve[-1][1] > curve[0][1] else -1.0
    rates, scores = frontier([c[0] for c in curve], [sign * c[1] for c in curve])
    return sign * float(PiecewiseCubic(np.log10(rates), scores, "pchip")(np.log10(rate)))


def scores_at(
    rates: Sequence[float],
    codecs: Sequence[str],
    metrics: Mapping[str, Column],
    curve: Callable[[str, str], Curve],
) -> str:
    """A Markdown table: each codec's scores at each rate. `curve` takes codec and metric."""
    lines = [table_head("bits per pixel", "codec", *(m.title for m in metrics.values()))]
    for rate in rates:
        for codec in codecs:
            scores = [at_rate(curve(codec, key), rate) for key in metrics]
            cells = [
                "below its range" if np.isnan(score) else f"{score:.{metric.decimals}f}"
                for score, metric in zip(scores, metrics.values(), strict=True)
            ]
            lines.append(table_row([f"{rate:g}", codec, *cells]))
    return "\n".join(lines)
