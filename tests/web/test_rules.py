"""What the codec refuses, the package for browsers refuses as well, for the same reason."""

from __future__ import annotations

import json
import random
import struct
import subprocess
from pathlib import Path

import pytest

from tccodec import TccodecError
from tccodec.container import read
from tccodec.picture import stored_about
from tccodec.picture.av1 import available
from tccodec.picture.metadata import pack_resolution, resolution_in
from tests.attacks import rules, seeds
from tests.attacks.seal import seal
from tests.support.node import NODE, WEB, old_node

pytestmark = pytest.mark.skipif(old_node(), reason="Node 20.15 or later is not here")


def reasons(files: list[bytes], folder: Path) -> list[str]:
    """Why the package refuses each file; empty if it does not."""
    folder.mkdir()
    for i, data in enumerate(files):
        (folder / str(i)).write_bytes(data)
    script = WEB / "test" / "support" / "refusals.mjs"
    arguments = [script, folder, *map(seeds.model_folder, seeds.MODELS)]
    done = subprocess.run(
        [str(NODE), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return [found[str(i)] for i in range(len(files))]


def reason(data: bytes) -> str:
    """Why the codec refuses a file."""
    try:
        seeds.codec(rules.model_of(data)).decompress(data)
    except TccodecError as e:
        own = f"{type(e).__name__}: {e}".partition("; --max-megapixels")[0]
        return own.replace("not with tiny (", "not with ").rstrip(")")
    return ""


def test_what_breaks_a_rule_is_refused(tmp_path: Path) -> None:
    cases = {
        f"{rule.quote}: {name}": data
        for rule in rules.rules()
        if "OBUs" not in rule.quote or available()
        for name, data in rule.broken().items()
    }
    found = reasons(list(cases.values()), tmp_path / "files")
    for (name, data), why in zip(cases.items(), found, strict=True):
        assert why == reason(data), name
        assert why, name


def test_their_neighbours_are_decoded(tmp_path: Path) -> None:
    files = rules.neighbours()
    assert reasons(files, tmp_path / "files") == [""] * len(files)


TAGS = (274, 282, 282, 283, 283, 296, 305)
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}


def directory(rng: random.Random) -> bytes:
    """EXIF with a few entries: of any type, and now and then beyond its end."""
    order = rng.choice("<<>")
    entries, values = b"", b""
    count = rng.randrange(1, 7)
    start = 8 + 2 + 12 * count + 4
    for _ in range(count):
        kind = rng.choice((3, 3, 4, 5, 5, *SIZES, 14))
        many = rng.choice((1, 1, 1, 1, 0, 2))
        number = rng.choice((1, 1, 1, 2, 3, 6, 72, 300))
        value = {
            1: struct.pack("B", number % 256),
            2: b"3",
            5: struct.pack(
                order + "II", 16 * number + rng.randrange(2), rng.choice((16, 16, 1, 0))
            ),
            6: struct.pack("b", number % 128),
            11: struct.pack(order + "f", number),
            12: struct.pack(order + "d", number),
            10: struct.pack(order + "ii", -number, rng.choice((-1, 1, 0))),
            16: struct.pack(order + "Q", number),
        }.get(kind)
        if value is None:
            value = struct.pack(order + ("H" if SIZES.get(kind) == 2 else "I"), number)
        value *= many
        if len(value) > 4:
            at = start + len(values) + rng.choice((0,) * 40 + (10_000, 4))
            values += value
            value = struct.pack(order + "I", at)
        tag = rng.choice(TAGS)
        entries += struct.pack(order + "HHI", tag, kind, many) + value.ljust(4, b"\0")
    magic = rng.choice((42,) * 20 + (43,))
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "HIH", magic, 8, count)
    whole = rng.choice((b"",) * 9 + (b"Exif\0\0",)) + head + entries + bytes(4) + values
    return whole if rng.randrange(20) else whole[: rng.randrange(len(whole))]


def test_exif_is_read_alike(tmp_path: Path) -> None:
    rng, files, wanted = random.Random(0), [], []
    for _ in range(800):
        exif = directory(rng)
        same = resolution_in(exif) or (rng.choice((1, 72, 300)), 3)
        body = pack_resolution(rng.choice((same, same, (same[0], same[1] + 0.001))))
        p = rules.bare("tiny", (0x91, exif), (0x95, body))
        p.width = p.height = 8
        files.append(seal(p))
        try:
            stored_about(read(files[-1]))
            wanted.append("")
        except TccodecError as e:
            wanted.append(f"{type(e).__name__}: {e}")
    assert min(map(wanted.count, set(wanted))) > 20 and len(set(wanted)) == 3
    found = reasons(files, tmp_path / "files")
    for i, (why, expected) in enumerate(zip(found, wanted, strict=True)):
        assert why == expected, (i, files[i])
