"""Text and sizes for people; names and text of unknown origin, made safe for a terminal.

Names of files may hold any bytes, and sections any text: also sequences that clear the screen,
change its title, or reverse the direction of text.
"""

from __future__ import annotations

import base64
import json
import os
import unicodedata
from typing import Any

_LONGEST = 200  # characters
# Direction marks, embeddings, overrides and isolates reorder the text around them.
_BIDI = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}


def escaped(text: str) -> str:
    r"""The text in one line, with escapes (`\x1b`, `\n`, `\u202e`) for control characters.

    In a name, a byte that is not UTF-8 becomes an escape such as `\xff`.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_escape, text))


def shown(name: str | os.PathLike[str]) -> str:
    """A name or text from a file, for printing: `escaped`, and shortened in the middle."""
    text = os.fspath(name)
    if len(text) > 4 * _LONGEST:  # megabytes of text: only the ends are shown
        text = text[: 2 * _LONGEST] + text[-2 * _LONGEST :]
    text = escaped(text)
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[: half - 1]}\u2026{text[-half:]}"


def counted(number: int, noun: str) -> str:
    """'1 picture', '2,400 pictures'."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def from_json(text: str | bytes) -> Any:
    """The value of a JSON text of unknown origin; `ValueError` if it is not valid."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def json_name(key: str, path: str | os.PathLike[str] | None) -> dict[str, Any]:
    """A path as values of a JSON object, from which any name can be recovered.

    `{key: name}`. If the name is not UTF-8, it has U+FFFD in place of invalid bytes, and
    `{key}_base64` has all its bytes.
    """
    if path is None:
        return {key: None}
    raw = os.fsencode(path)
    try:
        return {key: raw.decode("utf-8")}
    except UnicodeDecodeError:
        name = raw.decode("utf-8", "replace")
        return {key: name, f"{key}_base64": base64.b64encode(raw).decode("ascii")}


def size_text(count: float) -> str:
    """A number of bytes for people: `812 B`, `71.2 kB`, `1.23 MB`, in powers of ten."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale * 0.9995:
            value = count / scale
            return f"{value:.0f} {unit}" if value >= 99.5 else f"{value:.3g} {unit}"
    return f"{count:.0f} B"


def rounded(value: float, digits: int) -> str:
    """A number of so many significant digits, never with an exponent: `0.026`, `130`, `2400`."""
    from decimal import Decimal

    return f"{Decimal(f'{value:.{digits}g}'):f}"


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python represents a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code in _BIDI or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return character.encode("unicode_escape", "surrogatepass").decode("ascii")
    return character
