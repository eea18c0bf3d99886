"""AV1 still pictures without their AVIF container: a body of a few bytes instead of 300.

    field
    ...    one OBU with the sequence header, of a reduced still picture
    ...    one OBU with the frame

Pillow reads and writes AVIF. The container around these two OBUs repeats the sequence header and
adds the colour space, which is fixed here: sRGB, matrix BT.601, full range. So the container is
taken off when a picture is written, and built again when it is read.

Sources: AV1 Bitstream & Decoding Process Specification, 5.3 and 5.5; AV1 Image File Format 1.1.0;
ISO/IEC 14496-12 and 23008-12 for the boxes.
"""

from __future__ import annotations

import io
import struct
from contextlib import suppress
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, features

from tccodec.errors import BadFile, TccodecError
from tccodec.picture.pillow import guarded
from tccodec.picture.types import Pixels

SIDE = 16_384  # pixels; for larger pictures libaom needs more than the highest level
_DELIMITER, _SEQUENCE, _FRAME = 0x12, 0x0A, 0x32  # OBU headers, with a length field
# Options of libaom. Smooth blocks get finer steps than busy ones, so that faint lines and grey text
# are kept. For screens, the squared error is less, too, than with `tune=psnr`.
_TUNINGS = ({"tune": "ssim", "deltaq-mode": "6", "deltaq-strength": "25"}, {"tune": "ssim"})
# Primaries of BT.709, the transfer curve of sRGB, the matrix of BT.601, full range.
_COLOUR = b"nclx" + struct.pack(">HHHB", 1, 13, 6, 0x80)


class _Sequence(NamedTuple):
    """What a sequence header says. level: `seq_level_idx`."""

    level: int
    grey: bool
    width: int
    height: int


def available() -> bool:
    """Whether this Pillow reads and writes AVIF."""
    return bool(features.check("avif"))


def encode(rgb: Pixels, *, quality: int, speed: int, grey: bool = False) -> bytes:
    """uint8 `(H, W, 3)` -> OBUs, coded without chroma subsampling.

    quality: libavif's, 0 .. 100. speed: libavif's, 0 .. 10. grey: only the first channel is coded.
    """
    image = Image.fromarray(rgb[..., 0]) if grey else Image.fromarray(rgb)
    return _without_container(_saved(image, _tuning(), quality=quality, speed=speed))


@cache
def _tuning() -> dict[str, str]:
    """The first of `_TUNINGS` that this build of libaom knows."""
    for tuning in _TUNINGS[:-1]:
        with suppress(ValueError):
            _saved(Image.new("L", (16, 16)), tuning, quality=50, speed=10)
            return tuning
    return _TUNINGS[-1]


def _saved(image: Image.Image, tuning: dict[str, str], *, quality: int, speed: int) -> bytes:
    """An AVIF file; `ValueError` if libaom does not know the tuning."""
    out = io.BytesIO()
    # Pillow 11 takes grey for colour unless it is told.
    options: dict[str, Any] = {"subsampling": "4:0:0" if image.mode == "L" else "4:4:4"}
    # One tile: letters are copied from all of the picture, and all machines write the same bytes.
    options |= {"range": "full", "autotiling": False, "advanced": tuning}
    image.save(out, "AVIF", quality=quality, speed=speed, **options)
    return out.getvalue()


def decode(body: bytes, *, width: int, height: int) -> Pixels:
    """Inverse of `encode`: uint8 `(height, width, 3)`.

    Raises `BadFile` for invalid OBUs or another size, `TccodecError` if this Pillow has no AVIF.
    """
    sequence = _sequence(body)
    if (sequence.width, sequence.height) != (width, height):
        raise BadFile("the blocks section has not the size of the picture")
    if not available():
        raise TccodecError("this file holds AV1, and this build of Pillow cannot read it")
    file = _with_container(body, sequence)
    try:
        with guarded(width * height), Image.open(io.BytesIO(file), formats=["AVIF"]) as image:
            pixels = np.array(image.convert("RGB"))
    except Exception:  # whatever a decoder raises on bad bytes
        raise BadFile("the blocks section cannot be decoded") from None
    if pixels.shape != (height, width, 3):
        raise BadFile("the blocks section cannot be decoded")
    return pixels


def as_avif(body: bytes, *, max_side: int) -> bytes:
    """An AVIF file of what `encode` returned.

    Raises `BadFile` for invalid OBUs, or a picture with a side of over `max_side` pixels.
    """
    sequence = _sequence(body)
    if max(sequence.width, sequence.height) > max_side:
        raise BadFile(f"AV1 with a side of over {max_side} pixels")
    return _with_container(body, sequence)


def _without_container(avif: bytes) -> bytes:
    """The OBUs in an AVIF file as libavif writes it, without the temporal delimiter."""
    at, obus = 0, b""
    while at < len(avif):
        size, kind = struct.unpack_from(">I4s", avif, at)
        if kind == b"mdat":
            obus = avif[at + 8 : at + size]
        at += size
    if obus[:2] == bytes([_DELIMITER, 0]):
        obus = obus[2:]
    if b"colr" + _COLOUR not in avif:
        raise TccodecError("this build of libavif writes another colour space")
    _sequence(obus)
    return obus


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _with_container(body: bytes, sequence: _Sequence) -> bytes:
    """An AVIF file around the OBUs."""
    full = b"\0\0\0\0"  # version and flags
    profile = 0 if sequence.grey else 1
    chroma = 0x1C if sequence.grey else 0  # monochrome, which counts as subsampled
    depths = b"\1\10" if sequence.grey else b"\3\10\10\10"
    properties = _box(
        b"ipco",
        _box(b"ispe", full, struct.pack(">II", sequence.width, sequence.height)),
        _box(b"pixi", full, depths),
        _box(b"av1C", bytes([0x81, profile << 5 | sequence.level, chroma, 0])),
        _box(b"colr", _COLOUR),
    )
    # Item 1 has all four properties; without the third it cannot be decoded, which 0x80 says.
    association = _box(b"ipma", full, struct.pack(">IHB4B", 1, 1, 4, 1, 2, 0x83, 4))
    item = _box(b"infe", b"\2\0\0\0", struct.pack(">HH4sB", 1, 0, b"av01", 0))

    def meta(offset: int) -> bytes:
        extent = struct.pack(">HHHHHII", 0x4400, 1, 1, 0, 1, offset, len(body))
        return _box(
            b"meta",
            full,
            _box(b"hdlr", full, bytes(4), b"pict", bytes(13)),
            _box(b"pitm", full, struct.pack(">H", 1)),
            _box(b"iloc", full, extent),
            _box(b"iinf", full, struct.pack(">H", 1), item),
            _box(b"iprp", properties, association),
        )

    head = _box(b"ftyp", b"avif", bytes(4), b"avifmif1miaf")
    return head + meta(len(head) + len(meta(0)) + 8) + _box(b"mdat", body)


def _sequence(body: bytes) -> _Sequence:
    """The sequence header; `BadFile` unless one frame of the allowed form follows it."""
    header, rest = _obu(body, _SEQUENCE)
    _, rest = _obu(rest, _FRAME)
    bits = _Bits(header)
    profile, still, reduced, level = bits.take(3), bits.take(1), bits.take(1), bits.take(5)
    wide, high = bits.take(4) + 1, bits.take(4) + 1
    width, height = bits.take(wide) + 1, bits.take(high) + 1
    bits.take(6)  # coding tools; none changes the form of the output
    deep = bits.take(1)
    grey = profile == 0 and bits.take(1) == 1
    if rest or deep or not (still and reduced and (profile == 1 or grey)):
        raise BadFile("the blocks section holds no AV1 of the form that is allowed")
    return _Sequence(level, grey, width, height)


def _obu(body: bytes, kind: int) -> tuple[bytes, bytes]:
    """The content of the first OBU and what follows it."""
    length, at = 0, 1
    for shift in range(0, 28, 7):
        if body[:1] != bytes([kind]) or at >= len(body):
            break
        length |= (body[at] & 0x7F) << shift
        at += 1
        if body[at - 1] < 0x80:
            if length > len(body) - at:
                break
            return body[at : at + length], body[at + length :]
    raise BadFile("the blocks section holds no AV1 of the form that is allowed")


class _Bits:
    """Bits of a header, the highest of each byte first; zeros after its end."""

    def __init__(self, data: bytes) -> None:
        self.value, self.left = int.from_bytes(data), 8 * len(data)

    def take(self, count: int) -> int:
        self.left -= count
        return (self.value >> self.left if self.left >= 0 else 0) & ((1 << count) - 1)
