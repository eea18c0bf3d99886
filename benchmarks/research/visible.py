"""What it saves to count errors of latents by their visibility, not all alike.

    python -m benchmarks.research.visible PICTURE... [--metrics psnr ms-ssim ssimulacra2 lpips]

BD-rates against the same encoder with `tune` psnr, at effort 2, means over the pictures: latents of
the middle 512 x 512 pixels. Each row is another `Visibility`.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.common import Array8, table_head, table_row
from benchmarks.research.symbols import middle, picture_arguments
from tccodec.coding.effort import Tune
from tccodec.coding.neural import NeuralCodec
from tccodec.coding.visibility import VISIBILITY
from tccodec.container import Setting
from tccodec.metrics import METRICS, Metric, picture_metric
from tccodec.metrics.bd import bd_rate
from tccodec.model.registry import find_model

SETTINGS = tuple(map(Setting, (100, 200, 300, 400, 500)))
VARIANTS = {
    "by group": replace(VISIBILITY, masking=0.0),
    "by energy": replace(VISIBILITY, coarse=(1.0,), fine=(1.0,)),
    "by both": VISIBILITY,
    "by both, more": replace(VISIBILITY, coarse=(2.0, 1.5), fine=(1.0, 0.6), masking=0.25),
}
Curves = dict[str, list[tuple[float, float]]]  # bits per pixel and score, by metric


def curves(
    codec: NeuralCodec,
    rgb: Array8,
    metrics: dict[str, Metric],
    *,
    settings: Sequence[Setting] = SETTINGS,
    tune: Tune,
) -> Curves:
    """Rates and scores of a picture's latents."""
    found: Curves = {name: [] for name in metrics}
    prepared = {name: metric.prepare(rgb) for name, metric in metrics.items()}
    for setting in settings:
        coded = codec.encode(rgb, setting, tune=tune)
        bits = 8 * sum(map(len, coded.payloads)) / (coded.width * coded.height)
        decoded = codec.decode(coded)
        for name, metric in metrics.items():
            score = metric.score(rgb, decoded, prepared[name])
            assert score is not None
            found[name].append((bits, metric.info.axis_value(score)))
    return found


def bd_rates(before: Curves, after: Curves) -> list[float]:
    """BD-rates in per cent of a picture's curves against other ones, by metric."""
    return [
        bd_rate(*zip(*before[key], strict=True), *zip(*after[key], strict=True)).value
        for key in before
    ]


def main() -> None:
    """Print the table."""
    parser = picture_arguments(__doc__)
    parser.add_argument(
        "--metrics", nargs="+", choices=METRICS, default=["psnr", "ms-ssim", "ssimulacra2"]
    )
    args = parser.parse_args()
    codec = NeuralCodec.load(find_model(args.model).folder, device="cpu")
    metrics = {name: picture_metric(name) for name in args.metrics}
    rows: dict[str, list[list[float]]] = {name: [] for name in VARIANTS}
    for path in args.pictures:
        rgb = middle(path)
        before = curves(codec, rgb, metrics, tune="psnr")
        for name, visibility in VARIANTS.items():
            codec.visibility = visibility
            after = curves(codec, rgb, metrics, tune="visual")
            rows[name].append(bd_rates(before, after))
    print(table_head("weights", *(f"BD-rate, {m.info.label}" for m in metrics.values())))
    for name, deltas in rows.items():
        means = map(statistics.fmean, zip(*deltas, strict=True))
        print(table_row([name, *(f"{mean:+.2f} %" for mean in means)]))


if __name__ == "__main__":
    main()
