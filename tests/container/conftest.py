"""Small files of every shape."""

from __future__ import annotations

import pytest

from tccodec.container import Tag, TczFile, make_section, write
from tests.support.damage import MODEL


@pytest.fixture(scope="session")
def plain() -> TczFile:
    """One tile group, no sections."""
    return TczFile(width=300, height=200, setting=505, model_id=MODEL, tiles=(bytes(range(7, 60)),))


@pytest.fixture(scope="session")
def rich() -> TczFile:
    """Six tile groups, one of them empty, and all kinds of sections."""
    return TczFile(
        width=2050,
        height=1025,
        setting=1000,
        model_id=MODEL,
        grey=True,
        tiles=(b"first", b"second!", b"", b"four", b"\x00\xff" * 70, b"6"),
        sections=(
            make_section(Tag.ALPHA, b"\x00\x80"),
            make_section(Tag.ICC, b"icc " * 40),
            make_section(Tag.EXIF, b"II*\x00"),
            make_section(Tag.XMP, b"<x:xmpmeta/>"),
            make_section(Tag.COMMENT, "grüße".encode()),
            make_section(Tag.PREVIEW, b"no picture"),
        ),
    )


@pytest.fixture(scope="session", params=["plain", "rich"])
def good(request: pytest.FixtureRequest) -> bytes:
    """Bytes of each of the two."""
    return write(request.getfixturevalue(request.param))
