"""Decoding with torch and without it: seconds of a processor per megapixel, one thread each.

    python -m benchmarks.docs.portable [--megapixels 1] [--repeats 5] [--write]

The least of all repeats, in 32 bits, of the bundled photograph. Needs onnxruntime, and
`OMP_NUM_THREADS=1` in the environment, for numpy. A second table has the megabytes that
`tccodec-decoder` and `tccodec` take, with all that they need, as installed here; `--sizes` makes
only that one. With `--write` the tables go into docs/guide/performance.md.
"""

from __future__ import annotations

import argparse
import functools
import tomllib
from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path

import torch
from packaging.requirements import Requirement

from benchmarks.common import ROOT, cpu_seconds, paste, table_head, table_row, tiled
from tccodec.coding.coded import CodedPicture
from tccodec.coding.neural import NeuralCodec
from tccodec.coding.quality import Quality, to_setting
from tccodec.model.registry import find_model
from tccodec.portable.core import Device, PortableCodec

Decoder = NeuralCodec | PortableCodec
LARGE = 5_000_000  # bytes from which a part has a row of its own


def pixels(codec: Decoder, coded: CodedPicture) -> None:
    """Decode a picture."""
    for _ in codec.decode_rows(coded):
        pass


def needed(names: Iterable[str]) -> dict[str, int]:
    """Bytes of these distributions and of all that they need, by name."""
    bytes_of: dict[str, int] = {}
    todo = list(names)
    while todo:
        name = todo.pop().lower().replace("_", "-")
        if name in bytes_of:
            continue
        own = distribution(name)
        paths = [Path(str(own.locate_file(file))) for file in own.files or ()]
        bytes_of[name] = sum(path.stat().st_size for path in paths if path.exists())
        todo += plain_needs(own.requires or ())
    return bytes_of


def plain_needs(lines: Iterable[str]) -> list[str]:
    """The names in the requirements of a distribution that hold here, without extras."""
    needs = map(Requirement, lines)
    return [n.name for n in needs if n.marker is None or n.marker.evaluate({"extra": ""})]


def sizes() -> str:
    """Table of the megabytes on disk, without torch and with it."""
    folders = ("tccodec", "models/tcae-s", "configs", "web/dist")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    own = sum(p.stat().st_size for p in files if p.is_file() and "__pycache__" not in p.parts)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    whole = plain_needs(project["dependencies"])
    small = set(whole) - {"torch", "jinja2"}
    both = [needed(names) | {"tccodec, with its model": own} for names in (small, whole)]
    rows = [table_head("part", "tccodec-decoder, MB", "tccodec, MB")]
    names = {name: size for of in both for name, size in of.items()}
    large = sorted((n for n in names if names[n] > LARGE), key=names.__getitem__, reverse=True)
    for name in large:
        rows.append(table_row([name, *(megabytes(of.get(name, 0)) for of in both)]))
    rest = [sum(size for name, size in of.items() if name not in large) for of in both]
    rows.append(table_row(["others", *map(megabytes, rest)]))
    rows.append(table_row(["all", *(megabytes(sum(of.values())) for of in both)]))
    return "\n".join(rows)


def megabytes(size: int) -> str:
    """A number of bytes, in megabytes."""
    return f"{size / 1e6:.0f}" if size else ""


def speed(megapixels: float, repeats: int) -> str:
    """Table of seconds per megapixel."""
    torch.set_num_threads(1)
    folder = find_model("tcae-s").folder
    encoder = NeuralCodec.load(folder, device="cpu", precision="fp32")
    codecs: dict[str, Decoder] = {
        "torch": encoder,
        "numpy": PortableCodec(folder),
        "numpy and onnxruntime": PortableCodec(folder, threads=1),
    }
    codecs["numpy"].device = Device("numpy")
    side = round((megapixels * 1e6) ** 0.5)
    rgb = tiled(side, side)
    rows = [table_head("quality", "decoder", "symbols, s", "all, s")]
    for quality in (20, 50, 90):
        coded = encoder.encode(rgb, to_setting(Quality(quality)))
        for name, codec in codecs.items():
            check = functools.partial(codec.check, coded)
            decode = functools.partial(pixels, codec, coded)
            took = [cpu_seconds(repeats, work) / (side**2 / 1e6) for work in (check, decode)]
            rows.append(table_row([quality, name, *(f"{t:.2f}" for t in took)]))
    return "\n".join(rows)


def main() -> None:
    """Print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megapixels", type=float, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--sizes", action="store_true")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    tables = {"decoder-size": sizes()}
    if not args.sizes:
        tables["portable"] = speed(args.megapixels, args.repeats)
    for name, table in tables.items():
        print(table + "\n")
        if args.write:
            paste(ROOT / "docs" / "guide" / "performance.md", table, name)


if __name__ == "__main__":
    main()
