"""Seconds per megapixel and peak memory of encoding and decoding, one fresh process per size.

    python -m benchmarks.docs.speed [--model tcae-s] [--megapixels 1 4 12] [--precision auto fp32]

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
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import torch
from PIL import Image

from benchmarks.common import (
    PHOTO,
    ROOT,
    decoded,
    four_by_three,
    open_rgb,
    table_head,
    table_row,
    tiled,
)
from benchmarks.docs.hyperprior import hyperprior
from tccodec.coding.neural import NeuralCodec
from tccodec.coding.quality import Quality, to_setting
from tccodec.model.registry import find_model

Row = dict[str, float]
Given = ParamSpec("Given")
Result = TypeVar("Result")
ME = [sys.executable, "-m", "benchmarks.docs.speed", "--one"]


class Clock:
    """The least time that each step took, in seconds per megapixel."""

    def __init__(self, megapixels: float) -> None:
        self.megapixels = megapixels
        self.best: Row = {}

    def time(
        self,
        name: str,
        function: Callable[Given, Result],
        *args: Given.args,
        **options: Given.kwargs,
    ) -> Result:
        """What `function` returns for the arguments."""
        start = time.perf_counter()
        out = function(*args, **options)
        took = (time.perf_counter() - start) / self.megapixels
        self.best[name] = min(self.best.get(name, float("inf")), took)
        return out


def measure(model: str, megapixels: float, *, precision: str, quality: float, repeats: int) -> Row:
    """Best of `repeats` for each step, in seconds per megapixel."""
    setting = to_setting(Quality(quality))
    width, height = four_by_three(megapixels)
    rgb = tiled(width, height)
    codec = NeuralCodec.load(find_model(model).folder, device="cpu", precision=precision)
    codec.decode(codec.encode(rgb[:256, :256], setting))
    clock = Clock(width * height / 1e6)
    for _ in range(repeats):
        coded = clock.time("encode", codec.encode, rgb, setting)
        clock.time("decode", codec.decode, coded)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    for _ in range(repeats):  # the same in steps
        v = clock.time("analysis", codec.latents, rgb, setting)
        clock.time("entropy_encode", codec.encode_latents, v, setting)
        v16 = clock.time("entropy_decode", codec.decode_latents, coded)
        clock.time("synthesis", codec.pixels, v16, coded)
    if megapixels <= 1:
        time_others(Image.fromarray(rgb), clock)
    bpp = 8 * sum(map(len, coded.payloads)) / (width * height)
    return {"megapixels": megapixels, "bpp": bpp, "peak_gb": peak, **clock.best}


def time_others(picture: Image.Image, clock: Clock) -> None:
    """Time the other codecs, encode and decode each."""
    Image.init()
    peers: list[tuple[str, dict[str, Any]]] = [
        ("AVIF speed 4", {"format": "AVIF", "quality": 50, "speed": 4}),
        ("AVIF speed 6", {"format": "AVIF", "quality": 50, "speed": 6}),
        ("WebP method 6", {"format": "WEBP", "quality": 50, "method": 6}),
    ]
    try:
        import_module("pillow_jxl")

        peers.append(("JPEG XL effort 7", {"format": "JXL", "quality": 50, "effort": 7}))
    except ImportError:
        pass
    for name, options in peers:
        buffer = io.BytesIO()
        clock.time(f"{name} encode", picture.save, buffer, **options)
        clock.time(f"{name} decode", decoded, buffer.getvalue())
    height, width = (-(-n // 64) * 64 for n in (picture.height, picture.width))
    x = torch.rand(1, 3, height, width).contiguous(memory_format=torch.channels_last)
    for dtype in (torch.float32, torch.bfloat16):
        model = hyperprior(dtype)
        name = f"hyperprior transforms, {str(dtype)[6:]}"
        with torch.inference_mode():
            for _ in range(2):
                y = clock.time(f"{name} encode", model.analysis, x.to(dtype))
                clock.time(f"{name} hyper", model.hyper, y)
                clock.time(f"{name} decode", model.synthesis, y)


def commands(model: str, folder: str) -> tuple[list[str], list[str]]:
    """`tccodec compress` and `decompress` of 1 MP."""
    picture = open_rgb(PHOTO).resize((1152, 864))
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
        row = measure(
            args.model,
            args.megapixels[0],
            precision=args.precision[0],
            quality=args.quality,
            repeats=args.repeats,
        )
        print(json.dumps(row))
        return
    columns = ("analysis", "entropy_encode", "encode", "entropy_decode", "synthesis", "decode")
    print(table_head("MP", "precision", *columns, "peak GB"))
    rows: list[Row] = []
    for precision in args.precision:
        for megapixels in args.megapixels:
            command = [*ME, "--model", args.model]
            command += ["--megapixels", str(megapixels), "--precision", precision]
            command += ["--quality", str(args.quality), "--repeats", str(args.repeats)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(done.stderr)
            row = json.loads(done.stdout)
            rows.append(row)
            cells = [f"{row[column]:.3f}" for column in columns]
            line = table_row([f"{megapixels:g}", precision, *cells, f"{row['peak_gb']:.2f}"])
            print(line, flush=True)
    ours = rows[0]
    names = [n[:-7] for n in ours if n.endswith(" encode")]
    if names:
        each = ("encode, s/MP", "decode, s/MP")
        print("\n" + table_head("at 1 MP, in one run", *each, "tccodec takes"))
        own = [f"{ours['encode']:.3f}", f"{ours['decode']:.3f}"]
        print(table_row([f"tccodec {args.model}", *own, ""]))
        for name in names:
            hyper = ours.get(f"{name} hyper", 0.0)
            encode = ours[f"{name} encode"] + hyper
            decode = ours[f"{name} decode"] + hyper / 2
            ratio = f"{ours['encode'] / encode:.2g} and {ours['decode'] / decode:.2g} times"
            print(table_row([name, f"{encode:.3f}", f"{decode:.3f}", ratio]))
    torch_alone, compress, decompress = cold_start(args.model)
    head = ("cold, 1 MP, process start included", "s", "over `import torch`")
    print("\n" + table_head(*head))
    print(table_row(["`import torch`", f"{torch_alone:.2f}", ""]))
    for name, took in (("compress", compress), ("decompress", decompress)):
        print(table_row([f"`tccodec {name}`", f"{took:.2f}", f"{took - torch_alone:.2f}"]))

    head = ("1 MP beside busy loops on all cores", "compress, s", "decompress, s")
    print("\n" + table_head(*head))
    for how, (compress, decompress) in on_busy_cores(args.model).items():
        print(table_row([how, f"{compress:.2f}", f"{decompress:.2f}"]))


if __name__ == "__main__":
    main()
