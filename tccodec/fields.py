"""Configurations as dataclasses whose fields have a type and a range that are checked.

By hand, because pydantic, msgspec and cattrs would be one more dependency of every installation,
for the few lines below.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class Range(NamedTuple):
    """Which values a field may have: in words, and as a condition."""

    words: str
    holds: Callable[[Any], bool]


def between(low: float, high: float) -> Range:
    """The values from `low` to `high`, both included."""
    return Range(f"from {low:g} to {high:g}", lambda v: low <= v <= high)


def within(allowed: Range, default: T) -> T:
    """A field of a dataclass whose value must be in a range."""
    return dataclasses.field(default=default, metadata={"range": allowed})


_TYPES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    # Exact types: True is no number of blocks, and 8.0 no number of channels.
    "str": ("text", lambda v: type(v) is str),
    "bool": ("true or false", lambda v: type(v) is bool),
    "int": ("a whole number", lambda v: type(v) is int),
    "float": (
        "a number",
        lambda v: type(v) is int or (type(v) is float and math.isfinite(v)),
    ),
    "tuple[int, ...]": (
        "a list of whole numbers",
        lambda v: type(v) is tuple and all(type(n) is int for n in v),
    ),
}


def check_fields(config: Any) -> None:
    """Check the type and the range of every field of a dataclass (`ValueError`).

    The module of the dataclass must have `from __future__ import annotations`.
    """
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        words, fits = _TYPES[str(field.type)]
        if not fits(value):
            raise ValueError(f"{field.name} must be {words}, not {str(value)[:80]!r}")
        allowed = field.metadata.get("range")
        if allowed and not allowed.holds(value):
            shown = f"{value:.10g}" if type(value) is float else str(value)[:80]
            raise ValueError(f"{field.name} must be {allowed.words}, not {shown}")


def check_names(config: type, values: dict[str, Any], *, kind: str) -> None:
    """Refuse a key that is no field of the dataclass, by its name (`ValueError`)."""
    unknown = sorted(set(values) - {field.name for field in dataclasses.fields(config)})
    if unknown:
        raise ValueError(f"unknown {kind} {unknown[0][:80]!r}")


def from_values(config: type[T], values: dict[str, Any], *, kind: str) -> T:
    """The dataclass with `values` of a TOML file: 5 may stand for 5.0, 0 and 1 for false and true.

    `kind`: what a field is called in an error. `ValueError` for a key that is no field and for a
    number that is too large; other values are for the dataclass to check.
    """
    check_names(config, values, kind=kind)
    types = {field.name: field.type for field in dataclasses.fields(config)}  # type: ignore[arg-type]
    return config(**{name: _converted(name, value, types[name]) for name, value in values.items()})


def _converted(name: str, value: Any, kind: Any) -> Any:
    if type(value) is int and kind == "bool" and value in (0, 1):
        return bool(value)
    if type(value) is int and kind == "float":
        try:
            return float(value)
        except OverflowError:
            raise ValueError(f"{name} is too large") from None
    return value
