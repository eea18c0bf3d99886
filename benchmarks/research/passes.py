"""Where the bits are: share of each latent group, and bits per site of its passes.

    python -m benchmarks.research.passes PICTURE... [--model tcae-s] [--setting 150 300 450 600]

Sites of the first passes see fewer neighbours that are known: what they cost more is what the
order of coding could still save. Bits are ideal code lengths under the model's tables, of the
pictures' middle 512 x 512 pixels.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Array8, table_head, table_row
from benchmarks.research.symbols import coded_passes, middle, picture_arguments
from tccodec.coding.neural import NeuralCodec
from tccodec.container import Setting
from tccodec.model.registry import find_model

Counts = dict[tuple[int, int], NDArray[np.float64]]  # (group, pass) -> bits, sites


def count(codec: NeuralCodec, rgb: Array8, setting: Setting) -> Counts:
    """Bits and sites of each pass of one picture."""
    cfg, tables = codec.cfg, codec.entropy.coder.tables
    out: Counts = defaultdict(lambda: np.zeros(2))
    for g, number, (symbols, index) in coded_passes(codec, rgb, setting):
        size = cfg.hyper if g < 0 else cfg.sizes[g]
        out[g, number] += tables.bits(symbols, index), len(symbols) / size
    return out


def main() -> None:
    """A table for each setting, to stdout."""
    parser = picture_arguments(__doc__)
    parser.add_argument("--setting", nargs="+", type=int, default=[150, 300, 450, 600])
    args = parser.parse_args()
    codec = NeuralCodec.load(find_model(args.model).folder)
    pictures = [middle(p) for p in args.pictures]
    print(table_head("setting", "group", "share of the bits", "bits per site, pass by pass"))
    for setting in map(Setting, args.setting):
        sums: Counts = defaultdict(lambda: np.zeros(2))
        for rgb in pictures:
            for key, value in count(codec, rgb, setting).items():
                sums[key] += value
        total = sum(bits for bits, _ in sums.values())
        for group in dict.fromkeys(g for g, _ in sums):
            rows = [value for (g, _), value in sorted(sums.items()) if g == group]
            share = 100 * sum(bits for bits, _ in rows) / total
            cells = ", ".join(f"{bits / max(sites, 1):.1f}" for bits, sites in rows)
            name = "hyper" if group < 0 else group
            print(table_row([setting, name, f"{share:.1f} %", cells]))


if __name__ == "__main__":
    main()
