"""Every single-bit flip, every cut and every splice of the golden files: all must be refused."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path

from benchmarks.common import paste
from tccodec.container import read
from tccodec.errors import TccodecError
from tests.attacks import second_reader
from tests.attacks.seeds import golden


def flips(files: Sequence[bytes]) -> Iterator[bytes]:
    """Each file with each of its bits changed."""
    for data in files:
        for bit in range(8 * len(data)):
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            yield bytes(changed)


def cuts(files: Sequence[bytes]) -> Iterator[bytes]:
    """Each file, ended after each of its bytes but the last."""
    for data in files:
        for length in range(len(data)):
            yield data[:length]


def splices(files: Sequence[bytes]) -> Iterator[bytes]:
    """The beginning of one file and the end of another, cut at the same place of both: counted from
    the beginning, or from the end."""
    for one, other in product(files, repeat=2):
        if one is other:
            continue
        for at in range(1, min(len(one), len(other))):
            yield one[:at] + other[at:]
            yield one[:-at] + other[-at:]


def every_splice(files: Sequence[bytes]) -> Iterator[bytes]:
    """The same for each place of the one with each place of the other, also within a file."""
    for one, other in product(files, repeat=2):
        for i, j in product(range(1, len(one)), range(1, len(other))):
            if one is not other or i != j:
                yield one[:i] + other[j:]


KINDS: dict[str, Callable[[Sequence[bytes]], Iterator[bytes]]] = {
    "flips": flips,
    "cuts": cuts,
    "splices": splices,
    "every-splice": every_splice,
}


WORDS = {
    "flips": "each bit changed",
    "cuts": "ended after each byte",
    "splices": "each two files, joined at each equal place from their beginning or end",
    "every-splice": "each two of the {} files of up to {} bytes, joined at each two places",
}


def accepted(cases: Iterable[bytes], good: Sequence[bytes]) -> tuple[int, list[bytes]]:
    """`(cases, those that a reader accepted)`. A splice that is a whole file again is no case."""
    count, wrong, whole = 0, list[bytes](), frozenset(good)
    for data in cases:
        if data in whole:
            continue
        count += 1
        try:
            read(data)
        except TccodecError:
            try:
                second_reader.read(data)
            except second_reader.Refused:
                continue
        wrong.append(data)
    return count, wrong


def main(arguments: Sequence[str]) -> int:
    """Print how many were tried and how many a reader accepted."""
    parser = argparse.ArgumentParser("python -m tests.attacks exhaustive", description=__doc__)
    parser.add_argument(
        "kinds", nargs="*", choices=[*KINDS, []], metavar="KIND",
        help=f"{', '.join(KINDS)}; all if none is named",
    )  # fmt: skip
    parser.add_argument("--most", type=int, default=500, help="bytes of a file in every-splice")
    parser.add_argument("--write", type=Path, help="a page whose table is written anew")
    options = parser.parse_args(arguments)
    files, bad = golden(), 0
    print(f"{len(files)} golden files, {sum(map(len, files)):,} bytes")
    rows = ["| damage | tried | accepted |", "| --- | --- | --- |"]
    for name in options.kinds or KINDS:
        some = files
        if name == "every-splice":
            some = [f for f in files if len(f) <= options.most]
        count, wrong = accepted(KINDS[name](some), files)
        what = WORDS[name].format(len(some), options.most)
        rows.append(f"| {what} | {count:,} | {len(wrong)} |")
        print(rows[-1], flush=True)
        bad += len(wrong)
    if options.write:
        paste(options.write, "\n".join(rows), "exhaustive")
    return 1 if bad else 0
