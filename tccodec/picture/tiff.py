"""TIFFs that Pillow reads without an error, but not as they are: noise, or white for black.

    channels one after the other    uncompressed, 16 bits are taken for 8, and white for black
    big-endian, compressed          floats and signed numbers, which libtiff has turned already

Pillow decodes by `tile`; what it says there is corrected before.
"""

from __future__ import annotations

from typing import Any

from PIL import Image, TiffImagePlugin

from tccodec.errors import BadPicture

BITS, PHOTOMETRIC, FORMAT = 258, 262, 339
_FILL_ORDER, _SAMPLES, _PLANES = 266, 277, 284
_APART = 2


def tag_of(image: Image.Image, tag: int) -> int | None:
    """The first value of a TIFF tag that is a whole number, or the default of the tag."""
    if image.format != "TIFF":
        return None
    value = getattr(image, "tag_v2", {}).get(tag, 1)
    value = value[0] if isinstance(value, tuple) and value else value
    return value if isinstance(value, int) else None


def correct_tiles(image: Image.Image) -> None:
    """Tell Pillow how the samples of a TIFF are stored; nothing changes for another image.

    Call it before `load`. `BadPicture` for a TIFF that Pillow cannot read in the right way.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tiles: list[Any] = image.tile
        image.tile = [
            tile._replace(args=(_raw_mode(image, tile.codec_name, tile.args[0]), *tile.args[1:]))
            for tile in tiles
        ]


def _raw_mode(image: TiffImagePlugin.TiffImageFile, codec: str, raw: str) -> str:
    """How the samples are stored, as Pillow names it; `raw` is what Pillow says itself."""
    if codec == "libtiff":
        raw = f"{raw[:-2]}N{raw[-1]}" if raw.endswith(("BS", "BF")) else raw
    if tag_of(image, _PLANES) != _APART:
        return raw
    bits, order = tag_of(image, BITS), image.tag_v2.prefix
    if image.mode in ("LA", "LAB") or (image.mode == "CMYK" and bits == 16 and codec == "raw"):
        raise BadPicture("a TIFF of this kind, with its channels apart, cannot be read")
    if codec == "raw" and tag_of(image, _SAMPLES) == 1:
        kind, white, fill = (tag_of(image, tag) for tag in (FORMAT, PHOTOMETRIC, _FILL_ORDER))
        known: Any = TiffImagePlugin.OPEN_INFO
        return str(known.get((order, white, (kind,), fill, (bits,), ()), ("", raw))[1])
    wide = codec == "raw" and bits == 16 and len(raw) == 1  # longer: corrected before
    return f"{raw};16{'L' if order == b'II' else 'B'}" if wide else raw
