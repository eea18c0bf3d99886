"""TIFF files by hand, for what Pillow does not write."""

from __future__ import annotations

import itertools
import struct
import zlib


def tiff(
    size: tuple[int, int],
    strips: list[bytes],
    *,
    bits: int,
    photometric: int,
    samples: int = 1,
    apart: bool = False,
    order: str = "<",
    kind: int = 1,
    alpha: bool = False,
    deflate: bool = False,
) -> bytes:
    """A TIFF of one strip, or with its channels `apart` of a strip for each.

    order: as `struct` names it. kind: of the samples, 1 for whole numbers, 2 for signed ones, 3 for
    floats.
    """
    strips = [zlib.compress(strip) for strip in strips] if deflate else strips
    places = list(itertools.accumulate(map(len, strips), initial=8))
    tags = [
        *((256, size[:1]), (257, size[1:]), (258, [bits] * samples), (259, [8 if deflate else 1])),
        *((262, [photometric]), (273, places[:-1]), (277, [samples]), (278, size[1:])),
        *((279, [*map(len, strips)]), (284, [2 if apart else 1])),
        *([(338, [2])] if alpha else []),
        (339, [kind] * samples),
    ]
    after = places[-1] + 2 + 12 * len(tags) + 4
    directory, values = struct.pack(f"{order}H", len(tags)), b""
    for tag, numbers in tags:
        body = struct.pack(f"{order}{len(numbers)}I", *numbers)  # all of them as 32 bits
        place = body if len(body) == 4 else struct.pack(f"{order}I", after + len(values))
        values += body if len(body) > 4 else b""
        directory += struct.pack(f"{order}HHI", tag, 4, len(numbers)) + place
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", places[-1])
    return start + b"".join(strips) + directory + bytes(4) + values
