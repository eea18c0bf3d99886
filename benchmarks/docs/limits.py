"""What hostile input costs before it is refused, or until it is decoded.

    python -m benchmarks.docs.limits [--write PAGE]

Each input gets a process of its own, with one thread. Seconds are CPU time; memory is the peak
above that of the loaded program.
"""

from __future__ import annotations

import argparse
import os
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.common import ROOT, paste, tiled
from tccodec import Codec, TccodecError
from tccodec.container import Setting, Tag, TczFile, make_section, read, write
from tccodec.container.varint import encode_varint

HERE = "benchmarks.docs.limits"
SECTION = 32 << 20


def inputs(folder: Path, codec: Codec) -> Iterator[tuple[str, str, Path]]:
    """What each input is, what is done with it, and the file."""
    model = codec.card.file_id

    def made(name: str, data: bytes) -> Path:
        path = folder / name
        path.write_bytes(data)
        return path

    def file(width: int, height: int, tiles: list[bytes], *sections: tuple[Tag, bytes]) -> bytes:
        return write(
            TczFile(
                width=width,
                height=height,
                setting=Setting(1000),
                model_id=model,
                tiles=tuple(tiles),
                sections=tuple(make_section(tag, body) for tag, body in sections),
            )
        )

    hole = folder / "hole.tcz"
    hole.touch()
    os.truncate(hole, 100 << 30)
    yield "100 GB of zeros", "verify", hole
    head = b"\x89TCZ\x10" + model + encode_varint(65535) * 2 + b"\0"
    yield "a header of 65535 x 65535 pixels", "verify", made("head.tcz", head + bytes(20))
    texts = [(tag, b"a" * SECTION) for tag in (Tag.ICC, Tag.XMP, Tag.COMMENT)]
    yield (
        "three sections of 32 MiB, deflated",
        "verify",
        made("texts.tcz", file(1, 1, [b""], *texts)),
    )
    bomb = b"\1" + _png(60000, 60000, b"")
    yield (
        "a PNG of 60000 x 60000 in a small picture",
        "verify",
        made("bomb.tcz", file(60, 50, [b""], (Tag.EXACT, bomb))),
    )
    rows = b"\1" + _png(160, 100, bytes(481 * 100 + (64 << 20)))
    data = file(160, 100, [b""], (Tag.EXACT, rows))
    yield "a PNG with 64 MiB behind its rows", "verify", made("rows.tcz", data)
    noise = b"\x7f" + os.urandom((1 << 24) - 2) + b"\1"
    data = file(1024, 1024, [noise])
    yield "16 MiB of noise as one tile group", "verify", made("noise.tcz", data)
    ones = b"\x7f" + b"\xff" * ((1 << 24) - 1)
    data = file(1024, 1024, [ones])
    yield "16 MiB of set bits as one tile group", "verify", made("ones.tcz", data)
    blank = made("blank.tcz", file(65535, 3051, [b""] * 192))
    yield "200 megapixels without latents", "verify", blank
    yield "the same, decoded", "decode", blank
    photo = read(codec.encode(tiled(1024, 1024), 5))
    shown = replace(photo, width=8192, height=8192, tiles=(*photo.tiles, *[b""] * 63))
    what = "67 megapixels, latents in one tile group of 64, decoded"
    yield what, "decode", made("shown.tcz", write(shown))
    tiles = [b""] * 192
    tiles[70] = photo.tiles[0]
    wide = replace(photo, width=65535, height=3051, tiles=tuple(tiles))
    what = "200 megapixels, latents in one tile group of 192, decoded"
    yield what, "decode", made("wide.tcz", write(wide))
    yield (
        "a PNG of 60000 x 60000 to compress",
        "compress",
        made("bomb.png", _png(60000, 60000, b"")),
    )
    (folder / "deep").mkdir()
    made("deep/config.json", b"[" * 900_000)
    yield "a model's config.json of 900,000 brackets", "model", folder / "deep"


def _png(width: int, height: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows, 9))
        + chunk(b"IEND", b"")
    )


def measure(action: str, path: Path) -> str:
    """Outcome, seconds and MB of one input, in this process."""
    codec = Codec.from_pretrained(device="cpu", threads=1)
    actions: dict[str, Callable[[], object]] = {
        "verify": lambda: codec.verify(path),
        "decode": lambda: codec.decompress(path),
        "compress": lambda: codec.compress(path),
        "model": lambda: Codec.from_pretrained(path),
    }
    before = _memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    began = time.process_time()
    try:
        actions[action]()
        outcome = "decoded" if action == "decode" else "accepted"
    except TccodecError:
        outcome = "refused"
    took = time.process_time() - began
    return f"{outcome} {took:.2f} {(_memory('VmHWM') - before) / 1024:.0f}"


def _memory(field: str) -> int:
    """A value of this process in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def main() -> None:
    """Print the table, or measure one input for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="a page whose table is written anew")
    parser.add_argument("--one", nargs=2, metavar=("ACTION", "FILE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(measure(options.one[0], Path(options.one[1])))
        return
    codec = Codec.from_pretrained(device="cpu", threads=1)
    rows = ["| input | bytes | outcome | CPU seconds | memory, MB |"]
    rows.append("| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as name:
        for what, action, path in inputs(Path(name), codec):
            command = [sys.executable, "-m", HERE, "--one", action, str(path)]
            done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
            outcome, seconds, memory = done.stdout.split()
            size = path.stat().st_size if path.is_file() else 900_000
            rows.append(f"| {what} | {size:,} | {outcome} | {seconds} | {memory} |")
            print(rows[-1], flush=True)
    if options.write:
        paste(options.write, "\n".join(rows), "limits")


if __name__ == "__main__":
    main()
