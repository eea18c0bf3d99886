"""The chain of checksums that runs through a `.tcz` file.

Each tile group and each section carries a CRC-32 (the one of zlib, PNG and Ethernet) over

    the checksum before it in the file, 4 bytes (none for the first tile group)
    the whole header
    for a tile group its index and its length, as varints;
        for a section its tag byte and its length
    its payload or stored body

So every checksum covers the header and a length, and each one depends on the one before. A tile
group from another file breaks the chain, even if size, setting and model are the same. A tile
group can still be checked alone, given the four bytes before its own checksum.
"""

from __future__ import annotations

import zlib

from tccodec.container.varint import encode_varint

CHECKSUM_BYTES = 4


def tile_checksum(
    payload: bytes | memoryview, *, header: bytes, index: int, before: bytes
) -> bytes:
    """Checksum of tile group `index`, 4 bytes; `before` is b"" for index 0."""
    state = zlib.crc32(before + header + encode_varint(index) + encode_varint(len(payload)))
    return zlib.crc32(payload, state).to_bytes(CHECKSUM_BYTES, "little")


def section_checksum(
    stored: bytes | memoryview, *, header: bytes, tag: int, before: bytes
) -> bytes:
    """Checksum of the section with tag byte `tag`, 4 bytes."""
    state = zlib.crc32(before + header + bytes([tag]) + encode_varint(len(stored)))
    return zlib.crc32(stored, state).to_bytes(CHECKSUM_BYTES, "little")
