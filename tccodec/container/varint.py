"""Unsigned LEB128 integers in their shortest form.

Seven bits a byte, least significant first, the top bit set on every byte but the last. Only
the shortest form of a number is valid, so that a value, and a file, can be written in one way only.
"""

from __future__ import annotations

from tccodec.errors import BadFile

MAX_BITS = 35  # five bytes; every number of the format is below 2^32


def encode_varint(value: int) -> bytes:
    """Bytes of `value` (0 .. 2^35 - 1); anything else is a `ValueError`."""
    if not 0 <= value < 1 << MAX_BITS:
        raise ValueError(f"{value} does not fit a varint of {MAX_BITS} bits")
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode_varint(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """`(value, position after it)` of the varint at `data[at]`.

    Raises `BadFile` if the data end inside it, if it is longer than five bytes, or if the same
    value has a shorter form.
    """
    value = 0
    for shift in range(0, MAX_BITS, 7):
        if at >= len(data):
            raise BadFile("the file is cut short inside a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if byte == 0 and shift:
                raise BadFile("the file holds a number that is not in its shortest form")
            return value, at
    raise BadFile("the file holds a number of more than five bytes")
