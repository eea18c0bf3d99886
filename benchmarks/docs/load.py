"""Many pictures, many threads and many processes: memory, and whether results stay the same.

    python -m benchmarks.docs.load [--pictures 50000] [--minutes 60] [--write]

Small pictures are compressed and decompressed one after the other in one process; for some minutes
of CPU time a mix of work and of errors follows; then 16 threads share a codec, and processes that
are forked and spawned use it. Memory is what the process holds once a fifth of the work is done
and at its end, after a collection of garbage, and after malloc has given back what is free.
The most is without that. oneDNN keeps what it compiled for the last 1024 shapes of pictures, so the
mix takes some hundred pieces until its memory is level.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import hashlib
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

import tccodec
from benchmarks.common import ROOT, paste, table_head, table_row
from tests.support.pictures import page, picture

PAGE = ROOT / "docs" / "reliability.md"
WARM = 0.2  # of the work
THREADS = 16
SHARED = 160  # pictures that threads and processes code


def held(*, trimmed: bool) -> float:
    """Megabytes of memory that this process holds."""
    gc.collect()
    if trimmed:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096 / 1e6


def small(number: int) -> Image.Image:
    """A picture of 32 to 64 pixels per side."""
    return picture(number, size=(32 + number % 33, 32 + number // 33 % 33))


def there_and_back(codec: tccodec.Codec, image: Image.Image) -> bytes:
    """A hash of the file and of the pixels that come of it."""
    data = codec.compress(image, quality=50)
    pixels = codec.decompress(data).tobytes()
    return hashlib.sha256(data + pixels).digest()


def one_of_many(codec: tccodec.Codec, number: int) -> None:
    """Compress and decompress a small picture."""
    there_and_back(codec, small(number))


def mixed(codec: tccodec.Codec, number: int) -> None:
    """One piece of work of many kinds; each seventh ends in an error."""
    rng = Random(number)
    image = picture(number % 50, size=(rng.randrange(1, 400), rng.randrange(1, 300)))
    kind = number % 7
    if kind == 0:
        image = image.convert(rng.choice(("L", "RGBA", "P", "1", "CMYK")))
    elif kind == 1:
        image = page(130 + number % 90, 70)
    options: dict[str, Any] = {"quality": rng.randrange(101)}
    if kind == 2:
        options = {"size": 2000 + rng.randrange(3000)}
    elif kind == 3:
        options |= {"effort": rng.choice((1, 2))}
    data = codec.compress(image, **options)
    file = codec.verify(data)
    wide, high = file.width, file.height
    if kind == 4:
        codec.decompress(data, region=(wide // 3, high // 3, wide - wide // 3, high - high // 3))
    elif kind == 5:
        codec.decompress(data, scale=rng.choice((1 / 2, 1 / 4, 1 / 8)), realism=0.5)
    elif kind == 6:
        bad = bytearray(data)
        bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
        for wrong in (bytes(bad), data[:-1], b"", Image.new("RGB", (0, 0))):
            try:
                (codec.compress if isinstance(wrong, Image.Image) else codec.decompress)(wrong)  # type: ignore[arg-type]
            except tccodec.TccodecError:
                continue
            raise AssertionError("what is damaged was taken")
    else:
        codec.decompress(data)


def memory(codec: tccodec.Codec, work: Callable[[tccodec.Codec, int], None], steps: Iterator[float]
           ) -> tuple[int, float, float, float]:  # fmt: skip
    """Do a piece of work for each step, which is the share done so far.

    `(pieces, megabytes early, at the end, the most between)`.
    """
    count, early, most = 0, 0.0, 0.0
    for done in steps:
        work(codec, count)
        count += 1
        if not early and done >= WARM:
            early = held(trimmed=True)
        if early and count % 500 == 0:
            most = max(most, held(trimmed=False))
    most = max(most, held(trimmed=False))
    return count, early, held(trimmed=True), most


def shares(count: int) -> Iterator[float]:
    """The share done after each of `count` pieces."""
    return (i / count for i in range(1, count + 1))


def minutes(count: float) -> Iterator[float]:
    """The share done of some minutes of CPU time."""
    began = time.process_time()
    while (done := (time.process_time() - began) / (60 * count)) < 1:
        yield done


def with_threads(codec: tccodec.Codec, numbers: Sequence[int]) -> list[bytes]:
    """The hashes of some pictures, by 16 threads with one codec."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(lambda i: there_and_back(codec, small(i)), numbers))


def in_process(codec: tccodec.Codec, numbers: Sequence[int]) -> list[bytes]:
    """The hashes of some pictures."""
    return [there_and_back(codec, small(i)) for i in numbers]


def with_processes(codec: tccodec.Codec, method: str) -> list[bytes]:
    """The same by four processes, forked or spawned."""
    with multiprocessing.get_context(method).Pool(4) as pool:
        parts = [(codec, range(k, SHARED, 4)) for k in range(4)]
        results = pool.starmap(in_process, parts)
    return [results[i % 4][i // 4] for i in range(SHARED)]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, default=50_000)
    parser.add_argument("--minutes", type=float, default=60.0, help="of CPU time, for the mix")
    parser.add_argument("--write", action="store_true", help="write the table into the page")
    options = parser.parse_args()
    codec = tccodec.Codec.from_pretrained("tcae-s", device="cpu", threads=1)
    rows = [table_head("load", "pieces", "memory after a fifth, MB", "at the end, MB", "most, MB")]
    for name, work, steps in (
        ("pictures of 32 to 64 pixels, there and back", one_of_many, shares(options.pictures)),
        (f"a mix of work and errors, {options.minutes:g} minutes", mixed, minutes(options.minutes)),
    ):
        count, *megabytes = memory(codec, work, steps)
        rows.append(table_row([name, f"{count:,}", *(f"{x:.1f}" for x in megabytes)]))
        print(rows[-1], flush=True)
    rows += ["", table_head("shared by", "pictures", "other results than one thread's")]
    wanted = in_process(codec, range(SHARED))
    ways: dict[str, Callable[[], list[bytes]]] = {
        f"{THREADS} threads": lambda: with_threads(codec, range(SHARED)),
        "4 processes, spawned": lambda: with_processes(codec, "spawn"),
        "4 processes, forked": lambda: with_processes(codec, "fork"),
    }
    for name, found_by in ways.items():
        wrong = int(np.sum([a != b for a, b in zip(found_by(), wanted, strict=True)]))
        rows.append(table_row([name, SHARED, wrong]))
    print("\n".join(rows))
    if options.write:
        paste(PAGE, "\n".join(rows), "load")


if __name__ == "__main__":
    main()
