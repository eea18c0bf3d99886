"""Pictures made on the spot: no binary files to trust."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms


def gradient(height: int, width: int) -> NDArray[np.uint8]:
    """uint8 (H, W, 3), smooth and different in every corner and channel."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [
        x * 255 // max(width - 1, 1),
        y * 255 // max(height - 1, 1),
        (x + y) * 255 // max(width + height - 2, 1),
    ]
    return np.stack(planes, -1).astype(np.uint8)


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
