"""Small valid inputs that the mutators start from: `.tcz` files, payloads, models, pictures."""

from __future__ import annotations

import functools
import io
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from tccodec import Codec
from tccodec.container import Setting, Tag, TczFile, make_section, write
from tccodec.picture import Pixels
from tccodec.picture.embedded import PNG, WEBP, embed
from tests.attacks.seal import Parts, deflated, parse, seal
from tests.support.pictures import GREY, PHOTO, page, photo, saved
from tests.support.shapes import SHAPES, model_of

GOLDEN = Path(__file__).parents[1] / "golden"
MODELS = ("tiny", "renderer")  # of tests/support/shapes.py: eight bits or a varint of groups
# The same in narrow networks, which even plain Python runs in a millisecond.
WIDTHS: dict[str, Any] = {"bottleneck": 16, "hyper": 4, "hidden": 8, "fine_hidden": 8}
NARROW = {
    "narrow tiny": replace(SHAPES["tiny"], groups=(4, 4, 8, 8), **WIDTHS),
    "narrow trellis": replace(
        SHAPES["tiny"], groups=(4, 4, 8, 8), trellis=4, spacing=(18, 24), **WIDTHS
    ),
    "narrow renderer": replace(SHAPES["renderer"], groups=(4, 4) + 7 * (8,), **WIDTHS),
}
_FOLDER = tempfile.TemporaryDirectory(prefix="tccodec-attacks-")


@functools.cache
def model_folder(name: str) -> Path:
    """The folder of an untrained model."""
    return model_of((SHAPES | NARROW)[name], Path(_FOLDER.name) / name)


@functools.cache
def codec(name: str) -> Codec:
    """The untrained model, loaded for one thread."""
    return Codec.from_pretrained(model_folder(name), device="cpu", precision="fp32", threads=1)


def latents(codec: Codec, rgb: Pixels, quality: float) -> bytes:
    """A file with latents, at any quality."""
    return codec.compress(Image.fromarray(rgb), quality=quality, lossy=True)


def golden() -> list[bytes]:
    """The golden files."""
    return [path.read_bytes() for path in sorted(GOLDEN.glob("*.tcz"))]


def metadata() -> dict[str, Any]:
    """An ICC profile, EXIF, XMP and a comment, as Pillow's options."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", 1
    exif[0x8769] = {0x9003: "2020:01:02 03:04:05", 0x829A: (1, 60)}
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return {"icc_profile": icc, "exif": exif.tobytes(), "xmp": b"<x:xmpmeta/>" * 9, "comment": b"c"}


@functools.cache
def files(model: str) -> tuple[bytes, ...]:
    """Files of one of `MODELS` that between them hold every part of the format."""
    c = codec(model)
    out = [latents(c, photo(33, 41, seed=q), q) for q in (1, 30, 60, 100)]
    out += [c.encode(photo(9, 1060), 20), c.encode(GREY, 50)]
    soft = np.dstack([PHOTO, GREY])
    hard = np.dstack([PHOTO, np.where(GREY > 128, 255, 0).astype(np.uint8)])
    flat = np.dstack([PHOTO, np.full_like(GREY, 77)])
    out += [c.compress(Image.fromarray(a), quality=30) for a in (soft, hard, flat)]
    out += [c.compress(page(130, 70), quality=q) for q in (20, 60)]
    out.append(c.compress(saved(Image.fromarray(PHOTO), "JPEG", **metadata()), quality=30))
    drawn = PHOTO[::8, ::8].repeat(8, 0).repeat(8, 1)
    picture = Image.fromarray(np.ascontiguousarray(drawn))
    model_id, size = c.card.file_id, (64, 48)
    for method in (PNG, WEBP):  # both methods of each section of pixels
        body = embed(picture, method)
        section = make_section(Tag.EXACT, body)
        out.append(write(_file(model_id, size, (section,))))
        runs = make_section(Tag.BLOCKS, body[:1] + b"\0\1" + body[1:])
        alpha = embed(Image.fromarray(GREY) if method == PNG else picture, method)
        out.append(write(_file(model_id, size, (make_section(Tag.ALPHA, alpha), runs))))
    base = parse(out[0])
    base.sections = [(0x90, b"icc"), (0xD3, deflated(b"comment " * 9)), (0x94, b"CMYK")]
    base.sections += [(0x95, b"\x80\x01\x81\x02"), (0xA8, b"of a later version")]
    return (*out, seal(base))


def _file(model_id: bytes, size: tuple[int, int], sections: tuple[Any, ...]) -> TczFile:
    return TczFile(
        width=size[0],
        height=size[1],
        setting=Setting(500),
        model_id=model_id,
        tiles=(b"",),
        sections=sections,
    )


def code_cases(model: str) -> list[Parts]:
    """Files of one tile group with latents."""
    parts = [parse(data) for data in files(model)]
    return [p for p in parts if len(p.tiles) == 1 and p.tiles[0]]


def narrow_cases(model: str) -> list[Parts]:
    """The same of one of the narrow models, for pictures of one to six latent sites.

    With a trellis also one of 25, which has more than one chain.
    """
    c, sizes = codec(model), ((20, 20), (20, 40), (33, 41), (40, 90))
    qualities = (1, 20, 40, 60, 80, 100)
    made = [latents(c, photo(*s, seed=q), q) for s in sizes for q in qualities]
    if c._core.cfg.trellis:
        made.append(latents(c, photo(150, 150, seed=7), 80))
    return [p for p in map(parse, made) if p.tiles[0]]


def pictures() -> list[bytes]:
    """Small pictures in every format that Pillow writes and the package reads."""
    colour, grey = Image.fromarray(PHOTO[:24, :32]), Image.fromarray(GREY[:24, :32])
    kinds = ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "JPEG2000", "PPM", "TGA", "ICO"]
    kinds += ["DDS", "DIB", "SGI", "PCX", "AVIF", "MSP", "XBM", "BLP", "QOI"]
    out = list[bytes]()
    for kind in kinds:
        for image in (colour, grey, colour.convert("P"), grey.convert("1"), with_alpha(colour)):
            try:
                out.append(saved(image, kind))
            except (OSError, ValueError, KeyError):  # a mode, or a format, that this Pillow lacks
                continue
    for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
        out.append(saved(colour, kind, **metadata()))
    frames = io.BytesIO()
    colour.save(frames, "GIF", save_all=True, append_images=[grey])
    for compression in ("tiff_lzw", "packbits", "tiff_adobe_deflate", "group4"):
        image = grey.convert("1") if compression == "group4" else colour
        out.append(saved(image, "TIFF", compression=compression))
    return [*out, frames.getvalue(), saved(colour.convert("CMYK"), "JPEG")]


def with_alpha(image: Image.Image) -> Image.Image:
    """The picture with an alpha channel."""
    out = image.copy()
    out.putalpha(image.convert("L"))
    return out
