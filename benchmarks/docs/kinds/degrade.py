"""What cameras, scanners and JPEG do to a page."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Random = np.random.Generator
Corners = Sequence[tuple[float, float]]  # top left, top right, bottom right, bottom left


def jpeg(image: Image.Image, quality: int, subsampling: str = "4:2:0") -> Image.Image:
    """The picture after a JPEG file."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, subsampling=subsampling)
    with Image.open(file) as opened:
        return opened.convert("RGB")


def coefficients(corners: Corners, size: tuple[int, int]) -> list[float]:
    """Pillow's eight numbers that map `corners` in the result to a picture of `size`."""
    width, height = size
    rows, values = [], []
    source = [(0, 0), (width, 0), (width, height), (0, height)]
    for (x, y), (u, v) in zip(corners, source, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return [float(c) for c in np.linalg.solve(np.array(rows, float), np.array(values, float))]


def laid_on(flat: Image.Image, scene: Image.Image, corners: Corners) -> Image.Image:
    """`flat` in perspective on `scene`, with soft edges and a shadow. Corners are shares of it."""
    spots = [(x * scene.width, y * scene.height) for x, y in corners]
    # drawn at twice the size of the result, then halved: perspective alone would alias
    double = (scene.width * 2, scene.height * 2)
    twice = coefficients([(2 * x, 2 * y) for x, y in spots], flat.size)
    how = (Image.Transform.PERSPECTIVE, twice, Image.Resampling.BICUBIC)
    warped = flat.transform(double, *how).resize(scene.size, Image.Resampling.LANCZOS)
    mask = Image.new("L", flat.size, 255).transform(double, *how)
    mask = mask.resize(scene.size, Image.Resampling.LANCZOS)
    shadow = mask.filter(ImageFilter.GaussianBlur(scene.width / 90)).point(lambda v: v * 0.5)
    dark = Image.composite(Image.new("RGB", scene.size), scene, shadow)
    return Image.composite(warped, dark, mask)


def light(image: Image.Image, rng: Random, strength: float = 0.35) -> Image.Image:
    """Light that falls off to one side, a little warm or cold."""
    y, x = np.mgrid[: image.height, : image.width]
    angle = rng.uniform(0, 2 * np.pi)
    along = x / image.width * np.cos(angle) + y / image.height * np.sin(angle)
    along = (along - along.min()) / np.ptp(along)
    tint = 1 + rng.uniform(-0.05, 0.05, 3)
    return clipped(np.asarray(image) * (1 - strength * along[..., None]) * tint)


def camera(image: Image.Image, rng: Random, blur: float, noise: float) -> Image.Image:
    """A lens's blur and a sensor's noise, smoothed a little as cameras do."""
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(blur)), float)
    grain = rng.normal(0, noise, soft.shape) + rng.normal(0, noise, soft.shape[:2])[..., None]
    return clipped(soft + grain).filter(ImageFilter.GaussianBlur(0.4))


def scanned(page: Image.Image, rng: Random, *, paper: Sequence[int], noise: float) -> Image.Image:
    """A page on a scanner: turned a little, on paper of a colour, dust, a dark edge."""
    turned = page.rotate(
        float(rng.uniform(-0.8, 0.8)), Image.Resampling.BICUBIC, fillcolor="white"
    ).filter(ImageFilter.GaussianBlur(0.6))
    tone = np.asarray(turned, float) / 255 * np.array(paper, float)
    tone = 18 + tone * (1 - 18 / 255)  # ink is never quite black
    fibres = rng.normal(128, 22, (page.height // 3 + 1, page.width // 3 + 1))
    coarse = Image.fromarray(np.clip(fibres, 0, 255).astype(np.uint8))
    tone += (np.asarray(coarse.resize(page.size), float)[..., None] - 128) / 10
    tone += rng.normal(0, noise, tone.shape)
    for x, y in zip(rng.integers(0, page.width, 40), rng.integers(0, page.height, 40), strict=True):
        tone[y : y + 2, x : x + 2] -= 60
    tone[:, :10] *= np.linspace(0.55, 1, 10)[None, :, None]
    return clipped(tone)


def clipped(values: NDArray[np.float64]) -> Image.Image:
    """Pixels of 8 bits."""
    return Image.fromarray(np.clip(np.round(values), 0, 255).astype(np.uint8))
