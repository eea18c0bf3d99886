"""Pictures for the page's viewer, at equal rates, cropped to a size that fits in a page.

A browser can show JPEG, WebP and AVIF, so if the whole picture fits, the coded files themselves go
into the page. Everything else (other codecs, crops of large pictures) becomes lossless WebP while
that is small, else AVIF 4:4:4 at a quality far above the codec's.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from tccodec.metrics.base import Array8, Scores
from tccodec.metrics.bd import frontier
from tccodec.picture.region import Box
from tccodec.report.codecs.base import Peer

# Pictures up to this many pixels are shown whole, larger ones as an unscaled crop.
CROP_PIXELS = 700_000
# Most bytes per pixel of a lossless picture in the page; originals may take more.
_LOSSLESS_DECODED, _LOSSLESS_ORIGINAL = 0.45, 1.6
_CARRIER_QUALITY = 92
# A rate this near to the wanted one is near enough: the step of an integer quality is larger.
_NEAR = 0.03
_MAX_TRIES = 6


@dataclass(frozen=True)
class WantedSize:
    """A file size to aim at, and pairs (quality, bytes) that are known already."""

    file_bytes: float
    known: list[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class ViewerPicture:
    """One picture of the viewer, as a file for browsers.

    quality, file_bytes, scores: of the codec; None, 0 and none for an original. media: the file,
    of type `media_type`. exact: whether its pixels are exactly the codec's. crop: the part of the
    whole picture that it shows.
    """

    quality: float | None
    file_bytes: int
    media: bytes
    media_type: str
    exact: bool
    crop: Box
    scores: Scores = field(default_factory=dict)


def show_original(picture: Array8) -> ViewerPicture:
    """The original, or a crop of it if it is large."""
    crop = choose_crop(picture)
    media, kind, exact = _browser_file(Image.fromarray(picture).crop(crop), _LOSSLESS_ORIGINAL)
    return ViewerPicture(
        quality=None, file_bytes=0, media=media, media_type=kind, exact=exact, crop=crop
    )


def show_coded(picture: Array8, peer: Peer, size: WantedSize) -> tuple[ViewerPicture, Array8]:
    """The picture coded near the wanted size, for the viewer, and all of its decoded pixels."""
    image = Image.fromarray(picture)
    crop = choose_crop(picture)
    quality, data = encode_near(peer, image, size)
    decoded = peer.decode(data, image.size).convert("RGB")
    if crop == (0, 0, image.width, image.height) and peer.media_type:
        media, kind, exact = data, peer.media_type, True
    else:
        media, kind, exact = _browser_file(decoded.crop(crop), _LOSSLESS_DECODED)
    shown = ViewerPicture(
        quality=quality,
        file_bytes=len(data),
        media=media,
        media_type=kind,
        exact=exact,
        crop=crop,
    )
    return shown, np.asarray(decoded)


def encode_near(peer: Peer, image: Image.Image, size: WantedSize) -> tuple[float, bytes]:
    """The quality whose file is nearest to the wanted size, found with a few encodes, and the file.

    Between known points, log size is taken to be linear in quality. Every encode adds a known
    point. The search ends when it is near enough, or when a quality comes up again.
    """
    known = dict(sorted(size.known))
    whole = all(float(q).is_integer() for q in known)
    tried: dict[float, bytes] = {}
    for _ in range(_MAX_TRIES):
        quality = _interpolate(known, size.file_bytes)
        quality = float(round(quality)) if whole else round(quality, 2)
        if quality in tried:
            break
        data = peer.encode(image, quality)
        tried[quality] = data
        known[quality] = float(len(data))
        if abs(math.log(len(data) / size.file_bytes)) < _NEAR:
            break
    return min(tried.items(), key=lambda item: abs(math.log(len(item[1]) / size.file_bytes)))


def _interpolate(known: dict[float, float], wanted: float) -> float:
    # quality grows with rate on the frontier of (bytes, quality), so that part can be inverted
    sizes, qualities = frontier(list(known.values()), list(known))
    return float(np.interp(math.log(wanted), np.log(sizes), qualities))


def choose_crop(picture: Array8) -> Box:
    """`(left, top, right, bottom)` of the part to show, with most detail near the middle."""
    height, width = picture.shape[:2]
    if height * width <= CROP_PIXELS:
        return 0, 0, width, height
    shrink = math.sqrt(CROP_PIXELS / (height * width))
    # a crop with the aspect ratio of the picture, but not a sliver of a panorama
    aspect = min(max(width / height, 0.6), 1.7)
    w = min(width, int(math.sqrt(CROP_PIXELS * aspect)))
    h = min(height, int(CROP_PIXELS / w))
    step = max(1, int(1 / shrink) * 2)
    grey = picture[::step, ::step].astype(np.float32).mean(2)
    detail = np.zeros_like(grey)
    detail[:-1, :-1] = np.abs(np.diff(grey, axis=0)[:, :-1]) + np.abs(np.diff(grey, axis=1)[:-1])
    detail = np.minimum(detail, np.percentile(detail, 95))
    sums = np.pad(detail.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    hs, ws = max(1, h // step), max(1, w // step)
    energy = sums[hs:, ws:] - sums[:-hs, ws:] - sums[hs:, :-ws] + sums[:-hs, :-ws]
    rows = np.linspace(-1, 1, energy.shape[0])[:, None] if energy.shape[0] > 1 else np.zeros((1, 1))
    cols = np.linspace(-1, 1, energy.shape[1])[None] if energy.shape[1] > 1 else np.zeros((1, 1))
    top, left = np.unravel_index(
        int(np.argmax(energy * (1 - 0.25 * (rows**2 + cols**2)))), energy.shape
    )
    left_px, top_px = min(int(left) * step, width - w), min(int(top) * step, height - h)
    return left_px, top_px, left_px + w, top_px + h


def _browser_file(image: Image.Image, limit: float) -> tuple[bytes, str, bool]:
    file = io.BytesIO()
    image.save(file, format="WEBP", lossless=True, quality=60, method=4, exact=True)
    if len(file.getvalue()) <= limit * image.width * image.height:
        return file.getvalue(), "image/webp", True
    smaller = io.BytesIO()
    options = {"quality": _CARRIER_QUALITY, "subsampling": "4:4:4", "speed": 7, "max_threads": 2}
    try:
        image.save(smaller, format="AVIF", **options)
    except (OSError, KeyError):  # a Pillow without AVIF
        return file.getvalue(), "image/webp", True
    return smaller.getvalue(), "image/avif", False
