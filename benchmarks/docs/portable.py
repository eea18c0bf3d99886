"""Decoding with torch and without it: seconds of a processor per megapixel, one thread each.

    python -m benchmarks.docs.portable [--megapixels 1] [--repeats 5] [--write]

The least of all repeats, in 32 bits, of the bundled photograph. Needs onnxruntime. With `--write`
the table goes into docs/guide/performance.md.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable

import torch

from benchmarks.common import ROOT, paste, table_head, table_row, tiled
from tccodec.coding.coded import CodedPicture
from tccodec.coding.neural import NeuralCodec
from tccodec.coding.quality import Quality, to_setting
from tccodec.model.registry import find_model
from tccodec.portable.core import PortableCodec

Decoder = NeuralCodec | PortableCodec


def seconds(repeats: int, function: Callable[[], object]) -> float:
    """The least processor time of `repeats` calls, after one that does not count."""
    function()
    took = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        took.append(time.process_time() - start)
    return min(took)


def pixels(codec: Decoder, coded: CodedPicture) -> None:
    """Decode a picture."""
    for _ in codec.decode_rows(coded):
        pass


def main() -> None:
    """Print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megapixels", type=float, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    folder = find_model("tcae-s").folder
    encoder = NeuralCodec.load(folder, device="cpu", precision="fp32")
    codecs: dict[str, Decoder] = {
        "torch": encoder,
        "numpy and onnxruntime": PortableCodec(folder, threads=1),
    }
    side = round((args.megapixels * 1e6) ** 0.5)
    rgb = tiled(side, side)
    rows = [table_head("quality", "decoder", "symbols, s", "all, s")]
    for quality in (20, 50, 90):
        coded = encoder.encode(rgb, to_setting(Quality(quality)))
        for name, codec in codecs.items():
            check = functools.partial(codec.check, coded)
            decode = functools.partial(pixels, codec, coded)
            took = [seconds(args.repeats, work) / (side**2 / 1e6) for work in (check, decode)]
            rows.append(table_row([quality, name, *(f"{t:.2f}" for t in took)]))
    table = "\n".join(rows)
    print(table)
    if args.write:
        paste(ROOT / "docs" / "guide" / "performance.md", table, "portable")


if __name__ == "__main__":
    main()
