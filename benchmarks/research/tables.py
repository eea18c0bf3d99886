"""Would symbol tables of their own for every latent group pay? Bits saved on other pictures.

    python -m benchmarks.research.tables PICTURE... [--model tcae-s]

Tables are fitted to the symbols of every second picture and tried on the others, and the other way
round: the model's own, the logistic ones of training, one fitted set for all groups, and a set for
each. Middle 512 x 512 pixels; all settings count the same in a fit. Hyper-latents are left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Array8, table_head, table_row
from benchmarks.research.symbols import coded_passes, middle, picture_arguments
from tccodec.coding.neural import NeuralCodec
from tccodec.container import Setting
from tccodec.entropy.tables import FIRST_CODED, SCALES, Tables, fitted_tables, logistic_tables
from tccodec.model.registry import find_model
from tccodec.training.calibrate import count_symbols, no_symbols

SETTINGS = tuple(map(Setting, (100, 200, 300, 400, 500, 600)))
START = logistic_tables()
Counts = list[NDArray[np.float64]]  # one histogram for each table, laid out as the logistic ones


def histograms(codec: NeuralCodec, rgb: Array8, setting: Setting) -> list[Counts]:
    """Symbols of one picture, by group and table."""
    out = [no_symbols(START) for _ in codec.cfg.groups]
    for g, _, (symbols, index) in coded_passes(codec, rgb, setting):
        if g >= 0:
            count_symbols(out[g], symbols, index)
    return out


def bits(seen: Counts, tables: Tables) -> float:
    """Ideal code length of the counted symbols under `tables`, without what follows escapes."""
    pairs = list(zip(seen, tables.counts, strict=True))[FIRST_CODED:]
    return -sum(float((n * np.log2(c / c.sum())).sum()) for n, c in pairs)


def summed(parts: list[Counts], weights: list[float]) -> Counts:
    """Weighted sum, brought to the size of the largest part."""
    least = min(weights)
    return [
        np.sum([w / least * p[t] for w, p in zip(weights, parts, strict=True)], axis=0)
        for t in range(SCALES)
    ]


def main() -> None:
    """A table to stdout."""
    args = picture_arguments(__doc__).parse_args()
    codec = NeuralCodec.load(find_model(args.model).folder)
    own = codec.entropy.coder.tables
    groups = range(len(codec.cfg.groups))
    halves: list[dict[int, list[Counts]]] = [{}, {}]
    for i, path in enumerate(args.pictures):
        rgb = middle(path)
        for setting in SETTINGS:
            seen, half = histograms(codec, rgb, setting), halves[i % 2]
            old = half.get(setting)
            half[setting] = [
                summed([old[g], seen[g]], [1.0, 1.0]) if old else seen[g] for g in groups
            ]
    rows: dict[int, NDArray[np.float64]] = {q: np.zeros(4) for q in SETTINGS}
    for train, test in (halves, halves[::-1]):
        sizes = [1 / sum(bits(train[q][g], own) for g in groups) for q in SETTINGS]
        by_group = [summed([train[q][g] for q in SETTINGS], sizes) for g in groups]
        shared = fitted_tables(summed(by_group, [1.0] * len(groups)), START)
        each = [fitted_tables(h, START) for h in by_group]
        for q in SETTINGS:
            for g in groups:
                rows[q] += [bits(test[q][g], t) for t in (own, START, shared, each[g])]
    print(table_head("setting", "logistic tables", "one fitted set", "a set for each group"))
    for name, (base, *others) in rows.items():
        print(table_row([name, *(f"{100 * (b / base - 1):+.2f} %" for b in others)]))


if __name__ == "__main__":
    main()
