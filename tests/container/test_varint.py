from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tccodec.container.varint import decode_varint, encode_varint
from tccodec.errors import BadFile


@pytest.mark.parametrize(
    ("value", "spelling"),
    [(0, "00"), (1, "01"), (127, "7f"), (128, "8001"), (300, "ac02"), (65535, "ffff03")],
)
def test_spelling_is_leb128(value: int, spelling: str) -> None:
    assert encode_varint(value).hex() == spelling


@given(st.integers(0, 2**35 - 1), st.binary(max_size=3))
def test_round_trip(value: int, rest: bytes) -> None:
    spelled = encode_varint(value)
    assert decode_varint(b"\xff" + spelled + rest, 1) == (value, 1 + len(spelled))


@pytest.mark.parametrize("value", [-1, 2**35])
def test_out_of_range_is_a_value_error(value: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        encode_varint(value)


@pytest.mark.parametrize("spelling", ["8000", "ff00", "808000"])
def test_only_the_shortest_spelling_is_valid(spelling: str) -> None:
    with pytest.raises(BadFile, match="shortest"):
        decode_varint(bytes.fromhex(spelling), 0)


@pytest.mark.parametrize("spelling", ["", "80", "ffff"])
def test_cut_short(spelling: str) -> None:
    with pytest.raises(BadFile, match="cut short"):
        decode_varint(bytes.fromhex(spelling), 0)


def test_endless() -> None:
    with pytest.raises(BadFile, match="five bytes"):
        decode_varint(b"\xff" * 100, 0)
