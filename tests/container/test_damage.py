"""Every way a file can be wrong is refused with one of the two errors, and cheaply."""

from __future__ import annotations

import tracemalloc
import zlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tccodec.container import (
    MAX_SIDE,
    Limits,
    Section,
    Tag,
    TczFile,
    make_section,
    read,
    read_header,
    write,
)
from tccodec.container.checksum import section_checksum
from tccodec.container.varint import encode_varint
from tccodec.errors import BadFile, LimitExceeded
from tests.support.damage import HEADERS, MODEL, SECTIONS, damaged, header, with_section


def refused(data: bytes) -> None:
    with pytest.raises((BadFile, LimitExceeded)) as caught:
        read(data)
    text = str(caught.value)
    assert text and "\n" not in text and len(text) < 200


def test_every_bit_and_every_byte(good: bytes) -> None:
    for data in damaged(good):
        refused(data)


def two_tiles(first: bytes, second: bytes, comment: bytes = b"c") -> bytes:
    return write(
        TczFile(
            width=2000,
            height=1000,
            setting=300,
            model_id=MODEL,
            tiles=(first, second),
            sections=(make_section(Tag.COMMENT, comment),),
        )
    )


def test_tile_groups_swapped_with_their_checksums() -> None:
    data = two_tiles(b"aaaa", b"bbbb")
    start = data.index(b"aaaa") - 4
    one, two = data[start : start + 8], data[start + 8 : start + 16]
    refused(data[:start] + two + one + data[start + 16 :])


def test_tile_group_spliced_in_from_a_file_with_the_same_header() -> None:
    """The checksums chain, so even a file of the same size and setting cannot lend its tiles."""
    here, there = two_tiles(b"aaaa", b"bbbb"), two_tiles(b"cccc", b"dddd")
    start = here.index(b"bbbb") - 4
    refused(here[:start] + there[start : start + 8] + here[start + 8 :])


def test_section_spliced_in_from_a_file_with_the_same_header() -> None:
    here, there = two_tiles(b"aaaa", b"bbbb", b"mine"), two_tiles(b"cccc", b"bbbb", b"your")
    start = here.index(b"mine") - 4
    refused(here[:start] + there[start:])


@settings(max_examples=300)
@given(data=st.data())
def test_mutations(rich: TczFile, data: st.DataObject) -> None:
    """A few edits anywhere: bytes replaced, removed, inserted, blocks moved."""
    original = write(rich)
    bent = original
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(len(bent) - 1, 0)))
        length = data.draw(st.integers(0, 12))
        new = data.draw(st.binary(max_size=12))
        bent = bent[:at] + new + bent[at + length :]
    if bent == original:
        return
    refused(bent)


@settings(max_examples=500)
@given(st.binary(max_size=200))
def test_noise_behind_a_good_magic(noise: bytes) -> None:
    for start in (b"", b"\x89TCZ", b"\x89TCZ\x10" + MODEL, b"\x89TCZ\x12" + MODEL):
        refused(start + noise)


@pytest.mark.parametrize(
    ("width", "height"),
    [(65535, 65535), (MAX_SIDE + 1, 1), (2**35 - 1, 2**35 - 1), (0, 10), (10, 0), (20000, 20000)],
)
def test_absurd_dimensions(width: int, height: int) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(LimitExceeded, match="pixels"):
            read(header(width=width, height=height) + b"\0" * 100)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_tile_count_is_checked_against_the_file_before_anything_is_made() -> None:
    data = header(width=65535, height=3000) + b"\0" * 30  # 192 tile groups, in 30 bytes
    tracemalloc.start()
    try:
        with pytest.raises(BadFile, match="too short for its 192 tile groups"):
            read(data)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_limits_can_be_moved(plain: TczFile) -> None:
    data = write(plain)
    assert read(data, limits=Limits(max_pixels=60_000)) == plain
    with pytest.raises(LimitExceeded, match=r"limit of 0\.059999 megapixels$"):
        read(data, limits=Limits(max_pixels=59_999))


@pytest.mark.parametrize(
    ("data", "text"),
    HEADERS,
)
def test_header_errors_name_their_cause(data: bytes, text: str) -> None:
    with pytest.raises(BadFile, match=text):
        read_header(data)


def test_unknown_ancillary_section_is_skipped() -> None:
    assert read(with_section(0x80 | 40, b"from the future")).sections == ()
    assert read(with_section(0xC0 | 40, b"not even zlib")).sections == ()


def test_unknown_critical_section_is_refused() -> None:
    with pytest.raises(BadFile, match="needs section 40"):
        read(with_section(40, b"from the future"))


@pytest.mark.parametrize(
    ("tag", "stored", "text"),
    SECTIONS,
)
def test_bad_sections(tag: int, stored: bytes, text: str) -> None:
    with pytest.raises(BadFile, match=text):
        read(with_section(tag, stored))


def test_inflation_bomb() -> None:
    """A small section that announces or hides gigabytes costs neither memory nor time."""
    bomb = zlib.compress(bytes(1 << 24), 9)
    tracemalloc.start()
    try:
        with pytest.raises(LimitExceeded, match="icc"):
            read(with_section(0xD0, encode_varint(1 << 34) + bomb))
        with pytest.raises(BadFile, match="length"):
            read(with_section(0xD0, encode_varint(1000) + bomb))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_alpha_is_bounded_by_the_picture() -> None:
    with pytest.raises(LimitExceeded, match="alpha"):
        read(with_section(1, bytes(5000)))


def test_sections_out_of_order_or_doubled(plain: TczFile) -> None:
    """The writer refuses to make them, so they are made by sorting a good file's sections."""
    good = write(replace(plain, sections=(Section(40, b"a"), Section(41, b"b"))))
    front = good[: good.index(b"a", 60) - 6]
    tile = good[good.index(plain.tiles[0]) - 4 :][:4]
    head = good[: read_header(good).size]
    for numbers in ((41, 40), (40, 40)):
        before, parts = tile, []
        for n in numbers:
            before = section_checksum(b"z", header=head, tag=0x80 | n, before=before)
            parts.append(bytes([0x80 | n, 1]) + before + b"z")
        with pytest.raises(BadFile, match="out of order"):
            read(front + b"".join(parts))


@pytest.mark.parametrize(
    "body",
    [b"", b"x" * 101, b"CMYK\n", b"\x1b]0;owned\x07", b"caf\xc3\xa9", b"\x9b31m", b"\x7f"],
)
@pytest.mark.parametrize("deflate", [False, True])
def test_a_source_that_is_no_name_is_refused(body: bytes, deflate: bool) -> None:
    """Programs print it: control characters would reach the terminal."""
    tag, stored = 0x80 | 20, body
    if deflate:
        tag, stored = tag | 0x40, encode_varint(len(body)) + zlib.compress(body)
    with pytest.raises((BadFile, LimitExceeded), match="source"):
        read(with_section(tag, stored))


def test_a_source_of_a_hundred_characters_is_read() -> None:
    assert read(with_section(0x80 | 20, b" ~" * 50)).section(Tag.SOURCE) == b" ~" * 50
