"""Both looks of the same files on Kodak: LPIPS, DISTS, Frechet distance, PSNR at equal rates.

    python -m benchmarks.docs.realism KODAK --backbones DIR --write docs/guide/realism.md
    python -m benchmarks.docs.realism KODAK --sheet docs/images/realism.jpg

DIR holds VGG16 and EfficientNet-Lite (docs/reference/report.md). Points lie in --out, a store of
`tccodec report`. `--sheet` writes crops at 1:1 instead: original, realism 0 and 1, AVIF at equal
bytes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image

import tccodec
from benchmarks.common import (
    Column,
    Curve,
    avif_near,
    decoded,
    open_rgb,
    paste,
    save_sheet,
    scores_at,
    side_by_side,
)
from tccodec.report import run

METRICS = {
    "lpips": Column("LPIPS", 3),
    "dists": Column("DISTS", 3),
    "frechet-effnet": Column("Frechet", 1),
    "ssimulacra2": Column("SSIMULACRA2", 1),
    "psnr": Column("PSNR, dB", 2),
}
RATES = (0.08, 0.15, 0.3, 0.6)
QUALITIES = "10,15,20,25,30,35,40,45,50"
AVIF = "avif=5,10,15,20,25,30,35,40,45,50,55,60"
# Picture of Kodak, left and top corner of the crop.
CROPS = ((5, 60, 200), (8, 200, 150), (13, 250, 200), (23, 130, 40))
SIDE = 300


def contact_sheet(kodak: Path, model: str, bpp: float) -> Image.Image:
    """One row of crops per picture."""
    codec = tccodec.Codec.from_pretrained(model)
    rows = []
    for number, x, y in CROPS:
        original = open_rgb(kodak / f"kodim{number:02}.png")
        data = codec.compress(original, bpp=bpp, preview=False)
        avif = avif_near(original, len(data))
        crops = [
            ("original", original),
            (f"realism 0, {len(data):,} bytes", codec.decompress(data)),
            ("realism 1, the same file", codec.decompress(data, realism=1)),
            (f"AVIF, {len(avif):,} bytes", decoded(avif)),
        ]
        box = (x, y, x + SIDE, y + SIDE)
        rows.append(side_by_side([(caption, im.crop(box)) for caption, im in crops]))
    out = Image.new("RGB", (rows[0].width, sum(r.height for r in rows)), "white")
    top = 0
    for row in rows:
        out.paste(row, (0, top))
        top += row.height
    return out


def main() -> None:
    """Run, print or write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kodak", type=Path)
    parser.add_argument("--model", default="tcae-s")
    parser.add_argument("--out", type=Path, default=Path("runs/realism-kodak"))
    parser.add_argument("--backbones", type=Path)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--bpp", type=float, default=0.12)
    args = parser.parse_args()
    if args.sheet:
        save_sheet(contact_sheet(args.kodak, args.model, args.bpp), args.sheet)
        return
    name = Path(args.model).name
    report = run(
        args.kodak,
        args.out,
        codecs=[args.model, f"{args.model}-realism", "avif"],
        qualities=f"{AVIF};{name}={QUALITIES};{name}-realism={QUALITIES}",
        metrics=list(METRICS),
        backbones=args.backbones,
        show=0,
    )
    curves = report.summary.curves

    def curve(codec: str, key: str) -> Curve:
        return [(p.bpp, p.scores[key]) for p in curves[codec]]

    text = scores_at(RATES, list(curves), METRICS, curve)
    if args.write:
        paste(args.write, text, "realism")
    print(text)


if __name__ == "__main__":
    main()
