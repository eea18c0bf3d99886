"""At which sizes SSIMULACRA2 finds our errors.

    python -m benchmarks.research.sizes PICTURES [--quality 45]

What each term of SSIMULACRA2 adds to the error of our files and of AVIF files of as many bytes, the
means of up to eight pictures (of each, 512 x 512 pixels).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import fmean

import numpy as np
import ssimulacra2.ssimulacra2 as lib

import tccodec
from benchmarks.common import Array8, avif_near, decoded, open_rgb, table_head, table_row


def terms(original: Array8, decoded: Array8) -> dict[str, float]:
    """Weighted terms of SSIMULACRA2, by plane, size, kind and norm."""
    pair = [lib.srgb_to_linear(t) for t in (original, decoded)]
    scores = []
    for scale in range(lib.kNumScales):
        if scale:
            pair = [lib.downsample(t, 2, 2) for t in pair]
        # The library transposes on its way to XYB.
        a, b = (lib.make_positive_xyb(lib.linear_rgb_to_xyb(t).swapaxes(0, 1)) for t in pair)
        ma, mb, aa, bb, ab = map(lib.blur_image, (a, b, a * a, b * b, a * b))
        scores.append((lib.ssim_map(ma, mb, aa, bb, ab), lib.edge_diff_map(a, ma, b, mb)))
    found, weights = {}, iter(lib.weights)
    for plane, letter in enumerate("XYB"):
        for scale, (structure, edges) in enumerate(scores):
            for norm in (0, 1):
                for kind, value in (
                    ("structure", structure[2 * plane + norm]),
                    ("artefacts", edges[4 * plane + norm]),
                    ("detail lost", edges[4 * plane + 2 + norm]),
                ):
                    name = f"{letter}, 1/{2**scale}, {kind}, {'peaks' if norm else 'mean'}"
                    found[name] = next(weights) * abs(value)
    return found


def parts(pictures: list[Path], quality: float) -> None:
    """Print the terms that differ most."""
    codec = tccodec.Codec.from_pretrained("tcae-s", device="cpu")
    sums: list[dict[str, float]] = []
    for path in pictures:
        image = open_rgb(path)
        picture = image.crop((0, 0, min(512, image.width), min(512, image.height)))
        data = codec.compress(picture, quality=quality, preview=False)
        avif = decoded(avif_near(picture, len(data)))
        original = np.asarray(picture)
        ours, theirs = terms(original, codec.decode(data)), terms(original, np.asarray(avif))
        sums += [ours, theirs]
    names = list(sums[0])
    ours, theirs = ({n: fmean(s[n] for s in sums[k::2]) for n in names} for k in (0, 1))
    print(table_head("plane, size, kind, norm", "tccodec", "AVIF"))
    print(table_row(["all", f"{sum(ours.values()):.3f}", f"{sum(theirs.values()):.3f}"]))
    for name in sorted(names, key=lambda n: -abs(ours[n] - theirs[n]))[:8]:
        print(table_row([name, f"{ours[name]:.3f}", f"{theirs[name]:.3f}"]))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="+")
    parser.add_argument("--quality", type=float, default=45)
    args = parser.parse_args()
    paths = sorted(p for f in args.folder for p in f.iterdir() if p.suffix in (".png", ".jpg"))
    parts(paths[:8], args.quality)


if __name__ == "__main__":
    main()
