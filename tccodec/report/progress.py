"""How a run reports its progress."""

from __future__ import annotations

from typing import Protocol


class ReportProgress(Protocol):
    """Receives the phases of a run and the work done. The command line draws bars."""

    def phase(self, title: str, *, total: float, done: float) -> None:
        """A phase begins. `total`: its work; `done`: the part that an earlier run did."""

    def advance(self, amount: float, note: str) -> None:
        """`amount` more of the work is done; `note` names it."""

    def say(self, text: str) -> None:
        """A remark, such as a picture that cannot be read."""


class Silent:
    """Reports nothing."""

    def phase(self, title: str, *, total: float, done: float) -> None:
        """Nothing."""

    def advance(self, amount: float, note: str) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""
