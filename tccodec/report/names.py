"""Names of files as text that can be shown, stored and printed."""

from __future__ import annotations

import re

#: Control characters, marks that turn the direction of a line, and bytes that are not UTF-8.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
#: A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@")


def readable(name: str) -> str:
    r"""A name with what cannot be printed as escapes: ``caf\xe9.png`` for a byte that is no UTF-8.

    Pictures are told apart by these names, so every other character stays as it is.
    """
    return _UNPRINTABLE.sub(_escape, name)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # how Python carries a byte that it could not decode
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def cell(name: str) -> str:
    """A name for a CSV file: an apostrophe goes before what a spreadsheet would calculate."""
    return f"'{name}" if name.startswith(_FORMULA) else name
