"""How a run tells what it is doing."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told of phases and of work done; the command line draws bars with it."""

    def phase(self, title: str, total: float, done: float) -> None:
        """A phase begins; `total` and `done` (from an earlier run) in megapixels coded."""

    def advance(self, amount: float, note: str) -> None:
        """`amount` more is done; `note` names it."""

    def say(self, text: str) -> None:
        """Something worth a line, such as a picture that cannot be read."""


class Silent:
    """Says nothing."""

    def phase(self, title: str, total: float, done: float) -> None:
        """Nothing."""

    def advance(self, amount: float, note: str) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""
