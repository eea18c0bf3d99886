"""What the kinds of integer products take: a codec's CPU seconds per megapixel with each.

    python -m benchmarks.docs.products [PICTURE ...] [--write]

The pictures are the bundled photograph, or those that are named. CPU time is that of all threads,
the least of three calls in turn. With `OMP_NUM_THREADS=1` none waits for another.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.common import PHOTO, ROOT, open_rgb, paste, table_head, table_row
from tccodec.coding.neural import NeuralCodec
from tccodec.coding.quality import Quality, to_setting
from tccodec.entropy.products import choose_matmul, double_matmul, float_matmul, int_matmul
from tccodec.model.registry import find_model

PAGE = ROOT / "docs" / "guide" / "performance.md"
PRODUCTS = {"torch's int8": int_matmul, "float32": float_matmul, "float64": double_matmul}
QUALITY = Quality(50.0)
REPEATS = 3


def cpu_seconds(function: Callable[[], object]) -> float:
    """What one call takes of all threads."""
    start = time.process_time()
    function()
    return time.process_time() - start


def seconds(codec: NeuralCodec, paths: list[Path]) -> dict[str, tuple[float, float]]:
    """Per megapixel, by product: of encoding and of decoding."""
    pictures = [np.asarray(open_rgb(path)) for path in paths]
    megapixels = sum(rgb.shape[0] * rgb.shape[1] for rgb in pictures) / 1e6
    setting = to_setting(QUALITY)
    best: dict[str, tuple[float, float]] = {}
    for _ in range(REPEATS):
        for name, product in PRODUCTS.items():
            codec.entropy.networks.matmul = product
            coded = [codec.encode(rgb, setting) for rgb in pictures]  # warms up
            encode = sum(cpu_seconds(partial(codec.encode, rgb, setting)) for rgb in pictures)
            decode = sum(cpu_seconds(partial(codec.decode, one)) for one in coded)
            before = best.get(name, (float("inf"), float("inf")))
            best[name] = min(encode / megapixels, before[0]), min(decode / megapixels, before[1])
    return best


def main() -> None:
    """Print the table, or write it into its page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="*", type=Path, default=[PHOTO])
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.name}")
    args = parser.parse_args()
    codec = NeuralCodec.load(find_model("tcae-s").folder, device="cpu")
    chosen = codec.entropy.networks.matmul = choose_matmul()
    rows = [table_head("products", "encode, s/MP", "decode, s/MP", "chosen")]
    for name, took in seconds(codec, args.pictures).items():
        mark = "yes" if PRODUCTS[name] is chosen else ""
        rows.append(table_row([name, *(f"{x:.2f}" for x in took), mark]))
    kind = torch.backends.cpu.get_cpu_capability()
    text = "\n".join([f"A CPU of torch's kind {kind}:", "", *rows])
    if args.write:
        paste(PAGE, text, "products")
    print(text)


if __name__ == "__main__":
    main()
