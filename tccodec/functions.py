"""The library in functions: `compress` and `decompress` keep the last models loaded."""

from __future__ import annotations

import functools
import os

from PIL import Image

from tccodec.api import Codec
from tccodec.arguments import FileSource, check_type
from tccodec.coding import requests
from tccodec.coding.effort import DEFAULT_EFFORT, DEFAULT_TUNE, Tune
from tccodec.coding.loaded import loaded_once
from tccodec.coding.requests import PictureSource
from tccodec.container import DEFAULT_LIMITS, Limits, read, read_header
from tccodec.model.registry import DEFAULT_MODEL, ModelCard, find_model, load_by_id
from tccodec.picture.preview import stored_preview
from tccodec.picture.region import Region

__all__ = ["compress", "decompress", "preview"]


def compress(
    image: PictureSource,
    *,
    quality: float | None = None,
    bpp: float | None = None,
    size: float | None = None,
    psnr: float | None = None,
    ms_ssim: float | None = None,
    lpips: float | None = None,
    ssimulacra2: float | None = None,
    lossless: bool = False,
    effort: int = DEFAULT_EFFORT,
    tune: Tune = DEFAULT_TUNE,
    lossy: bool = False,
    screen: bool = False,
    preview: bool = True,
    limits: Limits = DEFAULT_LIMITS,
    model: str | os.PathLike[str] = DEFAULT_MODEL,
    device: str = "auto",
) -> bytes:
    """Compress a picture to the bytes of a `.tcz` file.

    model: a name or a folder; the last two that were loaded are kept for the next call.
    device: see `Codec.from_pretrained`. All else, the errors too, is as in `Codec.compress`.
    """
    return _cached(find_model(model), device).compress(
        image,
        quality=quality,
        bpp=bpp,
        size=size,
        psnr=psnr,
        ms_ssim=ms_ssim,
        lpips=lpips,
        ssimulacra2=ssimulacra2,
        lossless=lossless,
        effort=effort,
        tune=tune,
        lossy=lossy,
        screen=screen,
        preview=preview,
        limits=limits,
    )


def decompress(
    data: FileSource,
    *,
    region: Region | None = None,
    scale: float = 1,
    realism: float = 0.0,
    limits: Limits = DEFAULT_LIMITS,
    model: str | os.PathLike[str] | None = None,
    device: str = "auto",
) -> Image.Image:
    """The picture in a `.tcz` file, as a Pillow image.

    model: a name or a folder; None looks up the model that the file names. The last two that were
    loaded are kept for the next call. device: see `Codec.from_pretrained`. All else, the errors
    too, is as in `Codec.decompress`.
    """
    requests.check(limits, None)
    data = requests.tcz_of(data)
    header = read_header(data, limits=limits)
    load = functools.partial(_cached, device=device)
    codec = load_by_id(header.model_id, load) if model is None else load(find_model(model))
    return codec.decompress(data, region=region, scale=scale, realism=realism, limits=limits)


def preview(data: FileSource, *, limits: Limits = DEFAULT_LIMITS) -> Image.Image | None:
    """The small picture in a `.tcz` file, as a Pillow image of mode RGB; None if it has none.

    No side is above 128 pixels, the colours are sRGB's, and transparent parts are white. Neither
    torch nor a model is needed.

    data, limits and the errors are as in `decompress`.
    """
    requests.check(limits, None)
    return stored_preview(read(requests.tcz_of(data), limits=limits))


def _cached(card: ModelCard, device: str) -> Codec:
    """A loaded codec; the last two are kept."""
    check_type("device", device, str)
    return _loaded(os.path.abspath(card.folder), card.model_id, device)


@loaded_once
def _loaded(folder: str, _: bytes, device: str) -> Codec:
    return Codec.from_pretrained(folder, device=device)
