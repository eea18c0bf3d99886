"""Time and peak memory of the whole command on pictures of 1 to 100 megapixels.

    python -m benchmarks.docs.big [--model tcae-s] [--megapixels 1 4 12 48 100] [--to png]
    python -m benchmarks.docs.big --megapixels 12 --effort 9 --stop 240

Each command is a process of its own: start, import, model, reading and writing the picture
included in its memory and in "all"; "codec" is the time of the codec alone, pixels to bytes or
back. The picture is a photograph, repeated. `--stop` interrupts compressing after so many seconds,
as Ctrl-C does: an effort of hours shows its memory in its first minutes.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.common import PHOTO, ROOT, open_rgb, table_head, table_row


def write_picture(path: Path, megapixels: float) -> float:
    """A 10:7 JPEG file of about that size; returns its megapixels."""
    tile = open_rgb(PHOTO)
    width = round((megapixels * 1e6 / 0.7) ** 0.5)
    height = round(width * 0.7)
    out = Image.new("RGB", (width, height))
    for top in range(0, height, tile.height):
        for left in range(0, width, tile.width):
            out.paste(tile, (left, top))
    out.save(path, quality=92)
    return float(width * height / 1e6)


def run(*arguments: str, stop: float | None = None) -> tuple[dict[str, Any], float, float]:
    """`(what the command reports, seconds, peak RSS in GB)` of one `tccodec` command, which gets
    an interrupt after `stop` seconds."""
    command = [sys.executable, "-m", "tccodec", *arguments, "--json", "-f"]
    start = time.perf_counter()
    # Its own process group of resources: `wait4` gives the peak of this child alone.
    child = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        # A shell's background jobs are started deaf to interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert child.stdout is not None
    if stop:
        timer = threading.Timer(stop, child.send_signal, [signal.SIGINT])
        timer.daemon = True
        timer.start()
    said = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in ((0, 130) if stop else (0,)):
        sys.exit(f"{' '.join(command)} failed")
    return json.loads(said), time.perf_counter() - start, usage.ru_maxrss / 1e6


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="tcae-s")
    parser.add_argument("--megapixels", type=float, nargs="+", default=[1, 4, 12, 48, 100])
    parser.add_argument("--quality", default="50")
    parser.add_argument("--effort", default="2")
    parser.add_argument("--stop", type=float, help="interrupt compressing after so many seconds")
    parser.add_argument("--to", default="png", help="format of the decompressed picture")
    args = parser.parse_args()
    both = (
        (f"{name}: codec, s/MP", "all, s/MP", "peak, GB") for name in ("compress", "decompress")
    )
    print(table_head("MP", *itertools.chain(*both)), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        photo, tcz, back = (str(Path(folder) / f"photo.{s}") for s in ("jpg", "tcz", args.to))
        for megapixels in args.megapixels:
            size = write_picture(Path(photo), megapixels)
            cells = []
            same = ["--model", args.model, "--device", "cpu", "--max-megapixels", "300"]
            how = ["-q", args.quality, "--effort", args.effort]
            for said, seconds, peak in (
                run("compress", photo, "-o", tcz, *how, *same, stop=args.stop),
                run("decompress", tcz, "-o", back, *same),
            ):
                cells += [f"{said['seconds'] / size:.3f}", f"{seconds / size:.3f}", f"{peak:.2f}"]
            print(table_row([f"{size:.0f}", *cells]), flush=True)


if __name__ == "__main__":
    main()
