"""Pictures made on the spot: no binary files to trust."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image, ImageCms

from tests.support.pictures import gradient


@pytest.fixture
def rgb() -> Image.Image:
    return Image.fromarray(gradient(24, 40))


@pytest.fixture(scope="session")
def srgb_icc() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(scope="session")
def file_of() -> Callable[..., bytes]:
    """Function: image, format and options -> the file's bytes."""

    def make(image: Image.Image, kind: str, **options: Any) -> bytes:
        out = io.BytesIO()
        image.save(out, kind, **options)
        return out.getvalue()

    return make
