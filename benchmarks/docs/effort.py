"""Effort and tune: bytes saved at equal score, and seconds per megapixel.

    python -m benchmarks.docs.effort PICTURES --efforts 1,2,3,4,5,6,7 --limit 4
    python -m benchmarks.docs.effort PICTURES --efforts 2,5 --tunes psnr ssim visual --limit 4

BD-rates are against effort 2, tune balanced, on the same pictures: the mean over pictures of each
picture's own BD-rate over the qualities. Seconds are medians of the whole encode.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
from PIL import Image

import tccodec
from benchmarks.common import open_rgb, table_head, table_row
from tccodec.coding.effort import DEFAULT_TUNE, TUNES
from tccodec.metrics import picture_metric
from tccodec.metrics.bd import bd_rate

QUALITIES = (20, 35, 50, 65)
METRICS = ("psnr", "ms-ssim", "ssimulacra2")
Points = dict[str, list[tuple[float, float]]]  # metric -> (bpp, axis value) per quality


def measure(
    codec: tccodec.Codec, image: Image.Image, *, effort: int, tune: tccodec.Tune
) -> tuple[Points, float]:
    """Curves of one picture, and seconds per megapixel."""
    original = np.asarray(image)
    megapixels = image.width * image.height / 1e6
    metrics = {name: picture_metric(name) for name in METRICS}
    ready = {name: m.prepare(original) for name, m in metrics.items()}
    points: Points = {name: [] for name in METRICS}
    seconds = []
    for quality in QUALITIES:
        start = time.perf_counter()
        data = codec.compress(image, quality=quality, preview=False, effort=effort, tune=tune)
        seconds.append((time.perf_counter() - start) / megapixels)
        decoded = codec.decode(data)
        for name, metric in metrics.items():
            score = metric.score(original, decoded, ready[name])
            assert score is not None
            points[name].append((len(data) * 8e-6 / megapixels, metric.info.axis_value(score)))
    return points, statistics.median(seconds)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--efforts", default="1,2,3,4,5,6,7")
    parser.add_argument("--tunes", nargs="+", choices=TUNES, default=[DEFAULT_TUNE])
    parser.add_argument("--limit", type=int, default=4)
    parser.add_argument("--model", default="tcae-s")
    args = parser.parse_args()
    codec = tccodec.Codec.from_pretrained(args.model, device="cpu")
    paths = sorted(p for p in args.pictures.iterdir() if p.suffix.lower() in (".png", ".jpg"))
    images = [open_rgb(p) for p in paths[:: max(1, len(paths) // args.limit)]]
    images = images[: args.limit]
    anchors = [measure(codec, image, effort=2, tune=DEFAULT_TUNE)[0] for image in images]
    print(f"{len(images)} pictures, qualities {', '.join(map(str, QUALITIES))}\n")
    print(table_head("effort", "tune", "PSNR", "MS-SSIM", "SSIMULACRA2", "s/MP"))
    for tune in args.tunes:
        for effort in map(int, args.efforts.split(",")):
            results = [measure(codec, image, effort=effort, tune=tune) for image in images]
            cells = []
            for name in METRICS:
                deltas = [
                    bd_rate(*zip(*anchor[name], strict=True), *zip(*points[name], strict=True))
                    for anchor, (points, _) in zip(anchors, results, strict=True)
                ]
                cells.append(f"{statistics.fmean(d.value for d in deltas):+.1f} %")
            seconds = statistics.median(s for _, s in results)
            print(table_row([effort, tune, *cells, f"{seconds:.2f}"]), flush=True)


if __name__ == "__main__":
    main()
