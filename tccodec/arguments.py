"""What a program hands over, checked before it is used: one sentence instead of a `TypeError`
from deep inside.

Nothing is imported here but the standard library. Numbers of numpy count as numbers, and so do
arrays that hold just one; True, "50" and None do not.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

from tccodec.errors import BadOption, WrongType


def shown(value: object) -> str:
    """A value in one short line, whatever it is."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # of an integer of 5000 digits, for one
        text = ""
    if not text or len(text) > 60:
        return f"{text[:40]}... ({type(value).__name__})" if text else type(value).__name__
    return text


def number(name: str, value: object, *, low: float, high: float, words: str) -> float:
    """`value` as a float from `low` to `high`; `words` say that in an error.

    `WrongType` for what is no real number, `BadOption` outside the range (NaN, too).
    """
    plain = _scalar(value)
    if not _is(plain, numbers.Real):
        raise WrongType(f"{name} must be a number, {words}, not {shown(value)}")
    if not low <= plain <= high:  # false for NaN
        raise BadOption(f"{name} must be {words}, not {shown(plain)}")
    return float(plain)


def whole(name: str, value: object, *, low: int, high: int, words: str = "") -> int:
    """`value` as an int from `low` to `high`; errors as of `number`."""
    words = words or f"from {low} to {high}"
    plain = _scalar(value)
    if not _is(plain, numbers.Real):
        raise WrongType(f"{name} must be a whole number {words}, not {shown(value)}")
    if not _is(plain, numbers.Integral) or not low <= plain <= high:
        raise BadOption(f"{name} must be a whole number {words}, not {shown(plain)}")
    return int(plain)


def choice(name: str, value: object, choices: Sequence[str]) -> str:
    """`value` if it is one of `choices`; else `WrongType` or `BadOption`."""
    if isinstance(value, str) and value in choices:
        return value
    kind = BadOption if isinstance(value, str) else WrongType
    raise kind(f"{name} must be one of {', '.join(choices)}, not {shown(value)}")


def instance(name: str, value: object, kind: type) -> None:
    """`WrongType` unless `value` is a `kind`."""
    if not isinstance(value, kind):
        raise WrongType(f"{name} must be a {kind.__name__}, not {shown(value)}")


def _is(value: object, kind: type) -> bool:
    """Whether a value is a number of that kind; True and False are none."""
    return isinstance(value, kind) and not isinstance(value, bool)


def _scalar(value: Any) -> Any:
    """The number in an array or tensor without dimensions; anything else as it is."""
    if getattr(value, "ndim", None) == 0 and callable(getattr(value, "item", None)):
        return value.item()
    return value
