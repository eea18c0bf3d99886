"""How fast a Ray cluster works, and how long it would take for a million and a billion pictures.

    python -m benchmarks.docs.cluster [--pictures 120] [--address HOST:PORT] [--write]

Measured: pictures per second with one worker and with two, each of one thread; the time that the
command itself needs to find a picture and to hand it out, which does not shrink with more nodes;
its memory. Calculated from that: hours on 10, 100 and 1000 nodes of `--cpus` CPUs each, the longest
of three times, which is the bottleneck: coding, finding, handing out. Needs Ray and two idle CPUs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.common import ROOT, paste, table_head, table_row, tiled
from tccodec.cli.compress_work import not_coded
from tccodec.cli.jobs import Job, Naming, plan
from tccodec.cluster import Cluster

WARM_UP = 10  # pictures for each worker
CALLS = 2000
COUNTS = (10**6, 10**9)
NODES = (10, 100, 1000)


@dataclass(frozen=True)
class Costs:
    """What was measured.

    seconds: of one worker per picture. finding, handing: CPU seconds of the command per picture.
    memory: its bytes per picture. file: bytes of a picture's file.
    """

    seconds: float
    finding: float
    handing: float
    memory: float
    file: float

    def row(self, count: int, nodes: int, cpus: int) -> str:
        """A line of the table: what `count` pictures take."""
        times = {
            "coding": count * self.seconds / (nodes * cpus),
            "finding": count * self.finding,
            "handing out": count * self.handing,
        }
        bottleneck = max(times, key=lambda name: times[name])
        took = times["finding"] + max(times["coding"], times["handing out"])
        cells = [f"{count:,}", f"{nodes:,}", *(hours(t) for t in times.values()), hours(took)]
        cells += [bottleneck, f"{took / 3600 * nodes:,.0f}"]
        cells += [f"{count * self.file / took / 1e9:.2g}", f"{count * self.memory / 1e9:,.1f}"]
        return table_row(cells)


class Nothing:
    """Work that takes no time."""

    device = "cpu"

    def load(self, threads: int | None) -> None:
        """Nothing to load."""

    def __call__(self, item: int, progress: Callable[[float], None]) -> int:
        """The item."""
        return item


def throughput(folder: Path, workers: int, cluster: list[str]) -> tuple[float, float]:
    """`(pictures per second once all workers run, seconds until the first picture is done)`."""
    count = len(list(folder.iterdir()))
    with tempfile.TemporaryDirectory() as out:
        line = ["compress", str(folder), "-r", "-o", f"{out}/", "--json", "-Q"]
        line += ["--device", "cpu", "--jobs", str(workers), *cluster]
        start = time.perf_counter()
        command = [sys.executable, "-m", "tccodec", *line]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            times = []
            for text in process.stdout:
                assert "error" not in json.loads(text), text
                times.append(time.perf_counter() - start)
        if process.returncode or len(times) != count:
            sys.exit(f"{' '.join(command)} failed")
    first = WARM_UP * workers
    return (count - 1 - first) / (times[-1] - times[first]), times[0]


def handing_out(address: str | None) -> float:
    """CPU seconds of the command to hand out a picture and to take its result."""
    cluster: Cluster[int] = Cluster(
        Nothing(),
        address=address,
        count=2,
        threads=1,
        tasks=2,
        folder=None,
        retry=lambda item: item,
        say=print,
    )
    with cluster:
        results = cluster.run(range(CALLS + 100))
        for _ in range(100):
            next(results)
        start = time.process_time()
        for _ in results:
            pass
        return (time.process_time() - start) / CALLS


def finding(folder: Path) -> tuple[float, float]:
    """`(CPU seconds, bytes of memory)` per picture that a command finds in a folder."""

    def jobs() -> list[Job]:
        naming = Naming(".tcz")
        planned = plan([str(folder)], "out/", naming=naming, recursive=True, file_filter=not_coded)
        return planned.jobs

    start = time.process_time()
    count = len(jobs())
    seconds = (time.process_time() - start) / count
    tracemalloc.start()
    kept = jobs()
    memory, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return seconds, memory / len(kept)


def hours(seconds: float) -> str:
    """`0.02 h`, `31 h`, `1,200 h`."""
    value = seconds / 3600
    return f"{value:,.0f} h" if value >= 10 else f"{value:.2g} h"


def main() -> None:
    """Print or write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=120)
    parser.add_argument("--side", type=int, default=1000, help="of a picture, pixels")
    parser.add_argument("--cpus", type=int, default=16, help="of a node, for the calculation")
    parser.add_argument(
        "--address", help="of a cluster; without it, a new one of this machine's CPUs"
    )
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    cluster = ["--engine", "ray", *(["--address", args.address] if args.address else [])]
    with tempfile.TemporaryDirectory() as name:
        folder, rng = Path(name), np.random.default_rng(0)
        wide = tiled(args.side + 64, args.side + 64)
        for index in range(args.pictures):
            x, y = rng.integers(0, 64, 2)
            crop = np.ascontiguousarray(wide[y : y + args.side, x : x + args.side])
            Image.fromarray(crop).save(folder / f"{index:04}.jpg", quality=90)
        file = sum(path.stat().st_size for path in folder.iterdir()) / args.pictures
        rates = {workers: throughput(folder, workers, cluster) for workers in (1, 2)}
        seconds, memory = finding(folder)
    measured = [table_head("workers", "pictures per second", "per worker", "s until the first")]
    for workers, (rate, first) in rates.items():
        each = f"{rate / workers / rates[1][0]:.0%}"
        measured.append(table_row([workers, f"{rate:.2f}", each, f"{first:.1f}"]))
    costs = Costs(
        seconds=2 / rates[2][0],
        finding=seconds,
        handing=handing_out(args.address),
        memory=memory,
        file=file,
    )
    busy = costs.seconds / costs.handing
    text = (
        f"Pictures of {args.side**2 / 1e6:.2g} MP, {file / 1e3:.0f} kB each;"
        f" nodes of {args.cpus} CPUs."
        f" The command itself takes {1e3 * costs.finding:.2g} ms to find a picture,"
        f" {1e3 * costs.handing:.2g} ms to hand it out, and {memory / 1e3:.1f} kB of memory."
        f" So it keeps at most {busy:,.0f} workers busy with such pictures."
    )
    titles = ("pictures", "nodes", "coding", "finding", "handing out", "all", "bottleneck")
    more = ("node hours", "reading, GB/s", "memory of the command, GB")
    rows = [table_head(*titles, *more)]
    rows += [costs.row(count, nodes, args.cpus) for count in COUNTS for nodes in NODES]
    table = "\n".join([*measured, "", text, "", *rows])
    print(table)
    if args.write:
        paste(ROOT / "docs" / "guide" / "cluster.md", table, "cluster")


if __name__ == "__main__":
    main()
