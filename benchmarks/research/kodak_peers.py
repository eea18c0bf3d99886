"""Do the report's peers give what others measured? Means on Kodak against stored anchors.

    python -m benchmarks.research.kodak_peers KODAK PEERS.json --out runs/kodak-peers

PEERS.json holds means over the 24 pictures per codec and setting (`means`: codec -> list of
`q`, `n` pictures, `bpp`, `psnr`, `ms-ssim`). Agreement: 0.02 dB, 0.001 MS-SSIM, 1 % of the rate.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from benchmarks.common import table_head, table_row
from tccodec.report import run

SETTINGS = {
    "jpeg": (20, 50, 80),
    "webp": (20, 50, 80),
    "avif": (20, 50, 70),
    "heic": (20, 50),
    "jp2": (24, 32, 38),
    "jxl": (20, 50, 80),
}


def main() -> None:
    """Print the table of differences."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kodak", type=Path)
    parser.add_argument("peers", type=Path)
    parser.add_argument("--out", type=Path, help="folder of the report, resumed if it exists")
    args = parser.parse_args()
    wanted = json.loads(args.peers.read_text("utf-8"))["means"]
    report = run(
        args.kodak,
        args.out,
        codecs=list(SETTINGS),
        qualities=";".join(f"{c}={','.join(map(str, q))}" for c, q in SETTINGS.items()),
        metrics=["psnr", "ms-ssim"],
        show=0,
    )
    print(table_head("codec", "version", "setting", "bpp", "PSNR", "MS-SSIM", "agrees"))
    for codec in report.codecs:
        for quality in SETTINGS[codec.name]:
            rows = [
                r for r in report.records if (r["codec"], r["quality"]) == (codec.name, quality)
            ]
            [want] = [w for w in wanted[codec.name] if w["q"] == quality]
            bpp, psnr, ssim = (
                float(np.mean([r[k] for r in rows])) for k in ("bpp", "psnr", "ms-ssim")
            )
            off = (bpp / want["bpp"] - 1) * 100, psnr - want["psnr"], ssim - want["ms-ssim"]
            good = len(rows) == want["n"] and abs(off[0]) <= 1 and abs(off[1]) <= 0.02
            good = good and abs(off[2]) <= 0.001
            cells = [f"{bpp:.4f} ({off[0]:+.2f} %)", f"{psnr:.3f} ({off[1]:+.3f})"]
            cells += [f"{ssim:.4f} ({off[2]:+.4f})", "yes" if good else "NO"]
            print(table_row([codec.name, codec.version, quality, *cells]))


if __name__ == "__main__":
    main()
