"""Options whose values are numbers: the range is in the help, and an error says it in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    _NumberType = click.ParamType[float]
else:  # click makes it generic from 8.4 on
    _NumberType = click.ParamType


class NumberType(_NumberType):
    """A number from `low` to `high`; `above`: `low` itself is no value. NaN is none either."""

    kind = "number"

    def __init__(self, low: float, high: float = math.inf, *, above: bool = False) -> None:
        self.low, self.high, self.above = low, high, above
        least = spelled(low)
        most = spelled(high) if high < math.inf else ""
        self.name = f"{least}..{most}"
        self.words = f"from {least} to {most}" if most else f"from {least} on"
        if above:
            self.words = f"above {least}"

    def parsed(self, text: str) -> float:
        """The number that a text means; `ValueError` if none."""
        return float(text)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number; click's usage error for anything else."""
        try:
            number = self.parsed(str(value))
        except ValueError:
            number = math.nan
        if not self.low <= number <= self.high or (self.above and number == self.low):
            self.fail(f"{str(value)!r} is not a {self.kind} {self.words}", param, ctx)
        return number


class WholeNumberType(NumberType):
    """A whole number from `low` to `high`."""

    kind = "whole number"

    def parsed(self, text: str) -> int:
        """The number that a text means; `ValueError` if none."""
        return int(text)


def spelled(number: float) -> str:
    """A number without an exponent if it is whole, and without zeros at its end."""
    return str(number) if isinstance(number, int) else f"{number:g}"
