"""Would a filter after the decoder, fitted to each picture and sent with it, pay?

    python -m benchmarks.research.output_filter PICTURE... [--metric psnr] [--model tcae-s]

The filter adds to luma or chroma of a decoded picture a weighted sum of differences between a
pixel and its neighbours, as the adaptive loop filter of VVC does (Tsai et al. 2013, "Adaptive loop
filtering for video coding"); chroma also takes the differences of luma. The least squares of the
encoder's error give the weights. *Sent*: they are rounded, and their magnitudes count with their
bits in an Elias-gamma code; signs, two bytes at most, are left out. *Fixed*: the least squares of
all the other pictures, at no bits. A filter that does not lower the error is left out. Middle
512 x 512 pixels; BD-rates against the same files without a filter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.common import Array8, table_head, table_row
from benchmarks.research.symbols import middle, picture_arguments
from tccodec import Codec
from tccodec.metrics import METRICS, Metric, picture_metric
from tccodec.metrics.bd import bd_rate

QUALITIES = (10, 20, 30, 40, 50, 60)
STEP = 1 / 32  # of a weight that is sent
TO_YCBCR = np.array([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])
TO_RGB = np.linalg.inv(TO_YCBCR)
RIDGE = 1e-3  # of the mean diagonal: keeps weights of features that are nearly equal small

Array = NDArray[np.floating]


class Decoded(NamedTuple):
    """A picture at a quality; planes are Y, Cb, Cr: `(height, width, 3)`, levels of 255."""

    original: Array8
    bits: float
    planes: Array
    error: Array


class Filter(NamedTuple):
    """Planes that are filtered, and the radius of the diamond of neighbours in a plane."""

    name: str
    planes: tuple[int, ...]
    own: int
    luma: int = 0


FILTERS = (
    Filter("luma, 7 x 7", (0,), 3),
    Filter("chroma from chroma, 5 x 5", (1, 2), 2),
    Filter("chroma from luma, 3 x 3", (1, 2), 0, 1),
    Filter("chroma from chroma and luma", (1, 2), 2, 1),
)


def differences(plane: Array, radius: int) -> Array:
    """Sums of two opposite neighbours less twice the pixel: `(height * width, count)`."""
    h, w = plane.shape
    padded = np.pad(plane, radius, mode="edge")
    found = [
        padded[radius + y : radius + y + h, radius + x : radius + x + w]
        + padded[radius - y : radius - y + h, radius - x : radius - x + w]
        - 2 * plane
        for y in range(radius + 1)
        for x in range(-radius, radius + 1)
        if abs(x) + y <= radius and (y or x > 0)
    ]
    return np.stack(found, -1).reshape(h * w, -1)


def features(one: Decoded, kind: Filter, plane: int) -> Array:
    """What the weights of a plane are for: `(height * width, count)`."""
    parts = [differences(one.planes[..., plane], kind.own)] if kind.own else []
    if kind.luma:
        parts.append(differences(one.planes[..., 0], kind.luma))
    return np.concatenate(parts, -1)


def solve(gram: Array, moments: Array) -> Array:
    """Weights of least squares."""
    ridge = RIDGE * np.trace(gram) / len(gram) + 1e-6
    return np.linalg.solve(gram + ridge * np.eye(len(gram), dtype=np.float32), moments)


def squared_error(error: Array) -> float:
    """Mean over red, green and blue."""
    return float(np.square(error @ TO_RGB.T).mean())


Filtered = Callable[[int, int], tuple[Array, float]]  # picture, quality: error left, bits


def sent(decoded: list[dict[int, Decoded]], kind: Filter) -> Filtered:
    """Weights of each picture and quality, rounded."""

    def apply(number: int, quality: int) -> tuple[Array, float]:
        one = decoded[number][quality]
        left, bits = one.error.copy(), 0.0
        for p in kind.planes:
            f, target = features(one, kind, p), one.error[..., p].ravel()
            levels = np.round(solve(f.T @ f, f.T @ target) / STEP)
            left[..., p] -= (f @ (levels * STEP)).reshape(left.shape[:2])
            bits += float((1 + 2 * np.floor(np.log2(1 + np.abs(levels)))).sum())
        return left, bits

    return apply


def fixed(decoded: list[dict[int, Decoded]], kind: Filter) -> Filtered:
    """Weights for a quality and a plane from all other pictures."""
    sums: dict[tuple[int, int], list[tuple[Array, Array]]] = {}
    for q in QUALITIES:
        for p in kind.planes:
            for one in (pictures[q] for pictures in decoded):
                f = features(one, kind, p)
                moments = f.T @ one.error[..., p].ravel()
                sums.setdefault((q, p), []).append((f.T @ f / len(f), moments / len(f)))

    def apply(number: int, quality: int) -> tuple[Array, float]:
        one = decoded[number][quality]
        left = one.error.copy()
        for p in kind.planes:
            others = [s for i, s in enumerate(sums[quality, p]) if i != number]
            weights = solve(sum(g for g, _ in others), sum(m for _, m in others))  # type: ignore[arg-type]
            left[..., p] -= (features(one, kind, p) @ weights).reshape(left.shape[:2])
        return left, 0.0

    return apply


def gains(
    decoded: list[dict[int, Decoded]], filtered: Filtered, metric: Metric
) -> list[tuple[float, Array]]:
    """BD-rate in per cent, and what the score wins at each quality, of each picture."""
    found = []
    for number, pictures in enumerate(decoded):
        rates: tuple[list[float], list[float]] = ([], [])
        scores: tuple[list[float], list[float]] = ([], [])
        for q in QUALITIES:
            one = pictures[q]
            left, bits = filtered(number, q)
            if squared_error(left) > squared_error(one.error):
                left, bits = one.error, 0.0
            prepared = metric.prepare(one.original)
            for i, (total, error) in enumerate([(one.bits, one.error), (one.bits + bits, left)]):
                rgb = (one.planes + one.error - error) @ TO_RGB.T
                shown = np.clip(np.round(rgb), 0, 255).astype(np.uint8)
                score = metric.score(one.original, shown, prepared)
                assert score is not None, "the picture is too small for the metric"
                rates[i].append(total / error[..., 0].size)
                scores[i].append(score)
        change = bd_rate(rates[0], scores[0], rates[1], scores[1]).value
        found.append((change, np.subtract(scores[1], scores[0])))
    return found


def decode(codec: Codec, rgb: Array8, quality: int) -> Decoded:
    """Through a file of latents alone."""
    data = codec.compress(Image.fromarray(rgb), quality=quality, lossy=True)
    planes = np.asarray(codec.decode(data)) @ TO_YCBCR.T
    return Decoded(
        rgb,
        8 * len(data),
        planes.astype(np.float32),
        (rgb @ TO_YCBCR.T - planes).astype(np.float32),
    )


def row(name: str, found: Sequence[tuple[float, Array]]) -> str:
    """Mean and median BD-rate, and the mean of what each quality wins."""
    changes = [change for change, _ in found]
    mean = np.mean([won for _, won in found], 0)
    shown = (
        f"{np.mean(changes):+.2f} %",
        f"{np.median(changes):+.2f} %",
        *(f"{w:+.3f}" for w in mean),
    )
    return table_row([name, *shown])


def main() -> None:
    """A table to stdout."""
    parser = picture_arguments(__doc__)
    parser.add_argument("--metric", choices=METRICS, default="psnr")
    args = parser.parse_args()
    metric = picture_metric(args.metric)
    codec = Codec.from_pretrained(args.model)
    pictures = [middle(path) for path in args.pictures]
    decoded = [{q: decode(codec, rgb, q) for q in QUALITIES} for rgb in pictures]
    print(table_head("filter", "BD-rate", "median", *(f"{args.metric} at {q}" for q in QUALITIES)))
    for kind in FILTERS:
        for name, way in (("sent", sent), ("fixed", fixed)):
            print(
                row(f"{kind.name}, {name}", gains(decoded, way(decoded, kind), metric)), flush=True
            )


if __name__ == "__main__":
    main()
