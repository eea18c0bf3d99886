"""Checks of the arguments of `tccodec.report.run`."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

from tccodec.arguments import check_integer, check_number, check_type, path_text, short_repr
from tccodec.errors import BadOption, WrongType

_MANY = 1 << 31
_PATHS = ("folder", "out", "backbones")
_TEXTS = ("anchor", "qualities", "engine", "address")
_LISTS = ("codecs", "metrics", "external")
# Name -> the least and the greatest whole number that it may be.
_WHOLE = {"points": (1, 100), "jobs": (1, 1024), "limit": (1, _MANY), "show": (0, _MANY)}
# What may be None, for a default.
_OPTIONAL = {
    *("out", "codecs", "qualities", "metrics", "jobs", "address", "limit", "backbones", "window"),
}


def check_arguments(**arguments: Any) -> None:
    """`WrongType` or `BadOption` for what means nothing."""
    for name, value in arguments.items():
        if value is None and name in _OPTIONAL:
            continue
        if name in _PATHS:
            path_text(f"{name} must be a path", value)
        elif name in _TEXTS:
            check_type(name, value, str)
        elif name in _LISTS:
            _check_texts(name, value)
        elif name in _WHOLE:
            low, high = _WHOLE[name]
            check_integer(name, value, low=low, high=high)
        elif name == "page_mb":
            check_number(name, value, low=0, high=math.inf, words="0 or more")
        elif name == "window":
            _check_window(value)
    engine, address = arguments["engine"], arguments["address"]
    if engine not in ("local", "ray") or (address is not None and engine != "ray"):
        raise BadOption("engine is local, or ray, which may have an address")


def _check_texts(name: str, value: object) -> None:
    """A text by itself is refused: it would be taken for a list of letters."""
    if (
        isinstance(value, (str, bytes))
        or not isinstance(value, Collection)
        or not all(isinstance(item, str) for item in value)
    ):
        raise WrongType(f"{name} must be a list of texts, not {short_repr(value)}")


def _check_window(window: object) -> None:
    words = "window must be two rates in bits per pixel, low and high"
    if not isinstance(window, (tuple, list)):
        raise WrongType(f"{words}, not {short_repr(window)}")
    for rate in window:
        check_number("a rate of window", rate, low=0, high=math.inf, words="0 or more")
    if len(window) != 2 or window[0] >= window[1]:
        raise BadOption(f"{words}, not {short_repr(window)}")
