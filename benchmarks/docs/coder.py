"""Entropy coding with constriction and without it: seconds of a processor, one thread.

    python -m benchmarks.docs.coder KODAK/kodim05.png KODAK/kodim23.png [--write]

"encode" and "decode" are latents to payloads and back, the integer networks included; the least of
all repeats. Each of the two coders runs in a process of its own, because importing tccodec chooses
it. With `--write` the table goes into docs/guide/performance.md.
"""

from __future__ import annotations

import argparse
import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from benchmarks.common import ROOT, cpu_seconds, open_rgb, paste, table_head, table_row
from tccodec.coding.coded import CodedPicture
from tccodec.coding.neural import NeuralCodec
from tccodec.coding.quality import Quality, to_setting
from tccodec.entropy.tables import FIRST_CODED
from tccodec.model.registry import find_model

QUALITIES = (20, 50, 90)
# Importing a module that is None in `sys.modules` fails, as it does where it is not installed.
WITHOUT = "sys.modules['constriction'] = None; "
CHILD = (
    "import json, sys; {0}from pathlib import Path; from benchmarks.docs.coder import measure; "
    "print(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2]))))"
)


class Measured(NamedTuple):
    """Entropy coding of one picture at one quality."""

    picture: str
    quality: int
    symbols: float  # coded ones per pixel
    encode: float  # seconds per megapixel
    decode: float  # seconds per megapixel


def measure(path: Path, repeats: int) -> list[Measured]:
    """A picture at `QUALITIES`, with the coder of this process."""
    torch.set_num_threads(1)
    codec = NeuralCodec.load(find_model("tcae-s").folder, device="cpu", precision="fp32")
    rgb = np.asarray(open_rgb(path))
    height, width = rgb.shape[:2]
    rows = []
    for quality in QUALITIES:
        setting = to_setting(Quality(quality))
        latents = codec.latents(rgb, setting)
        payloads, groups = codec.encode_latents(latents, setting)
        indices = [index for passes in groups for _, index in passes]
        coded = CodedPicture(width=width, height=height, setting=setting, payloads=payloads)
        encode = cpu_seconds(repeats, functools.partial(codec.encode_latents, latents, setting))
        decode = cpu_seconds(repeats, functools.partial(codec.check, coded))
        pixels = width * height
        symbols = sum(int((index >= FIRST_CODED).sum()) for index in indices) / pixels
        megapixels = pixels / 1e6
        rows.append(Measured(path.stem, quality, symbols, encode / megapixels, decode / megapixels))
    return rows


def measured_apart(path: Path, repeats: int, *, constriction: bool) -> list[Measured]:
    """`measure` in a process that has constriction, or cannot import it."""
    program = CHILD.format("" if constriction else WITHOUT)
    command = [sys.executable, "-c", program, str(path.resolve()), str(repeats)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return [Measured(*row) for row in json.loads(done.stdout)]


def main() -> None:
    """Print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    titles = ("encode", "encode, Python", "decode", "decode, Python")
    rows = [table_head("picture, quality", "coded symbols a pixel", *titles)]
    for path in args.pictures:
        fast = measured_apart(path, args.repeats, constriction=True)
        slow = measured_apart(path, args.repeats, constriction=False)
        for one, other in zip(fast, slow, strict=True):
            took = (one.encode, other.encode, one.decode, other.decode)
            name = f"{one.picture}, {one.quality}"
            rows.append(table_row([name, f"{one.symbols:.2f}", *(f"{t:.2f}" for t in took)]))
    table = "\n".join(rows)
    print(table)
    if args.write:
        paste(ROOT / "docs" / "guide" / "performance.md", table, "coder")


if __name__ == "__main__":
    main()
