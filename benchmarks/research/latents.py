"""How many bits one model's latents need against another's.

    python -m benchmarks.research.latents PICTURE... --models tcae-s OTHER... [--rdoq 0.5 0.65]

BD-rates against the first model, means and medians over the pictures, and the bits per pixel at
each setting. Only latents count, of the middle 512 x 512 pixels, and nothing that may take their
place in a file. `--rdoq`: strengths of quantisation for the other models, each in turn.
"""

from __future__ import annotations

import statistics

import numpy as np

from benchmarks.common import table_head, table_row
from benchmarks.research.symbols import middle, picture_arguments
from benchmarks.research.visible import Curves, bd_rates, curves
from tccodec.coding.neural import NeuralCodec
from tccodec.container import Setting
from tccodec.metrics import METRICS, picture_metric
from tccodec.model.registry import find_model

SETTINGS = tuple(map(Setting, (80, 160, 260, 360, 460, 580, 700)))


def main() -> None:
    """Print the table."""
    parser = picture_arguments(__doc__)
    parser.add_argument("--models", nargs="+", default=["tcae-s"], help="names or folders")
    parser.add_argument("--rdoq", nargs="+", type=float)
    parser.add_argument(
        "--metrics", nargs="+", choices=METRICS, default=["psnr", "ms-ssim", "ssimulacra2"]
    )
    args = parser.parse_args()
    metrics = {name: picture_metric(name) for name in args.metrics}
    pictures = [middle(path) for path in args.pictures]
    titles = [m.info.label for m in metrics.values()]
    print(table_head("model", "rdoq", *titles, *(f"median, {t}" for t in titles), "bpp"))
    first: list[Curves] = []
    for number, name in enumerate(args.models):
        codec = NeuralCodec.load(find_model(name).folder, device="cpu")
        for strength in args.rdoq if number and args.rdoq else (codec.rdoq,):
            codec.rdoq = strength
            found = [
                curves(codec, rgb, metrics, settings=SETTINGS, tune="psnr") for rgb in pictures
            ]
            first = first or found
            deltas = np.array([bd_rates(a, b) for a, b in zip(first, found, strict=True)])
            rates = [[bits for bits, _ in curve[args.metrics[0]]] for curve in found]
            means = [statistics.fmean(at) for at in zip(*rates, strict=True)]
            cells = [f"{x:+.2f} %" for x in (*deltas.mean(0), *np.median(deltas, 0))]
            bpp = " ".join(f"{mean:.3f}" for mean in means)
            print(table_row([name, f"{strength:g}", *cells, bpp]), flush=True)


if __name__ == "__main__":
    main()
