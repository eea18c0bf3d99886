"""Mix the averaged weights of training runs linearly, as the released model was mixed.

    python benchmarks/mix.py RUN OTHER -o OUT --share 0.3 [--decoder RUN --decoder-share 0.5]

Writes a state from which `tccodec export OUT` and `tccodec train --init OUT/last` go on: 1 - share
of RUN and share of OTHER; the decoder network mixes RUN and `--decoder` instead, if given.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from tccodec.training.state import load_shards, save_shards


def main() -> None:
    """Read, mix, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("other", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--share", type=float, required=True)
    parser.add_argument("--decoder", type=Path)
    parser.add_argument("--decoder-share", type=float, default=0.5)
    args = parser.parse_args()
    one, _ = load_shards(args.run / "last")
    other, meta = load_shards(args.other / "last")
    decoder = other
    if args.decoder:
        decoder, meta = load_shards(args.decoder / "last")
    mixed = {}
    for name, value in one.items():
        if name.startswith("ema."):
            inner = args.decoder and name.startswith("ema.tcae.decoder.")
            end, share = (decoder, args.decoder_share) if inner else (other, args.share)
            whole = not value.is_floating_point()
            mixed[name] = end[name] if whole else torch.lerp(value, end[name], share)
    mixed |= {"model." + name.removeprefix("ema."): v.clone() for name, v in mixed.items()}
    save_shards(args.out / "last", mixed, meta)


if __name__ == "__main__":
    main()
