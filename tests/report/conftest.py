"""A folder of pictures, and a codec that takes its time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.report import SlowCodec, photos


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pictures with sides that MS-SSIM accepts."""
    return photos(tmp_path_factory.mktemp("photos"), (208, 176), (176, 208), (192, 192))


@pytest.fixture
def slow_codec(tmp_path: Path) -> SlowCodec:
    """A codec that takes 0.15 s per picture."""
    return SlowCodec(tmp_path, 0.15)
