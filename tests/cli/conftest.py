"""A tiny model under the name `tiny`, a picture and its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.pictures import picture
from tests.support.program import TINY, Run


@pytest.fixture(autouse=True)
def _tiny_is_known(tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TCCODEC_MODELS", str(tiny_model_dir.parent))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    picture().save(path)
    return path


@pytest.fixture
def packed(run: Run, photo: Path) -> Path:
    """photo.tcz beside photo.png."""
    assert run("compress", photo, *TINY, "-Q").code == 0
    return photo.with_suffix(".tcz")
