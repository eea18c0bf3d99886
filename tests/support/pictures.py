"""Pictures made on the spot: no binary files to trust."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw


def photo(height: int, width: int, *, seed: int = 0, noise: float = 6.0) -> NDArray[np.uint8]:
    """Like a photograph: waves that differ by channel, an edge and noise; uint8 `(H, W, 3)`.

    `seed` chooses the waves and the noise, whose standard deviation is `noise` grey levels.
    """
    rng = np.random.default_rng(seed)
    a, b, phase = rng.uniform((0.02, 0.02, 0.0), (0.12, 0.12, 6.0))
    y, x = np.mgrid[:height, :width]
    planes = [128 + 80 * np.sin(a * x + phase + k) * np.cos(b * y - k) for k in range(3)]
    edged = np.stack(planes, -1) + 40 * (x > y)[:, :, None]
    pixels: NDArray[np.uint8] = np.clip(edged + rng.normal(0, noise, edged.shape), 0, 255).astype(
        np.uint8
    )
    return pixels


def picture(seed: int = 0, *, size: tuple[int, int] = (60, 40), noise: float = 6.0) -> Image.Image:
    """`photo` as a Pillow image of `size`, which is (width, height)."""
    return Image.fromarray(photo(size[1], size[0], seed=seed, noise=noise))


def gradient(height: int, width: int) -> NDArray[np.uint8]:
    """uint8 (H, W, 3), smooth and different in every corner and channel."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [
        x * 255 // max(width - 1, 1),
        y * 255 // max(height - 1, 1),
        (x + y) * 255 // max(width + height - 2, 1),
    ]
    return np.stack(planes, -1).astype(np.uint8)


def hard(height: int, width: int) -> dict[str, NDArray[np.uint8]]:
    """RGB pictures on which small errors of a network grow: checkerboards, dither, an edge."""
    y, x = np.mgrid[:height, :width]
    dither = np.random.default_rng(0).integers(127, 129, (height, width))
    grey = {
        "checkerboard": (y + x) % 2 * 255,
        "checkerboard of two": (y // 2 + x // 2) % 2 * 255,
        "dither": dither,
        "edge": (x > width // 2) * 255,
    }
    return {name: np.repeat(v[..., None], 3, 2).astype(np.uint8) for name, v in grey.items()}


def page(width: int = 300, height: int = 200) -> Image.Image:
    """Some text and lines on white."""
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    for y in range(4, height - 12, 60):
        draw.text((6, y), "the quick brown fox", "navy")
    draw.line((0, 0, width, height), "red")
    return image


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """The bytes of a file; `kind` and `options` are Pillow's."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


# A small picture, uint8 (H, W, 3), and a grey one, uint8 (H, W).
PHOTO = photo(48, 64)
GREY = PHOTO[:, :, 0]
