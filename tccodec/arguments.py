"""Checks of the arguments of public functions.

Wrong ones get one clear sentence, instead of a `TypeError` from deep inside the library.

Nothing is imported here but the standard library. Numbers of numpy count as numbers, and so do
arrays without dimensions; True, "50" and None do not.
"""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Sequence
from typing import Any, Protocol

from tccodec.errors import (
    BadOption,
    MissingFile,
    TccodecError,
    UnreadableFile,
    WrongType,
    reason_of,
)


class BinaryReader(Protocol):
    """An object open for reading in binary mode: a file, a pipe, a member of an archive."""

    def read(self) -> bytes:
        """All that is left of it."""


# A file: its path, its bytes, or an object open for reading in binary mode.
FileSource = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryReader

_FAR = 2**31  # pixels, above the size of any picture


def short_repr(value: object) -> str:
    """`repr(value)` in one line; above 60 characters only its start, or the name of its type."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # of an integer of 5000 digits, for one
        return type(value).__name__
    if len(text) <= 60:
        return text
    return f"{text[:40]}..." if isinstance(value, (str, int)) else type(value).__name__


def check_number(name: str, value: object, *, low: float, high: float, words: str) -> float:
    """`value` as a float from `low` to `high`; `words` say that in an error.

    `WrongType` for what is no real number, `BadOption` outside the range (NaN, too).
    """
    plain = _scalar(value)
    if not _is(plain, numbers.Real):
        raise WrongType(f"{name} must be a number, {words}, not {short_repr(value)}")
    if not low <= plain <= high:  # false for NaN
        raise BadOption(f"{name} must be {words}, not {short_repr(plain)}")
    try:
        return float(plain)
    except OverflowError:  # an integer beyond all floats
        return math.inf if plain > 0 else -math.inf


def check_integer(name: str, value: object, *, low: int, high: int, words: str = "") -> int:
    """`value` as an int from `low` to `high`; errors as of `check_number`."""
    words = words or f"from {low} to {high}"
    plain = _scalar(value)
    if not _is(plain, numbers.Real):
        raise WrongType(f"{name} must be a whole number {words}, not {short_repr(value)}")
    if not _is(plain, numbers.Integral) or not low <= plain <= high:
        raise BadOption(f"{name} must be a whole number {words}, not {short_repr(plain)}")
    return int(plain)


def check_flag(name: str, value: object) -> bool:
    """`value` as a bool; `WrongType` for anything but True, False, 1 and 0."""
    plain = _scalar(value)
    if not isinstance(plain, int) or plain not in (0, 1):
        raise WrongType(f"{name} must be true or false, not {short_repr(value)}")
    return bool(plain)


def check_choice(name: str, value: object, choices: Sequence[str]) -> str:
    """`value` if it is one of `choices`; else `WrongType` or `BadOption`."""
    if isinstance(value, str) and value in choices:
        return value
    kind = BadOption if isinstance(value, str) else WrongType
    raise kind(f"{name} must be one of {', '.join(choices)}, not {short_repr(value)}")


def check_type(name: str, value: object, kind: type) -> None:
    """`WrongType` unless `value` is a `kind`."""
    if not isinstance(value, kind):
        raise WrongType(f"{name} must be a {kind.__name__}, not {short_repr(value)}")


def check_region(value: Any) -> tuple[int, int, int, int]:
    """`(left, top, width, height)` as four ints; whether they lie in a picture is not looked at."""
    words = "a region must be four whole numbers, left, top, width and height"
    value = _scalar(value)
    if isinstance(value, (str, bytes)) or not hasattr(value, "__len__"):
        raise WrongType(f"{words}, not {short_repr(value)}")
    if len(value) != 4:
        raise BadOption(f"{words}, not {len(value)}")
    left, top, width, height = (
        check_integer("each number of a region", n, low=-_FAR, high=_FAR, words="of pixels")
        for n in value
    )
    return left, top, width, height


def path_text(kinds: str, value: object) -> str:
    """The text of a path or name; for what is neither a `WrongType` that begins with `kinds`."""
    if isinstance(value, (str, os.PathLike)):
        try:
            return os.fsdecode(value)
        except TypeError:  # of a path object that gives something else
            pass
    raise WrongType(f"{kinds}, not {short_repr(value)}")


def read_content(what: str, source: Any, *, also: str = "", begins: bytes = b"") -> bytes:
    """The bytes of a file, given by its path, as bytes, or as a file open for reading.

    An open file is read from where it stands to its end, and stays open. `what` names it in
    errors: `MissingFile` or `UnreadableFile`, whatever the file raises, and `WrongType` for
    anything else; `also` says there what else the caller takes. Of a path whose file does not begin
    with `begins` the rest is not read: it may be a film.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        try:
            return bytes(source)
        except ValueError as e:
            raise UnreadableFile(f"{what} cannot be read: {e}") from None
    kinds = f"{what} must be {also}a path, bytes or a binary file"
    if isinstance(source, (str, os.PathLike)):
        return _content_of_path(path_text(kinds, source), begins)
    if not callable(getattr(source, "read", None)) or isinstance(source, type):
        raise WrongType(f"{kinds}, not {short_repr(source)}")
    try:
        data = source.read()
    except TypeError as e:  # an object whose `read` means something else
        raise WrongType(f"{what} cannot be read from {short_repr(source)}: {e}") from None
    except (MemoryError, TccodecError):
        raise
    except Exception as e:  # closed, cut short, damaged: zipfile, gzip and the web have their own
        raise UnreadableFile(f"{what} cannot be read: {reason_of(e)}") from e
    if isinstance(data, str):
        raise WrongType(f"{what} is open as text; open it in binary mode, with 'rb'")
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise WrongType(f"{what} must give bytes when it is read, not {short_repr(data)}")
    return bytes(data)


def _content_of_path(path: str, begins: bytes) -> bytes:
    try:
        with open(path, "rb") as file:
            head = file.read(len(begins))
            return head + file.read() if head == begins else head
    except FileNotFoundError:
        raise MissingFile(f"there is no file {short_repr(path)}") from None
    except (OSError, ValueError) as e:  # ValueError: a zero byte in the path
        reason = getattr(e, "strerror", None) or e
        raise UnreadableFile(f"{short_repr(path)} cannot be read: {reason}") from None


def _is(value: object, kind: type) -> bool:
    """Whether a value is a number of that kind; True and False are none."""
    return isinstance(value, kind) and not isinstance(value, bool)


def _scalar(value: Any) -> Any:
    """The number in an array or tensor without dimensions; anything else as it is."""
    if getattr(value, "ndim", None) == 0 and callable(getattr(value, "item", None)):
        return value.item()
    return value
