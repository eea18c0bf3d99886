"""Seconds per megapixel and peak memory of encoding and decoding, one fresh process per size.

    python benchmarks/speed.py [--model tcae-s] [--megapixels 1 4 12] [--precision auto fp32]

Pixels are a photograph, tiled; the model is loaded and warmed up before the clock starts. Peak
memory is that of the whole process, torch included. Other codecs run in the same process, one
after the other, for ratios that survive a noisy machine: AVIF, WebP and, if a plugin is there,
JPEG XL of Pillow, and the transforms of a hyperprior model (Balle et al. 2018, as CompressAI
builds it: N 128, M 192, random weights, no entropy coding). Then the whole command: its start, and
how it fares where other programs want the same cores.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))


def measure(model: str, megapixels: float, precision: str, quality: float, repeats: int) -> dict:
    """Best of `repeats` for each step, in seconds per megapixel."""
    import numpy as np
    from PIL import Image

    from tccodec.coding.neural import NeuralCodec
    from tccodec.coding.quality import to_setting
    from tccodec.model.registry import find_model

    setting = to_setting(quality)

    tile = np.asarray(Image.open(ROOT / "examples" / "photo.jpg").convert("RGB"))
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    height = round(megapixels * 1e6 / width)
    rows, columns = -(-height // tile.shape[0]), -(-width // tile.shape[1])
    rgb = np.tile(tile, (rows, columns, 1))[:height, :width]
    codec = NeuralCodec.load(find_model(model).folder, device="cpu", precision=precision)
    codec.decode(codec.encode(rgb[:256, :256], setting), 256, 256, setting)
    size = width * height / 1e6
    best: dict[str, float] = {}

    def clock(name: str, function):  # type: ignore[no-untyped-def]
        start = time.perf_counter()
        out = function()
        took = (time.perf_counter() - start) / size
        best[name] = min(best.get(name, 1e9), took)
        return out

    for _ in range(repeats):
        payloads = clock("encode", lambda: codec.encode(rgb, setting))
        clock("decode", lambda p=payloads: codec.decode(p, width, height, setting))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    for _ in range(repeats):  # the same in steps
        v = clock("analysis", lambda: codec.latents(rgb, setting))
        clock("entropy_encode", lambda v=v: codec.encode_latents(v, setting))
        v16 = clock(
            "entropy_decode", lambda: codec.decode_latents(payloads, width, height, setting)
        )
        clock("synthesis", lambda v=v16: codec.pixels(v, width, height, setting))
    if megapixels <= 1:
        others(Image.fromarray(rgb), rgb, clock)
    bpp = 8 * sum(map(len, payloads)) / (width * height)
    return {"megapixels": megapixels, "bpp": bpp, "peak_gb": peak, **best}


def others(picture, rgb, clock) -> None:  # type: ignore[no-untyped-def]
    """Time the other codecs, encode and decode each."""
    import torch
    from PIL import Image

    Image.init()
    peers = [
        ("AVIF speed 4", {"format": "AVIF", "quality": 50, "speed": 4}),
        ("AVIF speed 6", {"format": "AVIF", "quality": 50, "speed": 6}),
        ("WebP method 6", {"format": "WEBP", "quality": 50, "method": 6}),
    ]
    try:
        import pillow_jxl  # noqa: F401

        peers.append(("JPEG XL effort 7", {"format": "JXL", "quality": 50, "effort": 7}))
    except ImportError:
        pass
    for name, options in peers:
        buffer = io.BytesIO()
        clock(f"{name} encode", lambda b=buffer, o=options: picture.save(b, **o))
        clock(f"{name} decode", lambda b=buffer: Image.open(io.BytesIO(b.getvalue())).load())
    height, width = (-(-n // 64) * 64 for n in rgb.shape[:2])
    x = torch.rand(1, 3, height, width).contiguous(memory_format=torch.channels_last)
    for dtype in (torch.float32, torch.bfloat16):
        model = hyperprior().to(dtype=dtype, memory_format=torch.channels_last)
        name = f"hyperprior transforms, {str(dtype)[6:]}"
        with torch.inference_mode():
            for _ in range(2):
                y = clock(f"{name} encode", lambda m=model, d=dtype: m[0](x.to(d)))
                z = clock(f"{name} hyper", lambda m=model, t=y: m[3](m[2](t)))
                del z
                clock(f"{name} decode", lambda m=model, t=y: m[1](t))


def hyperprior(n: int = 128, m: int = 192):  # type: ignore[no-untyped-def]
    """The four networks of a scale hyperprior: analysis, synthesis and the two hyper ones."""
    import torch
    from torch import nn

    class Gdn(nn.Module):
        """Generalised divisive normalisation: x over (or times) sqrt(beta + gamma x^2)."""

        def __init__(self, channels: int, *, inverse: bool) -> None:
            super().__init__()
            self.norm = nn.Conv2d(channels, channels, 1)
            nn.init.constant_(self.norm.weight, 0.1 / channels)
            nn.init.ones_(self.norm.bias)
            self.inverse = inverse

        def forward(self, x):  # type: ignore[no-untyped-def]
            norm = self.norm(x.square())
            return x * (torch.sqrt(norm) if self.inverse else torch.rsqrt(norm))

    def down(a: int, b: int, kernel: int = 5, stride: int = 2) -> nn.Module:
        return nn.Conv2d(a, b, kernel, stride, kernel // 2)

    def up(a: int, b: int) -> nn.Module:
        return nn.ConvTranspose2d(a, b, 5, 2, 2, output_padding=1)

    analysis = [down(3, n), Gdn(n, inverse=False), down(n, n), Gdn(n, inverse=False)]
    analysis += [down(n, n), Gdn(n, inverse=False), down(n, m)]
    synthesis = [up(m, n), Gdn(n, inverse=True), up(n, n), Gdn(n, inverse=True)]
    synthesis += [up(n, n), Gdn(n, inverse=True), up(n, 3)]
    hyper = [down(m, n, 3, 1), nn.ReLU(), down(n, n), nn.ReLU(), down(n, n)]
    back = [up(n, n), nn.ReLU(), up(n, n), nn.ReLU(), down(n, m, 3, 1)]
    return nn.ModuleList(nn.Sequential(*part) for part in (analysis, synthesis, hyper, back)).eval()


def commands(model: str, folder: str) -> tuple[list[str], list[str]]:
    """`tccodec compress` and `decompress` of 1 MP."""
    from PIL import Image

    picture = Image.open(ROOT / "examples" / "photo.jpg").convert("RGB").resize((1152, 864))
    png, tcz = Path(folder, "a.png"), Path(folder, "a.tcz")
    picture.save(png, compress_level=1)
    module, more = [sys.executable, "-m", "tccodec"], ["-f", "-Q", "--model", model]
    return (
        [*module, "compress", str(png), "-o", str(tcz), *more],
        [*module, "decompress", str(tcz), "-o", str(png), *more],
    )


def seconds(command: list[str], **environment: str) -> float:
    """What a command takes."""
    start = time.perf_counter()
    subprocess.run(command, check=True, cwd=ROOT, env=os.environ | environment)
    return time.perf_counter() - start


def cold_start(model: str) -> tuple[float, float, float]:
    """Seconds of `import torch`, of `compress` and of `decompress` of 1 MP, best of three each."""
    with tempfile.TemporaryDirectory() as folder:
        all_three = ([sys.executable, "-c", "import torch"], *commands(model, folder))
        rounds = [[seconds(command) for command in all_three] for _ in range(3)]
    torch_alone, compress, decompress = map(min, zip(*rounds, strict=True))
    return torch_alone, compress, decompress


def on_busy_cores(model: str) -> dict[str, tuple[float, float]]:
    """Seconds of `compress` and `decompress` of 1 MP, median of three each, while every core has
    another program that never waits: as it is, and with threads that spin as long as libgomp's
    do by default."""
    settings_of: dict[str, dict[str, str]] = {
        "as it is": {},
        "libgomp's own wait": {"GOMP_SPINCOUNT": "300000"},
    }
    loops = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        with tempfile.TemporaryDirectory() as folder:
            both = commands(model, folder)
            return {
                name: (
                    statistics.median(seconds(both[0], **settings) for _ in range(3)),
                    statistics.median(seconds(both[1], **settings) for _ in range(3)),
                )
                for name, settings in settings_of.items()
            }
    finally:
        for loop in loops:
            loop.kill()


def main() -> None:
    """Run every size in a process of its own and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="tcae-s")
    parser.add_argument("--megapixels", type=float, nargs="+", default=[1, 4, 12])
    parser.add_argument("--precision", nargs="+", default=["auto", "fp32"])
    parser.add_argument("--quality", type=float, default=50)
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
    rows: list[dict] = []
    for precision in args.precision:
        for megapixels in args.megapixels:
            command = [sys.executable, __file__, "--one", "--model", args.model]
            command += ["--megapixels", str(megapixels), "--precision", precision]
            command += ["--quality", str(args.quality), "--repeats", str(args.repeats)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(done.stderr)
            row = json.loads(done.stdout)
            rows.append(row)
            cells = " | ".join(f"{row[c]:.3f}" for c in columns)
            print(f"| {megapixels:g} | {precision} | {cells} | {row['peak_gb']:.2f} |", flush=True)
    ours = rows[0]
    names = [n[:-7] for n in ours if n.endswith(" encode")]
    if names:
        print("\n| at 1 MP, in one run | encode, s/MP | decode, s/MP | tccodec takes |")
        print("| --- | --- | --- | --- |")
        print(f"| tccodec {args.model} | {ours['encode']:.3f} | {ours['decode']:.3f} | |")
        for name in names:
            hyper = ours.get(f"{name} hyper", 0.0)
            encode = ours[f"{name} encode"] + hyper
            decode = ours[f"{name} decode"] + hyper / 2
            print(
                f"| {name} | {encode:.3f} | {decode:.3f}"
                f" | {ours['encode'] / encode:.2g} and {ours['decode'] / decode:.2g} times |"
            )
    torch_alone, compress, decompress = cold_start(args.model)
    print("\n| cold, 1 MP, process start included | s | over `import torch` |")
    print("| --- | --- | --- |")
    print(f"| `import torch` | {torch_alone:.2f} | |")
    print(f"| `tccodec compress` | {compress:.2f} | {compress - torch_alone:.2f} |")
    print(f"| `tccodec decompress` | {decompress:.2f} | {decompress - torch_alone:.2f} |")

    print("\n| 1 MP beside busy loops on all cores | compress, s | decompress, s |")
    print("| --- | --- | --- |")
    for how, (compress, decompress) in on_busy_cores(args.model).items():
        print(f"| {how} | {compress:.2f} | {decompress:.2f} |")


if __name__ == "__main__":
    main()
