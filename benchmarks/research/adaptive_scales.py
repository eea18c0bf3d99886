"""Would scales that adapt to the picture pay? Bits saved by shifts of the table indices.

    python -m benchmarks.research.adaptive_scales PICTURE... [--model tcae-s]

The entropy model predicts a table, that is a scale, for every symbol. Here all tables of a channel,
or of a latent group, are shifted by the number that suits the picture best. For channels the price
of the shifts is given as well: their entropy over all pictures. Backwards, the shift of a channel
follows from what earlier passes of its group had, and costs nothing. Middle 512 x 512 pixels.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Array8, table_head, table_row
from benchmarks.research.symbols import coded_passes, middle, picture_arguments
from tccodec.coding.neural import NeuralCodec
from tccodec.container import Setting
from tccodec.entropy.tables import FIRST_CODED, SCALES
from tccodec.model.registry import find_model

SETTINGS = tuple(map(Setting, (150, 300, 450, 600)))
SHIFTS = np.arange(-5, 6)
UNSHIFTED = int(np.flatnonzero(SHIFTS == 0)[0])
LARGEST = 2200  # magnitude whose price is known
CAUTION = 3.0  # bits by which a shift of one must have paid before it is taken, backwards
Bits = NDArray[np.float64]  # (shifts, channels)


def pass_bits(prices: Bits, symbols: NDArray[np.int32], index: NDArray[np.uint8]) -> Bits:
    """Bits of the symbols of a pass `(sites, channels)` under every shift of its tables."""
    magnitude = np.minimum(np.abs(symbols), LARGEST)
    bits = np.zeros((len(SHIFTS), symbols.shape[1]))
    for i, shift in enumerate(SHIFTS):
        shifted = np.clip(index.astype(int) + shift, FIRST_CODED, SCALES - 1)
        bits[i] = np.where(index >= FIRST_CODED, prices[shifted, magnitude], 0).sum(0)
    return bits


def savings(codec: NeuralCodec, pictures: list[Array8], setting: Setting) -> list[float]:
    """Shares of the bits: saved by channel, price of that, saved by group, saved backwards."""
    prices = codec.entropy.coder.tables.prices(LARGEST).astype(float)
    base = by_channel = by_group = backwards = 0.0
    chosen = np.zeros(len(SHIFTS))
    for rgb in pictures:
        groups: dict[int, list[Bits]] = defaultdict(list)
        for g, _, (symbols, index) in coded_passes(codec, rgb, setting):
            if g >= 0:
                shape = (-1, codec.cfg.sizes[g])
                bits = pass_bits(prices, symbols.reshape(shape), index.reshape(shape))
                groups[g].append(bits)
        for passes in groups.values():
            whole = np.sum(passes, axis=0)
            base += whole[UNSHIFTED].sum()
            by_channel += whole.min(0).sum()
            by_group += whole.sum(1).min()
            chosen += np.bincount(whole.argmin(0), minlength=len(SHIFTS))
            seen = np.abs(SHIFTS)[:, None] * CAUTION * np.ones(whole.shape[1])
            for bits in passes:
                backwards += bits[seen.argmin(0), np.arange(bits.shape[1])].sum()
                seen = seen + bits
    share = chosen[chosen > 0] / chosen.sum()
    price = -float((share * np.log2(share)).sum()) * chosen.sum()
    return [by_channel / base - 1, price / base, by_group / base - 1, backwards / base - 1]


def main() -> None:
    """A table to stdout."""
    args = picture_arguments(__doc__).parse_args()
    codec = NeuralCodec.load(find_model(args.model).folder)
    if codec.cfg.trellis:
        raise SystemExit("a shift of tables is only for models with one quantiser")
    pictures = [middle(path) for path in args.pictures]
    print(table_head("setting", "by channel", "price of that", "by group", "by channel, backwards"))
    for setting in SETTINGS:
        shares = savings(codec, pictures, setting)
        print(table_row([setting, *(f"{100 * share:+.2f} %" for share in shares)]), flush=True)


if __name__ == "__main__":
    main()
