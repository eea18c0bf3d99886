"""A picture's metadata and lossless planes <-> sections of a `.tcz` file.

Sections are read as strictly as docs/reference/format.md says.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tccodec.container import Section, Tag, TczFile, make_section
from tccodec.errors import BadFile
from tccodec.picture.alpha import pack_alpha, unpack_alpha
from tccodec.picture.exact import unpack_exact
from tccodec.picture.metadata import (
    ORIENTATION,
    pack_resolution,
    parsed,
    resolution_in,
    unpack_resolution,
)
from tccodec.picture.region import Box, averaged
from tccodec.picture.types import Picture, Pixels


def sections_of(picture: Picture) -> Iterator[Section]:
    """The sections of a picture, in the order of their numbers."""
    if picture.alpha is not None:
        yield make_section(Tag.ALPHA, pack_alpha(picture.alpha))
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

    Raises `BadFile` for text that is not UTF-8 and for EXIF that would turn the picture.
    """
    text = {tag: file.section(tag) for tag in (Tag.XMP, Tag.COMMENT, Tag.SOURCE)}
    for tag, body in text.items():
        try:
            (body or b"").decode("utf-8")
        except UnicodeDecodeError:
            raise BadFile(f"the {tag.name.lower()} section is no UTF-8") from None
    exif = file.section(Tag.EXIF)
    if exif is not None and parsed(exif).get(ORIENTATION, 1) != 1:
        raise BadFile("the exif section has an orientation, but pixels are stored upright")
    resolution = file.section(Tag.RESOLUTION)
    return {
        "icc": file.section(Tag.ICC),
        "exif": exif,
        "xmp": text[Tag.XMP],
        "comment": text[Tag.COMMENT],
        "source": (text[Tag.SOURCE] or b"").decode("utf-8"),
        "resolution": unpack_resolution(resolution) if resolution else resolution_in(exif),
    }


def stored_plane(
    file: TczFile, tag: Tag, *, box: Box | None = None, scale: int = 1
) -> Pixels | None:
    """The pixels in the section ALPHA, uint8 `(H, W)`, or EXACT, uint8 `(H, W, 3)`.

    scale: they are averaged over blocks of `scale x scale` pixels. box: the part of the averages
    that is returned, all of them if it is None. None if the file has no such section, `BadFile` if
    it is damaged.
    """
    body = file.section(tag)
    if body is None:
        return None
    unpack = {Tag.ALPHA: unpack_alpha, Tag.EXACT: unpack_exact}[tag]
    plane = averaged(unpack(body, width=file.width, height=file.height), scale)
    left, top, right, bottom = box or (0, 0, file.width, file.height)
    return plane[top:bottom, left:right]
