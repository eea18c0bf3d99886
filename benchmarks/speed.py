"""Seconds per megapixel and peak memory of encoding and decoding, one fresh process per size.

    python benchmarks/speed.py [--model tcae-s] [--megapixels 1 4 12] [--precision auto fp32]

Pixels are a photograph, tiled; the model is loaded and warmed up before the clock starts. Peak
memory is that of the whole process, torch included. AVIF and WebP of Pillow run in the same
process for a ratio that survives a noisy machine.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


def measure(model: str, megapixels: float, precision: str, quality: int, repeats: int) -> dict:
    """Best of `repeats` for each step, in seconds per megapixel."""
    import numpy as np
    from PIL import Image

    from tccodec.core import NeuralCodec
    from tccodec.registry import find_model

    tile = np.asarray(Image.open(ROOT / "examples" / "photo.jpg").convert("RGB"))
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    height = round(megapixels * 1e6 / width)
    rows, columns = -(-height // tile.shape[0]), -(-width // tile.shape[1])
    rgb = np.tile(tile, (rows, columns, 1))[:height, :width]
    codec = NeuralCodec.load(find_model(model).folder, device="cpu", precision=precision)
    codec.decode(codec.encode(rgb[:256, :256], quality), 256, 256, quality)
    size = width * height / 1e6
    best: dict[str, float] = {}

    def clock(name: str, function):  # type: ignore[no-untyped-def]
        start = time.perf_counter()
        out = function()
        took = (time.perf_counter() - start) / size
        best[name] = min(best.get(name, 1e9), took)
        return out

    def once() -> list[bytes]:
        start = time.perf_counter()
        v = clock("analysis", lambda: codec.latents(rgb, quality))
        payloads, _ = clock("entropy_encode", lambda: codec.encode_latents(v, quality))
        best["encode"] = min(best.get("encode", 1e9), (time.perf_counter() - start) / size)
        start = time.perf_counter()
        v16 = clock(
            "entropy_decode", lambda: codec.decode_latents(payloads, width, height, quality)
        )
        clock("synthesis", lambda: codec.pixels(v16, width, height, quality))
        best["decode"] = min(best.get("decode", 1e9), (time.perf_counter() - start) / size)
        return payloads

    for _ in range(repeats):
        payloads = once()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    if megapixels <= 4:
        picture = Image.fromarray(rgb)
        for name, options in (
            ("avif speed 4", {"format": "AVIF", "quality": 50, "speed": 4}),
            ("avif speed 6", {"format": "AVIF", "quality": 50, "speed": 6}),
            ("webp method 6", {"format": "WEBP", "quality": 50, "method": 6}),
        ):
            buffer = io.BytesIO()
            clock(f"{name} encode", lambda b=buffer, o=options: picture.save(b, **o))
            clock(f"{name} decode", lambda b=buffer: Image.open(io.BytesIO(b.getvalue())).load())
    bpp = 8 * sum(map(len, payloads)) / (width * height)
    return {"megapixels": megapixels, "bpp": bpp, "peak_gb": peak, **best}


def main() -> None:
    """Run every size in a process of its own and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="tcae-s")
    parser.add_argument("--megapixels", type=float, nargs="+", default=[1, 4, 12])
    parser.add_argument("--precision", nargs="+", default=["auto", "fp32"])
    parser.add_argument("--quality", type=int, default=500, help="tenths")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        row = measure(args.model, args.megapixels[0], args.precision[0], args.quality, args.repeats)
        print(json.dumps(row))
        return
    columns = ("analysis", "entropy_encode", "encode", "entropy_decode", "synthesis", "decode")
    print("| MP | precision | " + " | ".join(columns) + " | peak GB |")
    print("| --- " * (len(columns) + 3) + "|")
    others: dict[str, float] = {}
    for precision in args.precision:
        for megapixels in args.megapixels:
            command = [sys.executable, __file__, "--one", "--model", args.model]
            command += ["--megapixels", str(megapixels), "--precision", precision]
            command += ["--quality", str(args.quality), "--repeats", str(args.repeats)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(done.stderr)
            row = json.loads(done.stdout)
            cells = " | ".join(f"{row[c]:.3f}" for c in columns)
            print(f"| {megapixels:g} | {precision} | {cells} | {row['peak_gb']:.2f} |", flush=True)
            others |= {k: v for k, v in row.items() if " " in k}
    print()
    for name, seconds in others.items():
        print(f"{name}: {seconds:.3f} s/MP")


if __name__ == "__main__":
    main()
