"""`Picture` to a Pillow image, and to a file of any format that Pillow writes."""

from __future__ import annotations

import functools
import io
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, PngImagePlugin

from tccodec.errors import BadOption, BadPicture
from tccodec.picture.icc import rgb_profile
from tccodec.picture.kinds import readable
from tccodec.picture.losses import notes_moved, tags_lost
from tccodec.picture.metadata import EXIF_PREFIX, descriptive, is_tiff, parsed, resolution_in
from tccodec.picture.png import PNG_ICC, fit_for_png, metadata_losses, write_netpbm, write_png
from tccodec.picture.types import About, Loss, Picture, Strips, is_grey, planes_of

# Formats that hold alpha; for others the picture is put on white.
_WITH_ALPHA = {
    *("PNG", "WEBP", "AVIF", "TIFF", "GIF", "JPEG2000", "TGA", "ICO", "ICNS", "JXL"),
    *("QOI", "DDS", "SGI", "HEIF"),
}
# Pixels of a side that a format holds, or rather its library: libjpeg stops early, and libavif
# writes larger pictures, but cannot read them.
LARGEST_SIDES = {"JPEG": 65_500, "PDF": 65_500, "PCX": 65_534, "WEBP": 16_383, "AVIF": 32_768}
# Ours, if `tccodec.pillow` is loaded; and one that stores floats, without colour.
_UNFIT = {"TCZ", "SPIDER"}
_WITH_EXIF = ("WEBP", "AVIF", "HEIF", "JXL")  # and XMP, of any size; the resolution is in EXIF
_GREY_AS_RGB = ("WEBP", "AVIF")  # of the formats with an ICC profile; Pillow converts in silence
_ICO_SIDE = 256  # pixels
_ICNS_SIZES = {(side, side) for side in (16, 32, 48, 64, 128, 256, 512, 1024)}
_JPEG_ICC = 255 * 65_519  # bytes; in so many segments of 64 kB
_JPEG_SEGMENT = 65_000  # EXIF and XMP must each fit one 64 kB segment
_XMP_TIFF_TAG = 700
_OPTIMIZE = 1 << 24  # pixels of a JPEG whose Huffman tables are optimised
# Decoded pictures are stored lossless if the format can, so that nothing more is lost.
_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0, "optimize": True},
    "PDF": {"quality": 95, "subsampling": 0},  # of the JPEG in it
    "PNG": {"compress_level": 4},  # half the time of the default 6 for 3 % more bytes
    "WEBP": {"lossless": True, "method": 2, "quality": 40},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
    "HEIF": {"quality": 95, "chroma": 444},
    "JXL": {"lossless": True},
    "TIFF": {"compression": "tiff_adobe_deflate"},
}
# Names that people type -> (Pillow's name, suffix). Other names are looked up in Pillow.
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
    "mpo": ("JPEG", ".mpo"),  # which it is with one picture
    "jpeg2000": ("JPEG2000", ".jp2"),
}
_CODESTREAMS = {".j2k", ".j2c", ".jpc"}  # of JPEG 2000, without the boxes of a .jp2
_OTHER_PIXELS = {"pbm", "pfm"}  # of one bit, of floats; Pillow would write a PPM of that name


def output_format(name: str) -> tuple[str, str]:
    """`(Pillow's format name, suffix)` of a format name or suffix like `png` or `.jpg`.

    Raises `BadOption` for a name that Pillow does not know, and for a format that holds no picture
    of 8 bits in grey or RGB here.
    """
    key = name.lower().removeprefix(".")
    kind, suffix = _COMMON.get(key) or (_pillow_name(key), f".{key}")
    if kind in _UNFIT or key in _OTHER_PIXELS or not _saves(kind, "RGB"):
        others = ("jpg", "tif", "mpo", "jpeg2000")
        common = [n for n in _COMMON if n not in others and _saves(_COMMON[n][0], "RGB")]
        raise BadOption(f"cannot write the format {name!r}; use one of {', '.join(common)}")
    return kind, suffix


def _pillow_name(key: str) -> str:
    """Pillow's name of a format, from a suffix without its dot or another spelling of the name."""
    readable()  # registers plugins
    return Image.registered_extensions().get(f".{key}", key.upper())


def _saves(kind: str, mode: str) -> bool:
    """Whether Pillow really saves images of a mode in a format."""
    if kind not in Image.SAVE:
        readable()  # registers plugins
    return kind in Image.SAVE and _saved_before(kind, mode)


@functools.cache
def _saved_before(kind: str, mode: str) -> bool:
    """Whether a small image could be saved.

    That a format is in `Image.SAVE` says little: some only hold other modes, and of others there is
    only a place where another package may put its function.
    """
    try:
        Image.new(mode, (16, 16)).save(io.BytesIO(), kind)
    except Exception:  # encoders raise all kinds of errors
        return False
    return True


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
    image.info.update(info_of(strips))
    return image


def info_of(about: About) -> dict[str, Any]:
    """The metadata of a picture as Pillow has it in `info`."""
    fields = {
        "icc_profile": about.icc,
        "exif": EXIF_PREFIX + about.exif if about.exif else None,
        "xmp": about.xmp,
        "comment": about.comment,
        "dpi": about.resolution,
    }
    return {name: value for name, value in fields.items() if value}


def write_strips(strips: Strips, format_name: str, out: BinaryIO) -> list[Loss]:
    """Write a picture in `format_name` (see `output_format`), strip by strip if possible.

    PNG, and PPM without alpha or metadata, are written row by row. Pillow, for all other formats,
    needs the whole picture first. Returns the `Loss`es: what the format could not hold. Raises the
    same errors as `save_image`.
    """
    kind, suffix = output_format(format_name)
    metadata = (strips.icc, strips.exif, strips.xmp, strips.comment, strips.resolution)
    if kind == "PNG":
        strips, losses = fit_for_png(strips)
        write_png(strips, out)
        return losses
    grey = strips.grey and suffix != ".ppm"
    plain = strips.alpha is None and not any(metadata)
    if kind == "PPM" and plain and (grey or suffix != ".pgm"):
        write_netpbm(strips, out, grey=grey)
        return []
    data, losses = save_image(to_image(strips), format_name)
    out.write(data)
    return losses


def save_image(image: Image.Image, format_name: str) -> tuple[bytes, list[Loss]]:
    """`(bytes, losses)` of the image in `format_name` (see `output_format`), with metadata.

    The `Loss`es say what the format could not hold. Raises `BadPicture` if it cannot hold the
    picture at all.
    """
    kind, suffix = output_format(format_name)
    losses: list[Loss] = []
    largest = LARGEST_SIDES.get(kind)
    if largest and max(image.size) > largest:
        raise BadPicture(f"cannot write this picture as {kind}: a side has over {largest} pixels")
    if image.has_transparency_data and kind not in _WITH_ALPHA:
        image = _on_white(image)
        losses.append(Loss(f"{kind} has no alpha: the picture was put on white"))
    if image.mode in ("L", "LA") and (kind in _GREY_AS_RGB or not _saves(kind, image.mode)):
        image = image.convert("RGBA" if image.mode == "LA" else "RGB")
    if suffix == ".ppm":
        image = image.convert("RGB")
    if suffix == ".pgm" and image.mode != "L":
        if not is_grey(np.asarray(image)):
            losses.append(Loss("PGM has no colours: the picture was made grey"))
        image = image.convert("L")
    options = dict(_OPTIONS.get(kind, {})) | _metadata(image, kind, losses)
    if suffix in _CODESTREAMS:
        options["no_jp2"] = True
    if kind == "JPEG" and image.width * image.height > _OPTIMIZE:
        options["optimize"] = False  # optimising holds all coefficients: six bytes per pixel
    if kind == "ICO":
        options["sizes"] = [tuple(min(side, _ICO_SIDE) for side in image.size)]
    losses += _of_pixels(image, kind)
    out = io.BytesIO()
    try:
        image.save(out, kind, **options)
    except Exception as e:  # encoders raise all kinds of errors
        text = " ".join(str(e).split()) or type(e).__name__
        raise BadPicture(f"cannot write this picture as {kind}: {text}") from None
    return out.getvalue(), losses


def _of_pixels(image: Image.Image, kind: str) -> list[Loss]:
    """What a format loses of the pixels themselves, without an error from Pillow."""
    if kind == "GIF":
        many = image.convert("RGBA").getcolors(256) is None
        partial = image.mode.endswith("A") and image.getchannel("A").getcolors(2) is None
        losses = [Loss("GIF holds 256 colours: the picture was reduced to them")] if many else []
        return [*losses, *([Loss("GIF has no partial transparency")] if partial else [])]
    side = {"ICO": _ICO_SIDE, "ICNS": 1024}.get(kind)
    if side and (max(image.size) > side or (kind == "ICNS" and image.size not in _ICNS_SIZES)):
        return [Loss(f"{kind} holds icons only: the picture was made to fit one")]
    return []


def _on_white(image: Image.Image) -> Image.Image:
    """The image on white, without alpha; `info` is kept."""
    rgba = image.convert("RGBA")
    flat = Image.alpha_composite(Image.new("RGBA", image.size, "white"), rgba)
    out = flat.convert("L" if image.mode == "LA" else "RGB")
    out.info = dict(image.info)
    return out


def _metadata(image: Image.Image, kind: str, losses: list[Loss]) -> dict[str, Any]:
    """Keyword arguments of `save` for the metadata, as each format takes them."""
    info = image.info
    metadata = {k: info[k] for k in ("icc_profile", "exif", "xmp", "comment", "dpi") if info.get(k)}
    exif = metadata.get("exif", b"").removeprefix(EXIF_PREFIX)
    usable = is_tiff(exif)
    out: dict[str, Any] = {}
    if kind in ("PNG", "JPEG", "WEBP", "AVIF", "HEIF", "TIFF") and "icc_profile" in metadata:
        profile = metadata["icc_profile"]
        if image.mode in ("RGB", "RGBA"):
            profile = rgb_profile(profile)
        max_bytes = {"PNG": PNG_ICC, "JPEG": _JPEG_ICC}.get(kind, 1 << 32)
        fits = profile is not None and len(profile) <= max_bytes
        out["icc_profile"] = profile if fits else None  # else Pillow takes that of `info`
        if fits:
            del metadata["icc_profile"]
    if (
        kind in ("PNG", "JPEG", "TIFF", "BMP", "PDF")
        and 0 < max(metadata.get("dpi", (0,))) < 65_536
    ):
        out["dpi"] = metadata.pop("dpi")
    if kind in _WITH_EXIF and "dpi" in metadata:
        if not exif:
            metadata["exif"], usable = _resolution_tags(metadata.pop("dpi")), True
        elif resolution_in(exif) == metadata["dpi"]:
            del metadata["dpi"]
    if kind == "JPEG" or kind in _WITH_EXIF:
        max_bytes = _JPEG_SEGMENT if kind == "JPEG" else 1 << 32
        for key in ("exif", "xmp"):
            if key in metadata and len(metadata[key]) <= max_bytes and (key == "xmp" or usable):
                out[key] = metadata.pop(key)
    if kind in ("JPEG", "GIF", "JPEG2000"):
        fits = kind == "GIF" or len(metadata.get("comment", b"")) < _JPEG_SEGMENT
        out["comment"] = metadata.pop("comment", b"") if fits else b""
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        if "xmp" in metadata:
            text.add_itxt("XML:com.adobe.xmp", metadata.pop("xmp").decode("utf-8", "replace"))
        if "comment" in metadata:
            text.add_itxt("Comment", metadata.pop("comment").decode("utf-8", "replace"))
        out["pnginfo"] = text
        if usable:
            out["exif"] = metadata.pop("exif")
    if kind == "TIFF":
        tags = _tiff_tags(exif) if exif else None
        if tags is not None:
            del metadata["exif"]
            losses += [*tags_lost(parsed(exif), "EXIF"), *notes_moved(image)]
            # Pillow hands compressed TIFFs to libtiff, which cannot write sub-directories.
            out["compression"] = "raw"
        tags = tags if tags is not None else Image.Exif()
        if "xmp" in metadata:
            tags[_XMP_TIFF_TAG] = metadata.pop("xmp")
        out["exif"] = tags
    losses += metadata_losses(kind, metadata)
    return out


def _resolution_tags(resolution: tuple[float, float]) -> bytes:
    """EXIF with nothing but a resolution."""
    exif = Image.Exif()
    exif[282], exif[283], exif[296] = *resolution, 2
    return exif.tobytes()


def _tiff_tags(exif: bytes) -> Image.Exif | None:
    """EXIF as tags of a TIFF file; None if it cannot be parsed or written."""
    try:
        found = Image.Exif()
        found.load(exif)
        tags = descriptive(found)
        tags.tobytes()
    except Exception:
        return None
    return tags
