"""Mutators that know the structure of what they change. Each takes its choices from a `Random`.

So one mutator serves both ways of attack: long runs give it a `Random` with a seed, the test suite
one of Hypothesis, which then looks for the simplest choices that fail.
"""

from __future__ import annotations

import functools
import io
import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

from tests.attacks.seal import Parts, deflated, parse, seal, sealed_body, unvarint, varint

TAGS = (1, 2, 3, 0x90, 0x91, 0x92, 0x93, 0x94, 0x95)
PNG_CHUNKS = tuple(
    b"IDAT PLTE tRNS acTL fcTL fdAT iCCP zTXt iTXt eXIf gAMA cHRM cICP sBIT pHYs quUx".split()
)
WRONG_SHAPES: tuple[list[int], ...]
WRONG_SHAPES = ([], [0], [1], [-1], [1 << 40], [1 << 32, 1 << 32], [2, 2])
LENGTHS = (0, 1, 2, 4, 8, 32, 200)


def noise(rng: Random, length: int) -> bytes:
    """Random bytes from one choice."""
    return Random(rng.randrange(1 << 30)).randbytes(length)


def mangled(rng: Random, data: bytes, other: bytes) -> bytes:
    """One to three changes of bytes, as storage and networks make them, or splices of `other`."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.randrange(len(out) + 1)
        length = rng.choice(LENGTHS)
        part = bytes(out[at : at + length])
        kind = rng.randrange(10)
        if kind <= 1 and at < len(out):
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 2 and at < len(out):
            out[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
        elif kind == 3:
            del out[at:]
        elif kind == 4:
            out[at : at + length] = noise(rng, length)
        elif kind == 5:
            del out[at : at + length]
        elif kind == 6:
            out[at:at] = part
        elif kind == 7:
            to = rng.randrange(len(out) + 1)
            out[at : at + length] = b""
            out[to:to] = part
        elif kind == 8:
            out[at:] = other[at:]
        else:
            out[at : at + length] = other[at : at + length]
    return bytes(out)


def sealed(rng: Random, data: bytes, other: bytes) -> bytes:
    """A `.tcz` file with one to four mutated fields, tile groups or sections, and new checksums."""
    p, q = parse(data), parse(other)
    for _ in range(rng.choice((1, 1, 2, 3, 4))):
        kind = rng.randrange(12)
        if kind == 0:
            p.width, p.height = rng.choice(_sizes(rng, p, q))
        elif kind == 1:
            p.setting = rng.choice((0, 1, 124, 125, 999, 1000, 1001, rng.randrange(1001)))
        elif kind == 2:
            p.flags = rng.choice((p.flags ^ 1, rng.randrange(16) & ~2))
        elif kind == 3:
            p.version = rng.randrange(16)
        elif kind == 4:
            p.count = rng.randrange(34)
        elif kind == 5:
            p.tail = noise(rng, rng.choice((1, 2, 5)))
        elif kind <= 8 and p.tiles:
            i = rng.randrange(len(p.tiles))
            p.tiles[i] = payload(rng, p.tiles[i], rng.choice(q.tiles or [b""]))
        elif kind == 9:
            p.sections = sorted(p.sections + q.sections[:2], key=lambda s: s[0] & 63)
        else:
            if not p.sections:
                p.sections.append((rng.choice(TAGS), noise(rng, rng.choice(LENGTHS))))
            i = rng.randrange(len(p.sections))
            p.sections[i] = section(rng, *p.sections[i], other)
    if rng.random() < 0.7 and p.tile_count < 600:  # as many tile groups as the size needs
        p.tiles = (p.tiles + [b""] * p.tile_count)[: p.tile_count]
    if any(tag & 63 == 2 for tag, _ in p.sections) and rng.random() < 0.8:
        p.tiles = [b""] * len(p.tiles)
    if rng.random() < 0.05:
        return spelt(rng, p)
    return seal(p)


def spelt(rng: Random, p: Parts) -> bytes:
    """The file with one number of its header in a longer form than it must have."""
    pad = [0, 0, 0]
    pad[rng.randrange(3)] = rng.choice((1, 4))
    head = seal(replace(p, tiles=[], sections=[], count=None, tail=b""))[:10]
    numbers = (p.width, p.height, p.setting)
    head += b"".join(varint(n, pad=k) for n, k in zip(numbers, pad, strict=True))
    head = head[:4] + bytes([head[4] & ~2]) + head[5:]
    return head + sealed_body(head, p.tiles, [], stored_all=False)


def _sizes(rng: Random, p: Parts, q: Parts) -> Sequence[tuple[int, int]]:
    return (
        (max(0, p.width - 1), p.height),
        (p.width + 1, p.height),
        (p.height, p.width),
        (q.width, q.height),
        (rng.randrange(1, 200), rng.randrange(1, 200)),
        *((1, 1), (0, 5), (1024, 1), (1025, 1), (65535, 1), (65536, 1), (65535, 65535)),
        (1 << 34, 1),
    )


def payload(rng: Random, own: bytes, other: bytes) -> bytes:
    """Another payload of a tile group."""
    kind = rng.randrange(10)
    first = bytes([rng.choice((1, 2, 3, 5, 15, 127, 255, rng.randrange(256)))])
    if kind == 0:
        return b""
    if kind == 1:
        return first
    if kind == 2:
        return first + noise(rng, rng.choice((1, 4, 8, 40, 400)))
    if kind == 3:
        return first + b"\xff" * rng.choice((1, 4, 8, 40, 4000))
    if kind == 4:
        return other
    if kind == 5:
        return first + own[1:]
    if kind == 6:
        return own[: rng.randrange(len(own) + 1)]
    if kind == 7:
        return own[:1] + bytes(rng.choice((1, 4, 5))) + own[1:]
    if kind == 8:
        return own + bytes(rng.choice((1, 4, 5)))
    return mangled(rng, own, other)


@functools.cache
def zeros(length: int) -> bytes:
    """The stored body of a deflated section of zeros."""
    return deflated(bytes(length))


def section(rng: Random, tag: int, body: bytes, other: bytes) -> tuple[int, bytes]:
    """Another tag or stored body."""
    kind = rng.randrange(9)
    if kind == 0:
        return rng.choice((tag ^ 0x40, tag ^ 0x80, (tag + 1) & 255, rng.randrange(256))), body
    if kind == 1:
        n = len(body)
        lies = (None, 0, 1, n + 1, 1 << 25, (1 << 25) + 1, (1 << 35) - 1)
        return tag | 0x40, deflated(body, announced=rng.choice(lies))
    if kind == 2:
        return rng.choice(TAGS[3:]) | 0x40, zeros(rng.choice((1 << 12, 1 << 12, 1 << 12, 1 << 20)))
    if kind == 3:
        return tag, body[: rng.choice((0, 1, 2))]
    if kind == 4 and b"\x89PNG" in body[:40]:
        at = body.index(b"\x89PNG")
        return tag, body[:at] + png(rng, body[at:])
    if kind == 5:
        return tag, bytes([rng.randrange(5)]) + body[1:]
    if kind == 6:
        return rng.choice(TAGS), body
    return tag, mangled(rng, body, other)


def png(rng: Random, data: bytes) -> bytes:
    """A PNG file with mutated chunks under fitting checksums."""
    at, chunks = 8, list[list[bytes]]()
    while at + 12 <= len(data):
        n = int.from_bytes(data[at : at + 4], "big")
        chunks.append([data[at + 4 : at + 8], data[at + 8 : at + 8 + n]])
        at += 12 + n
    if not chunks:
        return data
    i, kind = rng.randrange(len(chunks)), rng.randrange(6)
    if kind == 0:
        chunks[i][1] = mangled(rng, chunks[i][1], data)
    elif kind == 1:
        chunks.insert(i, [rng.choice(PNG_CHUNKS), noise(rng, rng.choice((0, 1, 4, 8, 30)))])
    elif kind == 2:
        del chunks[i]
    elif kind == 3:
        chunks.insert(rng.randrange(len(chunks)), list(chunks[i]))
    elif kind == 4 and len(chunks[0][1]) == 13:
        head = bytearray(chunks[0][1])
        head[rng.randrange(8, 13)] = rng.choice((0, 1, 2, 3, 4, 6, 8, 16))
        chunks[0][1] = bytes(head)
    else:
        _, at = unvarint(zeros(5_000_000), 0)
        chunks.insert(1, [rng.choice((b"zTXt", b"iCCP")), b"k\0\0" + zeros(5_000_000)[at:]])
    out = data[:8]
    for name, body in chunks:
        out += struct.pack(">I", len(body)) + name + body
        out += struct.pack(">I", zlib.crc32(body, zlib.crc32(name)))
    return out


def picture(rng: Random, data: bytes, other: bytes) -> bytes:
    """A mutated picture file of any format: bytes, chunks, numbers of two or four bytes."""
    kind = rng.randrange(4)
    if kind == 0 and data[:4] == b"\x89PNG":
        return png(rng, data)
    if kind == 1:  # most formats keep sizes and offsets in the first hundred bytes
        out = bytearray(data)
        at = rng.randrange(min(len(out), 100))
        value = rng.choice((0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, rng.randrange(1 << 16)))
        form = rng.choice(("<H", ">H", "<I", ">I"))
        number = struct.pack(form, value & (0xFFFF if "H" in form else 0xFFFFFFFF))
        out[at : at + len(number)] = number
        return bytes(out)
    return mangled(rng, data, other)


VALUES = (None, True, False, 0, 1, -1, 2, 3, 7, 255, 10**9, 2**63, 10**30, 0.5, 1e300, "", "x", "8")
VALUES += ([], {}, [1], [10**9] * 4, [[]], {"id": "0" * 16})  # type: ignore[assignment]


def config(rng: Random, text: bytes, other: bytes) -> bytes:
    """A `config.json` with mutated values, or mutated bytes."""
    if rng.randrange(5) == 0:
        return mangled(rng, text, other)
    values = json.loads(text)
    for _ in range(rng.choice((1, 1, 2))):
        place: Any = values
        if rng.randrange(4):
            place = values["model"] if isinstance(values.get("model"), dict) else values
        if not place:
            break
        key = rng.choice(sorted(place))
        kind = rng.randrange(4)
        if kind == 0:
            del place[key]
        elif kind == 1 and isinstance(place[key], list) and place[key]:
            i = rng.randrange(len(place[key]))
            place[key] = [*place[key][:i], rng.choice(VALUES), *place[key][i + 1 :]]
        elif kind == 2 and type(place[key]) is int:
            place[key] += rng.choice((-1, 1, 4, -4, place[key]))
        else:
            place[key] = rng.choice(VALUES)
    return json.dumps(values).encode()


def tensors(rng: Random, data: bytes) -> bytes:
    """A safetensors file with a mutated head, mutated values, or mutated bytes."""
    (size,) = struct.unpack_from("<Q", data)
    head = json.loads(data[8 : 8 + size])
    body = bytearray(data[8 + size :])
    name = rng.choice(sorted(k for k in head if k != "__metadata__"))
    entry = head[name]
    kind = rng.randrange(9)
    if kind == 0:
        return mangled(rng, data[: 8 + size], data) + bytes(body)
    if kind == 1:
        del head[name]
    elif kind == 2:
        head[name + rng.choice(("", "x", ".weight"))] = head.pop(name)
    elif kind == 3:
        entry["dtype"] = rng.choice(("F16", "F32", "F64", "I8", "U8", "I32", "I64", "BOOL", "X9"))
    elif kind == 4:
        entry["shape"] = rng.choice((*WRONG_SHAPES, entry["shape"][::-1]))
    elif kind == 5:
        entry["data_offsets"] = [rng.choice((0, -1, 1, 1 << 60)), rng.choice((0, 4, 1 << 62))]
    else:
        begin, end = entry["data_offsets"]
        part = body[begin:end]
        filler = rng.choice((b"\0", b"\xff", b"\x7f", b"\x80", b"\x00\x7c"))
        if kind == 6:
            body[begin:end] = (filler * len(part))[: len(part)]
        else:
            mutated = mangled(rng, bytes(part), data) + bytes(len(part))
            body[begin:end] = mutated[: len(part)]
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + bytes(body)


def cuts(data: bytes, *, parts: int) -> list[bytes]:
    """`parts` blocks that `joined` put together; the last takes what is left."""
    stream, out = io.BytesIO(data), list[bytes]()
    for _ in range(parts - 1):
        out.append(stream.read(int.from_bytes(stream.read(4), "little")))
    return [*out, stream.read()]


def joined(*blocks: bytes) -> bytes:
    """Blocks as one: all but the last behind its length in four bytes."""
    return b"".join(len(b).to_bytes(4, "little") + b for b in blocks[:-1]) + blocks[-1]
