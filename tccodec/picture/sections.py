"""A picture's metadata and lossless planes <-> sections of a `.tcz` file.

Sections are read as strictly as docs/reference/format.md says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tccodec.container import Section, Tag, TczFile, make_section
from tccodec.errors import BadFile
from tccodec.picture.alpha import pack_alpha, unpack_alpha
from tccodec.picture.blocks import Mask, pixel_mask, pixels_of, unpack_blocks
from tccodec.picture.exact import unpack_exact
from tccodec.picture.metadata import (
    ORIENTATION,
    numbers_in,
    pack_resolution,
    resolution_in,
    unpack_resolution,
)
from tccodec.picture.region import Box, averaged
from tccodec.picture.types import Picture, Pixels

Array = TypeVar("Array", npt.NDArray[np.uint8], npt.NDArray[np.bool_])


def sections_of(picture: Picture) -> Iterator[Section]:
    """The sections of a picture, in the order of their numbers."""
    if picture.alpha is not None:
        yield make_section(Tag.ALPHA, pack_alpha(picture.alpha))
    yield from metadata_sections(picture)


def metadata_sections(picture: Picture) -> Iterator[Section]:
    """The sections of a picture but those of pixels and alpha."""
    resolution = picture.resolution
    if resolution == resolution_in(picture.exif):
        resolution = None
    bodies = [
        (Tag.ICC, picture.icc),
        (Tag.EXIF, picture.exif),
        (Tag.XMP, picture.xmp),
        (Tag.COMMENT, picture.comment),
        (Tag.SOURCE, picture.source.encode()),
        (Tag.RESOLUTION, pack_resolution(resolution) if resolution else b""),
    ]
    for tag, body in bodies:
        if body:
            yield make_section(tag, body)


def stored_about(file: TczFile) -> dict[str, Any]:
    """The fields of `About` that sections hold, except alpha.

    Raises `BadFile` for text that is not UTF-8, for EXIF that would turn the picture, and for a
    resolution that EXIF has as well or that is none.
    """
    text = {tag: file.section(tag) for tag in (Tag.XMP, Tag.COMMENT, Tag.SOURCE)}
    for tag, body in text.items():
        try:
            (body or b"").decode("utf-8")
        except UnicodeDecodeError:
            raise BadFile(f"the {tag.name.lower()} section is not valid UTF-8") from None
    exif = file.section(Tag.EXIF)
    if any(tag == ORIENTATION and value != 1 for tag, value in numbers_in(exif or b"")):
        raise BadFile("the exif section has an orientation, but pixels are stored upright")
    stored, resolution = file.section(Tag.RESOLUTION), resolution_in(exif)
    if stored is not None:
        if resolution == unpack_resolution(stored):
            raise BadFile("the resolution section says what the exif section says already")
        resolution = unpack_resolution(stored)
    return {
        "icc": file.section(Tag.ICC),
        "exif": exif,
        "xmp": text[Tag.XMP],
        "comment": text[Tag.COMMENT],
        "source": (text[Tag.SOURCE] or b"").decode("utf-8"),
        "resolution": resolution,
    }


def stored_alpha(file: TczFile, *, box: Box | None = None, scale: int = 1) -> Pixels | None:
    """The alpha plane in a file, uint8 `(H, W)`; None if it has none.

    scale: it is averaged over blocks of `scale x scale` pixels. box: the part of the averages that
    is returned, all of them if it is None. `BadFile` if the section is damaged.
    """
    body = file.section(Tag.ALPHA)
    if body is None:
        return None
    plane = unpack_alpha(body, width=file.width, height=file.height)
    return _part(averaged(plane, scale), box)


@dataclass(frozen=True, slots=True)
class StoredPixels:
    """Pixels in a file that are not made from latents.

    pixels: uint8 `(H, W, 3)`; None if there are none. mask: where they are, `(H, W)`; None:
    everywhere.
    """

    pixels: Pixels | None = None
    mask: Mask | None = None

    @property
    def whole(self) -> Pixels | None:
        """The pixels if they are the whole picture, else None."""
        return self.pixels if self.mask is None else None

    def over(self, rows: Iterable[Pixels]) -> Iterator[Pixels]:
        """Strips `(h, W, 3)` that together cover `(H, W, 3)`, with these pixels put over them."""
        at = 0
        for strip in rows:
            part = slice(at, at + len(strip))
            if self.pixels is not None and self.mask is not None:
                strip = np.where(self.mask[part, :, None], self.pixels[part], strip)
            yield strip
            at += len(strip)


def stored_pixels(file: TczFile, *, box: Box | None = None, scale: int = 1) -> StoredPixels:
    """The pixels in the section EXACT or BLOCKS; all else is as in `stored_alpha`."""
    size = {"width": file.width, "height": file.height}
    body = file.section(Tag.EXACT)
    if body is not None:
        return StoredPixels(_part(averaged(unpack_exact(body, **size), scale), box))
    body = file.section(Tag.BLOCKS)
    if body is None:
        return StoredPixels()
    blocks = unpack_blocks(body, **size)
    if blocks.mask.all() and any(file.tiles):
        raise BadFile("the file holds its pixels twice")
    pixels = _part(averaged(pixels_of(blocks, **size), scale), box)
    mask = _part(pixel_mask(blocks.mask, **size, scale=scale), box)
    return StoredPixels(pixels, None if mask.all() else mask)


def _part(plane: Array, box: Box | None) -> Array:
    """The part of `(H, W, ...)` in a box."""
    left, top, right, bottom = box or (0, 0, plane.shape[1], plane.shape[0])
    part: Array = plane[top:bottom, left:right]
    return part
