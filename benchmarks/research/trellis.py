"""How many states the trellis of two quantisers needs, and which feedback.

    python -m benchmarks.research.trellis PICTURE... [--trellises 8:7 16:3 32:13 64:51]

A trellis is its number of states and its feedback (`tccodec.entropy.trellis.Trellis`), both
decimal. BD-rates against the first one, of the latents of the middle 512 x 512 pixels, means over
the pictures. The symbol tables are those of the model.
"""

from __future__ import annotations

import functools
from unittest.mock import patch

import numpy as np

from benchmarks.common import table_head, table_row
from benchmarks.research.latents import SETTINGS
from benchmarks.research.symbols import middle, picture_arguments
from benchmarks.research.visible import Curves, bd_rates, curves
from tccodec.coding.neural import NeuralCodec
from tccodec.entropy import choice, coder
from tccodec.entropy.trellis import Trellis, cheapest_paths
from tccodec.metrics import METRICS, picture_metric
from tccodec.model.registry import find_model


def main() -> None:
    """Print the table."""
    parser = picture_arguments(__doc__)
    parser.add_argument("--trellises", nargs="+", default=["8:7", "16:3", "32:13", "64:51"])
    parser.add_argument("--metrics", nargs="+", choices=METRICS, default=["psnr", "ssimulacra2"])
    args = parser.parse_args()
    metrics = {name: picture_metric(name) for name in args.metrics}
    pictures = [middle(path) for path in args.pictures]
    titles = [m.info.label for m in metrics.values()]
    print(table_head("states", "feedback", *titles))
    first: list[Curves] = []
    for states, feedback in (map(int, text.split(":")) for text in args.trellises):
        trellis = Trellis(states, feedback)
        paths = functools.partial(cheapest_paths, trellis=trellis)
        with patch.object(choice, "cheapest_paths", paths), patch.object(coder, "TRELLIS", trellis):
            codec = NeuralCodec.load(find_model(args.model).folder, device="cpu")
            found = [
                curves(codec, rgb, metrics, settings=SETTINGS, tune="psnr") for rgb in pictures
            ]
        first = first or found
        deltas = np.array([bd_rates(a, b) for a, b in zip(first, found, strict=True)])
        cells = [f"{x:+.2f} %" for x in deltas.mean(0)]
        print(table_row([states, f"{feedback:0{states.bit_length() - 1}b}", *cells]))


if __name__ == "__main__":
    main()
