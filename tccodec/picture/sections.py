"""The metadata sections of a `.tcz` file, read as strictly as docs/format.md says."""

from __future__ import annotations

from typing import Any

from tccodec.container import Tag, TczFile
from tccodec.errors import BadFile
from tccodec.picture.metadata import ORIENTATION, parsed, resolution_in, unpack_resolution


def stored_about(file: TczFile) -> dict[str, Any]:
    """The fields of `About` that sections hold, but alpha; `BadFile` where one is not as it
    should be: text that is no UTF-8, or EXIF that would turn the picture.
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
