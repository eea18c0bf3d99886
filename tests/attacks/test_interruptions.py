"""A sample of what `python -m tests.attacks interruptions` does."""

from __future__ import annotations

import sys

import pytest

from tests.support.attacks import attacks


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="forks, and limits sizes of files")
def test_interruptions_do_no_harm() -> None:
    """In a process of its own, with one thread, so that it can be forked."""
    said = attacks("interruptions", "--kills", "8", OMP_NUM_THREADS="1")
    assert "| kills before the end, of " in said and "archive on a full disk" in said
