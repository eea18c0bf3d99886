"""The attacks reach every line of the readers."""

from __future__ import annotations

import pytest

from tests.support.attacks import attacks


@pytest.mark.slow
def test_the_attacks_reach_every_line_of_the_readers() -> None:
    """In a process of its own, whose lines nobody else traces."""
    assert "100.0 %" in attacks("lines", "--cases", "1500")
