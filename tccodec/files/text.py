"""Names and texts of unknown origin, made fit for a terminal.

A file's name may hold any bytes, a file's sections any text: also the sequences that clear a
screen, change a title, or turn the reading direction around.
"""

from __future__ import annotations

import base64
import os
import unicodedata
from typing import Any

_LONGEST = 200  # characters
# Direction marks, embeddings, overrides and isolates: they reorder what stands around them.
_BIDI = {0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)}


def escaped(text: str) -> str:
    r"""The text in one line, without control characters: `\x1b`, `\n`, `\u202e` stand for them.

    A byte that is no UTF-8 in a name becomes `\xff`.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_escape, text))


def shown(name: str | os.PathLike[str]) -> str:
    """A name or a text from a file as it is printed: `escaped`, and cut in its middle if long."""
    text = os.fspath(name)
    if len(text) > 4 * _LONGEST:  # megabytes need not be looked at to show their ends
        text = text[: 2 * _LONGEST] + text[-2 * _LONGEST :]
    text = escaped(text)
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[: half - 1]}\u2026{text[-half:]}"


def json_name(key: str, path: str | os.PathLike[str] | None) -> dict[str, Any]:
    """A path as values of a JSON object, so that it can be had back whatever its bytes.

    `{key: name}`, and beside it `{key}_base64` with the bytes of a name that is no UTF-8, in
    which U+FFFD stands for what cannot be said.
    """
    if path is None:
        return {key: None}
    raw = os.fsencode(path)
    try:
        return {key: raw.decode("utf-8")}
    except UnicodeDecodeError:
        name = raw.decode("utf-8", "replace")
        return {key: name, f"{key}_base64": base64.b64encode(raw).decode("ascii")}


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python carries a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code in _BIDI or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
        return character.encode("unicode_escape", "surrogatepass").decode("ascii")
    return character
