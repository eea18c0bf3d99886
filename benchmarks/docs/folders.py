"""Folders of many small pictures: `compress` in several processes, `archive` from plan to restore.

    python -m benchmarks.docs.folders [--files 10000] [--compress 500 5000] [--jobs 1 2]

The pictures are JPEGs of 96 x 72 pixels, cut out of the bundled photograph; of the archive's, one
in fifty is a copy of another. Memory is that of all processes of a command together (each shared
page counted once), sampled four times a second. On Linux only.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.common import PHOTO, ROOT, open_rgb, table_head, table_row

WIDTH, HEIGHT, COPY_EVERY, FOLDER = 96, 72, 50, 500


def write_pictures(folder: Path, count: int, *, copies: bool = False) -> int:
    """Write pictures, 500 to a folder; returns the bytes of all files."""
    photo = open_rgb(PHOTO)
    rng = np.random.default_rng(0)
    total, data = 0, b""
    for index in range(count):
        path = folder / f"{index // FOLDER:03}" / f"{index:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        if copies and index % COPY_EVERY == COPY_EVERY - 1:
            path.write_bytes(data)
        else:
            left = int(rng.integers(photo.width - WIDTH))
            top = int(rng.integers(photo.height - HEIGHT))
            crop = photo.crop((left, top, left + WIDTH, top + HEIGHT))
            crop.save(path, quality=90)
            data = path.read_bytes()
        total += path.stat().st_size
    return total


def memory_of(process: int) -> int:
    """Bytes of a process and its children, shared pages once (proportional set size)."""
    total = 0
    children = Path(f"/proc/{process}/task/{process}/children")
    try:
        for child in children.read_text().split():
            total += memory_of(int(child))
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    except OSError:  # it has just ended
        pass
    return total


def run(*arguments: str | Path) -> tuple[float, float]:
    """`(seconds, peak MB)` of one `tccodec` command."""
    start, peak = time.perf_counter(), 0
    process = subprocess.Popen(
        [sys.executable, "-m", "tccodec", *map(str, arguments)], cwd=ROOT, stderr=subprocess.PIPE
    )
    while process.poll() is None:
        peak = max(peak, memory_of(process.pid))
        time.sleep(0.25)
    seconds = time.perf_counter() - start
    assert process.stderr is not None
    said = process.stderr.read().decode()
    if process.returncode:
        sys.exit(f"tccodec {' '.join(map(str, arguments))} failed:\n{said}")
    print(said, file=sys.stderr)
    return seconds, peak / 1e6


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000, help="of the archive")
    parser.add_argument("--compress", type=int, nargs="*", default=[500, 5000])
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    args = parser.parse_args()
    print(table_head("command", "pictures", "s", "pictures per second", "peak, MB"))
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)

        def row(name: str, count: int, *arguments: str | Path) -> None:
            seconds, peak = run(*arguments)
            cells = [f"`{name}`", f"{count:,}", f"{seconds:.0f}", f"{count / seconds:.0f}"]
            print(table_row([*cells, f"{peak:.0f}"]), flush=True)

        for count in args.compress:
            write_pictures(work / f"in{count}", count)
            for jobs in args.jobs:
                line = ("compress", work / f"in{count}", "-r", "-o", work / f"out{count}-{jobs}")
                row(f"compress -r --jobs {jobs}", count, *line, "--jobs", str(jobs))
        if args.files:
            source, target = work / "photos", work / "small"
            write_pictures(source, args.files, copies=True)
            jobs = ("--jobs", str(max(args.jobs)))
            name = f"--jobs {max(args.jobs)}"
            row("archive", args.files, "archive", source, target)
            row(f"archive --yes {name}", args.files, "archive", source, target, "--yes", *jobs)
            row("archive --yes, again", args.files, "archive", source, target, "--yes", *jobs)
            row("archive --check", args.files, "archive", "--check", target)
            restore = ("archive", "--restore", target, work / "back", *jobs)
            row(f"archive --restore {name}", args.files, *restore)


if __name__ == "__main__":
    main()
