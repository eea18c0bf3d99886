"""Lossless picture files inside a section: one byte for the kind, then the file.

One plain form of PNG and one of WebP is allowed, so that no two decoders read a file differently.
Pillow, like most readers, accepts much more and fills in what is missing.
"""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image

from tccodec.errors import BadFile
from tccodec.picture.chunks import PNG_MAGIC, png_chunks
from tccodec.picture.pillow import guarded

PNG, WEBP = 1, 2
GREY, RGB = 0, 2  # PNG's colour types
_FORMATS = {PNG: "PNG", WEBP: "WEBP"}
WEBP_SIDE = 16_383  # pixels; WebP's own limit


def embed(image: Image.Image, method: int, *, quality: int = 60) -> bytes:
    """Body of a section. `quality` is WebP's effort, 0 .. 100; the pixels are always exact."""
    out = io.BytesIO()
    if method == WEBP:
        # Method 4 of 6: 6 gains 1 % and takes two to three times as long.
        image.save(out, "WEBP", lossless=True, quality=quality, method=4)
    else:
        image.save(out, "PNG", optimize=True)
    return bytes([method]) + out.getvalue()


def extract(
    body: bytes, *, width: int, height: int, section: str, png: tuple[tuple[int, int], ...]
) -> Image.Image:
    """Inverse of `embed`, with pixels loaded; `BadFile` for an invalid file or another size.

    png: the pairs of bits per sample and colour type that a PNG may have.
    """
    kind = _FORMATS.get(body[0]) if body else None
    if kind is None:
        raise BadFile(f"the {section} section uses a method that this version does not know")
    data, size = body[1:], (width, height)
    # Before anything is decoded: a decompression bomb is refused unopened.
    if _size_of(data, kind) != size:
        raise BadFile(f"the {section} section has not the size of the picture")
    if not (_is_plain_png(data, size, png) if kind == "PNG" else _is_plain_webp(data)):
        raise BadFile(f"the {section} section holds no {kind} of the form that is allowed")
    try:
        with guarded(width * height), Image.open(io.BytesIO(data), formats=[kind]) as image:
            image.load()
            return image
    except Exception:  # whatever a decoder raises on bad bytes
        raise BadFile(f"the {section} section cannot be decoded") from None


def _size_of(data: bytes, kind: str) -> tuple[int, int]:
    """Width and height in the header; zeros if the header is invalid."""
    if kind == "PNG" and data[12:16] == b"IHDR" and len(data) >= 24:
        width, height = struct.unpack_from(">II", data, 16)
        return width, height
    if kind == "WEBP" and data[12:16] == b"VP8L" and len(data) >= 25:
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return 0, 0


def _is_plain_webp(data: bytes) -> bool:
    """RIFF with one chunk, VP8L, version 0, without alpha, and nothing else but a zero byte behind
    a chunk of odd length."""
    riff, size, webp, _, chunk = struct.unpack_from("<4sI4s4sI", data)
    (bits,) = struct.unpack_from("<I", data, 21)
    whole = len(data) == 8 + size == 20 + chunk + chunk % 2 and not any(data[20 + chunk :])
    plain = data[20] == 0x2F and bits < 1 << 28  # neither alpha nor another version
    return bool(riff == b"RIFF" and webp == b"WEBP" and whole and plain)


def _is_plain_png(data: bytes, size: tuple[int, int], allowed: tuple[tuple[int, int], ...]) -> bool:
    """IHDR, IDATs and an empty IEND only, not interlaced, with exactly the rows of the picture."""
    at, names, packed = len(PNG_MAGIC), [], []
    for name, body, end in png_chunks(data):
        if end > len(data) or _checksum(data[at + 4 : end - 4]) != data[end - 4 : end]:
            return False
        if name == b"IEND" and body:
            return False
        if name == b"IDAT":
            packed.append(data[at + 8 : end - 4])
        names.append(name)
        at = end
    plain = names == [b"IHDR", *[b"IDAT"] * len(packed), b"IEND"] and data[8:12] == b"\0\0\0\r"
    if not data.startswith(PNG_MAGIC) or not plain or at != len(data):
        return False
    depth, colour, *others = data[24:29]
    if (depth, colour) not in allowed or any(others):
        return False
    stride = 1 + (size[0] * depth * (3 if colour == RGB else 1) + 7) // 8
    return _holds_rows(b"".join(packed), stride, size[1])


def _checksum(chunk: bytes) -> bytes:
    return zlib.crc32(chunk).to_bytes(4)


def _holds_rows(packed: bytes, stride: int, height: int) -> bool:
    """Whether this is one zlib stream that inflates to `height` rows of `stride` bytes.

    The first byte of each row is its filter, 0 .. 4.
    """
    inflater, count = zlib.decompressobj(), 0
    try:
        while not inflater.eof:
            piece = inflater.decompress(packed, 1 << 20)
            packed = inflater.unconsumed_tail
            if max(piece[-count % stride :: stride], default=0) > 4:
                return False
            count += len(piece)
            if count > stride * height or not (piece or packed or inflater.eof):
                return False
    except zlib.error:
        return False
    return count == stride * height and not inflater.unused_data
