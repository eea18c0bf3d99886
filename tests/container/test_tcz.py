"""What the format promises: pinned bytes, small overhead, a lossless round trip."""

from __future__ import annotations

import itertools
import subprocess
import sys
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tccodec.container import (
    Section,
    Tag,
    TczFile,
    make_section,
    read,
    read_header,
    tile_box,
    tile_grid,
    write,
)
from tests.support.damage import MODEL

# Computed by hand from docs/reference/format.md; if one of these changes, files in the world break.
GOLDEN_PLAIN = (
    "8954435a"  # magic
    "10"  # version 1, no flags
    "0123456789"  # model id
    "ac02"  # width 300
    "c801"  # height 200
    "f903"  # setting 505
)


def test_golden_plain_bytes() -> None:
    file = TczFile(width=300, height=200, setting=505, model_id=MODEL, tiles=(b"payload",))
    header = bytes.fromhex(GOLDEN_PLAIN)
    crc = zlib.crc32(header + b"\x00" + b"\x07" + b"payload").to_bytes(4, "little")
    assert write(file) == header + crc + b"payload"
    assert write(file).hex() == GOLDEN_PLAIN + "ec57222f" + b"payload".hex()


def test_golden_bytes_with_tiles_and_sections() -> None:
    file = TczFile(
        width=1025,
        height=1,
        setting=0,
        model_id=MODEL,
        grey=True,
        tiles=(b"AB", b"C"),
        sections=(make_section(Tag.COMMENT, b"hi"),),
    )
    header = bytes.fromhex("8954435a1301234567898108010001")
    first = zlib.crc32(header + b"\x00\x02" + b"AB").to_bytes(4, "little")
    second = zlib.crc32(first + header + b"\x01\x01" + b"C").to_bytes(4, "little")
    third = zlib.crc32(second + header + b"\x93\x02" + b"hi").to_bytes(4, "little")
    expected = header + b"\x02\x01" + first + b"AB" + second + b"C" + b"\x93\x02" + third + b"hi"
    assert write(file) == expected
    assert read(expected) == file


def test_overhead_of_a_plain_picture() -> None:
    for width, height, overhead in ((100, 100, 18), (768, 512, 20), (1024, 1024, 20)):
        payload = b"x" * 20_000
        file = TczFile(width=width, height=height, setting=500, model_id=MODEL, tiles=(payload,))
        assert len(write(file)) - len(payload) == overhead


def test_round_trip(good: bytes) -> None:
    assert write(read(good)) == good


def test_header_needs_only_the_front(rich: TczFile) -> None:
    header = read_header(write(rich)[:20])
    assert (header.width, header.height, header.setting) == (2050, 1025, 1000)
    assert (header.model_id, header.grey, header.sections) == (MODEL, True, 6)
    assert header.tile_count == 6


def test_section_lookup(rich: TczFile) -> None:
    found = read(write(rich))
    assert found.section(Tag.COMMENT) == "grüße".encode()
    assert found.section(Tag.SOURCE) is None
    assert found.payload_bytes == 157


def test_deflated_where_shorter() -> None:
    body = b"profile " * 500
    file = TczFile(
        width=1, height=1, setting=0, model_id=MODEL, tiles=(b"",),
        sections=(make_section(Tag.ICC, body), make_section(Tag.EXIF, bytes(range(40)))),
    )  # fmt: skip
    data = write(file)
    assert len(data) < 150
    assert read(data) == file


tiles = st.binary(max_size=40)
numbers = st.integers(1, 63)


def bodies(tag: Tag) -> st.SearchStrategy[bytes]:
    if tag is not Tag.SOURCE:
        return st.binary(max_size=300)
    printable = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
    return st.text(printable, min_size=1, max_size=100).map(str.encode)


@st.composite
def files(draw: st.DrawFn) -> TczFile:
    width, height = draw(st.integers(1, 4000)), draw(st.integers(1, 4000))
    columns, rows = tile_grid(width, height)
    picked = draw(st.lists(st.sampled_from(list(Tag)), unique=True, max_size=6))
    if Tag.EXACT in picked and Tag.BLOCKS in picked:
        picked.remove(Tag.BLOCKS)
    content = st.just(b"") if Tag.EXACT in picked else tiles
    return TczFile(
        width=width,
        height=height,
        setting=draw(st.integers(0, 1000)),
        model_id=draw(st.binary(min_size=5, max_size=5)),
        grey=draw(st.booleans()),
        tiles=tuple(draw(st.lists(content, min_size=columns * rows, max_size=columns * rows))),
        sections=tuple(make_section(t, draw(bodies(t))) for t in sorted(picked)),
    )


@given(files())
def test_any_file_round_trips(file: TczFile) -> None:
    assert read(write(file)) == file


@given(st.integers(1, 65535), st.integers(1, 65535))
def test_tile_groups_cover_the_picture_once(width: int, height: int) -> None:
    columns, rows = tile_grid(width, height)
    count = columns * rows
    for index in {0, count // 2, count - 1}:
        left, top, right, bottom = tile_box(width, height, index=index)
        assert 0 <= left < right <= width and 0 <= top < bottom <= height
        assert right - left <= 1024 and bottom - top <= 1024
    boxes = [tile_box(width, height, index=i) for i in range(min(columns, 40))]
    assert all(a[2] == b[0] for a, b in itertools.pairwise(boxes))
    assert tile_box(width, height, index=count - 1)[2:] == (width, height)


@pytest.mark.parametrize(
    "change",
    [
        {"tiles": ()},
        {"tiles": (b"", b"")},
        {"width": 0},
        {"height": 65536},
        {"setting": 1001},
        {"setting": -1},
        {"model_id": b"abc"},
        {"sections": (Section(17, b""), Section(16, b""))},
        {"sections": (Section(16, b""), Section(16, b""))},
        {"model_id": MODEL + b"x"},
        {"sections": (Section(0, b""),)},
        {"sections": (Section(Tag.ALPHA, b""),)},
        {"sections": (Section(Tag.ICC, b"", ancillary=False),)},
        {"sections": (Section(64, b""),)},
        {"sections": (Section(20, b""),)},
        {"sections": (Section(20, b"x" * 101),)},
        {"sections": (Section(20, b"\x1b[2J"),)},
    ],
)
def test_what_the_format_cannot_hold_is_not_written(
    plain: TczFile, change: dict[str, object]
) -> None:
    with pytest.raises(ValueError, match=r".+"):
        write(replace(plain, **change))  # type: ignore[arg-type]


def test_the_container_is_pure_python() -> None:
    code = (
        "import sys, tccodec.container;sys.exit(bool({'torch', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
