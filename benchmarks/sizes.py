"""At which sizes SSIMULACRA2 finds our errors.

    python benchmarks/sizes.py PICTURES [--quality 45]

What each term of SSIMULACRA2 adds to the error of our files and of AVIF files of as many bytes, the
means of up to eight pictures (of each, 512 x 512 pixels).
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
from PIL import Image

import tccodec


def terms(original: np.ndarray, decoded: np.ndarray) -> dict[str, float]:
    """Weighted terms of SSIMULACRA2, by plane, size, kind and norm."""
    import ssimulacra2.ssimulacra2 as lib

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
        with Image.open(path) as image:
            picture = image.convert("RGB").crop(
                (0, 0, min(512, image.width), min(512, image.height))
            )
        data = codec.compress(picture, quality=quality)
        files = []
        for q in range(20, 90, 2):
            buffer = io.BytesIO()
            picture.save(buffer, "AVIF", quality=q, speed=4)
            files.append(buffer.getvalue())
        avif = Image.open(io.BytesIO(min(files, key=lambda f: abs(len(f) - len(data)))))
        original = np.asarray(picture)
        ours, theirs = terms(original, codec.decode(data)), terms(original, np.asarray(avif))
        sums += [ours, theirs]
    names = list(sums[0])
    ours, theirs = ({n: np.mean([s[n] for s in sums[k::2]]) for n in names} for k in (0, 1))
    print("| plane, size, kind, norm | tccodec | AVIF |\n| --- | --- | --- |")
    print(f"| all | {sum(ours.values()):.3f} | {sum(theirs.values()):.3f} |")
    for name in sorted(names, key=lambda n: -abs(ours[n] - theirs[n]))[:8]:
        print(f"| {name} | {ours[name]:.3f} | {theirs[name]:.3f} |")


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
