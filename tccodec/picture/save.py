"""`Picture` -> Pillow image -> file of any format that Pillow writes."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, PngImagePlugin

from tccodec.errors import BadOption, BadPicture
from tccodec.picture.metadata import EXIF_PREFIX, descriptive
from tccodec.picture.png import write_netpbm, write_png
from tccodec.picture.types import Picture, Strips, planes_of

# Formats that hold alpha; the others get the picture on white.
_WITH_ALPHA = {"PNG", "WEBP", "AVIF", "TIFF", "GIF", "JPEG2000", "TGA", "ICO", "ICNS", "JXL"}
_JPEG_SEGMENT = 65_000  # EXIF and XMP must each fit one 64 kB segment
_XMP_TIFF_TAG = 700
_OPTIMIZE = 1 << 24  # pixels of a JPEG whose Huffman tables are optimised
# A decoded picture is a result, not a stage of further loss: lossless where the format can.
_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0, "optimize": True},
    "PNG": {"compress_level": 4},  # half the time of the default 6 for 3 % more bytes
    "WEBP": {"lossless": True, "method": 2, "quality": 40},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
    "TIFF": {"compression": "tiff_adobe_deflate"},
}
# Names that people type -> (Pillow's name, suffix); the rest is looked up in Pillow.
_COMMON = {
    "png": ("PNG", ".png"),
    "jpeg": ("JPEG", ".jpg"),
    "jpg": ("JPEG", ".jpg"),
    "webp": ("WEBP", ".webp"),
    "avif": ("AVIF", ".avif"),
    "tiff": ("TIFF", ".tiff"),
    "tif": ("TIFF", ".tif"),
    "bmp": ("BMP", ".bmp"),
    "ppm": ("PPM", ".ppm"),
}


def output_format(name: str) -> tuple[str, str]:
    """`(Pillow's format name, suffix)` of a format name or suffix like `png` or `.jpg`.

    Raises `BadOption` for a name that Pillow cannot write.
    """
    key = name.lower().removeprefix(".")
    if key in _COMMON:
        return _COMMON[key]
    Image.init()
    found = Image.registered_extensions().get(f".{key}", key.upper())
    if found not in Image.SAVE:
        known = ", ".join(n for n in _COMMON if n not in ("jpg", "tif"))
        raise BadOption(f"cannot write the format {name!r}; use one of {known}")
    return found, f".{key}"


def to_image(picture: Picture | Strips) -> Image.Image:
    """Pillow image of mode L, LA, RGB or RGBA, with metadata in `info`."""
    strips = picture.strips() if isinstance(picture, Picture) else picture
    mode = "L" if strips.one_channel else "RGB"
    image = Image.new(mode, (strips.width, strips.height))
    y = 0
    for rgb in strips.rows:
        planes = planes_of(rgb, strips)
        part = planes[:, :, 0] if mode == "L" else planes
        image.paste(Image.fromarray(np.ascontiguousarray(part)), (0, y))
        y += len(rgb)
    if strips.alpha is not None:
        image.putalpha(Image.fromarray(strips.alpha))
    if strips.icc:
        image.info["icc_profile"] = strips.icc
    if strips.exif:
        image.info["exif"] = EXIF_PREFIX + strips.exif
    if strips.xmp:
        image.info["xmp"] = strips.xmp
    if strips.comment:
        image.info["comment"] = strips.comment
    return image


def write_strips(strips: Strips, format_name: str, out: BinaryIO) -> list[str]:
    """Write a picture in `format_name` (see `output_format`) as its strips come; returns notes.

    PNG, and PPM without alpha or metadata, go out row by row; what Pillow writes needs all of
    the picture first. Raises what `save_image` raises.
    """
    kind, _ = output_format(format_name)
    more = (strips.icc, strips.exif, strips.xmp, strips.comment)
    if kind == "PNG":
        write_png(strips, out)
    elif kind == "PPM" and strips.alpha is None and not any(more):
        write_netpbm(strips, out)
    else:
        data, notes = save_image(to_image(strips), format_name)
        out.write(data)
        return notes
    return []


def save_image(image: Image.Image, format_name: str) -> tuple[bytes, list[str]]:
    """`(file, notes)`: the image in `format_name` (see `output_format`), metadata included.

    The notes say what that format could not hold. Raises `BadPicture` if it cannot hold the
    picture at all.
    """
    kind, _ = output_format(format_name)
    notes: list[str] = []
    if image.has_transparency_data and kind not in _WITH_ALPHA:
        image = _on_white(image)
        notes.append(f"{kind} has no alpha: the picture was put on white")
    options = dict(_OPTIONS.get(kind, {})) | _metadata(image, kind, notes)
    if kind == "JPEG" and image.width * image.height > _OPTIMIZE:
        options["optimize"] = False  # it holds all coefficients: six bytes a pixel
    out = io.BytesIO()
    try:
        image.save(out, kind, **options)
    except Exception as e:  # encoders raise what they like: too large, a mode they lack
        text = " ".join(str(e).split()) or type(e).__name__
        raise BadPicture(f"cannot write this picture as {kind}: {text}") from None
    return out.getvalue(), notes


def _on_white(image: Image.Image) -> Image.Image:
    """The image without alpha, over white; `info` is kept."""
    rgba = image.convert("RGBA")
    flat = Image.alpha_composite(Image.new("RGBA", image.size, "white"), rgba)
    out = flat.convert("L" if image.mode == "LA" else "RGB")
    out.info = dict(image.info)
    return out


def _metadata(image: Image.Image, kind: str, notes: list[str]) -> dict[str, Any]:
    """Keyword arguments of `save` that carry the metadata in the way of each format."""
    info = image.info
    found = {k: info[k] for k in ("icc_profile", "exif", "xmp", "comment") if info.get(k)}
    out: dict[str, Any] = {}
    if kind in ("PNG", "JPEG", "WEBP", "AVIF", "TIFF") and "icc_profile" in found:
        out["icc_profile"] = found.pop("icc_profile")
    if kind in ("JPEG", "WEBP", "AVIF"):
        for key in ("exif", "xmp"):
            if key in found and not (kind == "JPEG" and len(found[key]) > _JPEG_SEGMENT):
                out[key] = found.pop(key)
    if kind == "JPEG" and len(found.get("comment", b"")) < _JPEG_SEGMENT:
        out["comment"] = found.pop("comment", b"")
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        if "xmp" in found:
            text.add_itxt("XML:com.adobe.xmp", found.pop("xmp").decode("utf-8", "replace"))
        if "comment" in found:
            text.add_itxt("Comment", found.pop("comment").decode("utf-8", "replace"))
        out["pnginfo"] = text
        if "exif" in found:
            out["exif"] = found.pop("exif")
    if kind == "TIFF":
        tags = _tiff_tags(found.get("exif"))
        if tags is not None:
            found.pop("exif", None)
            # Pillow hands compressed TIFFs to libtiff, which cannot write sub-directories.
            out["compression"] = "raw"
        tags = tags if tags is not None else Image.Exif()
        if "xmp" in found:
            tags[_XMP_TIFF_TAG] = found.pop("xmp")
        out["exif"] = tags
    if found:
        names = ", ".join({"icc_profile": "ICC profile", "exif": "EXIF"}.get(k, k) for k in found)
        notes.append(f"left out, as {kind} cannot hold it here: {names}")
    return out


def _tiff_tags(exif: bytes | None) -> Image.Exif | None:
    """The EXIF block as tags of a TIFF file; None if there is none that can be parsed."""
    if exif is None:
        return None
    try:
        parsed = Image.Exif()
        parsed.load(exif)
        tags = Image.Exif()
        # Through bytes and back: the TIFF writer can only follow directories that were parsed.
        tags.load(descriptive(parsed).tobytes())
    except Exception:
        return None
    return tags
