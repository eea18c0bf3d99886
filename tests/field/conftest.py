"""Fixtures of the command line's tests."""

from tests.cli.conftest import packed, photo, run  # noqa: F401
