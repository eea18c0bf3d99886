"""`Picture` from a picture file or an open Pillow image."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from tccodec.container.limits import DEFAULT_LIMITS, Limits
from tccodec.errors import BadPicture, LimitExceeded, TccodecError, reason_of
from tccodec.picture.colour import colours_of
from tccodec.picture.hidden import fill_hidden
from tccodec.picture.icons import check_icon
from tccodec.picture.kinds import Kind, kind_of, readable
from tccodec.picture.losses import bits_of, losses_of, part_of
from tccodec.picture.metadata import (
    ORIENTATION,
    comment_of,
    exif_of,
    is_tiff,
    orientation_of,
    parsed,
    reset_orientation,
    resolution_of,
    without_prefix,
    without_thumbnail,
    xmp_of,
)
from tccodec.picture.modes import Converted, colour_key_of, convert, low_bytes, to_pixels
from tccodec.picture.pillow import ANY_SIZE, guarded
from tccodec.picture.tiff import correct_tiles
from tccodec.picture.types import Loss, Picture, Pixels, is_grey
from tccodec.picture.unread import unread_of

_TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)


def read_picture(
    source: str | os.PathLike[str] | bytes, *, limits: Limits = DEFAULT_LIMITS
) -> Picture:
    """Read a picture file of any format in `kinds.readable()`, or the bytes of one.

    Raises `BadPicture` for a file that holds no readable picture, `LimitExceeded` for a picture
    above `limits` and `OSError` for a file that cannot be opened.
    """
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    kind = kind_of(data)
    if kind.kind is not Kind.PICTURE:
        raise BadPicture(kind.reason if data else "the file is empty")
    try:
        with guarded(ANY_SIZE):  # sizes in headers are checked here, not by Pillow
            check_icon(data, kind.format, limits)
            opened = Image.open(io.BytesIO(data), formats=readable())
        with opened as image:
            return _picture(image, data, limits)
    except TccodecError:
        raise
    except UnidentifiedImageError:
        text = f"this {kind.format} file is damaged, or of a kind that Pillow does not read"
        raise BadPicture(text) from None
    except Exception as e:  # plugins raise all kinds of errors
        raise BadPicture(f"the picture is damaged: {reason_of(e)}") from None


def from_image(image: Image.Image, *, limits: Limits = DEFAULT_LIMITS) -> Picture:
    """The `Picture` of an image: upright, 8 bits, alpha apart. The image itself is not changed.

    If there are several frames, the current one is taken. Raises `LimitExceeded` before any pixel
    is decoded, `BadPicture` for a mode without a conversion, and whatever Pillow raises when it
    decodes.
    """
    return _picture(image, _file_of(image), limits)


def _picture(image: Image.Image, data: bytes, limits: Limits) -> Picture:
    """The `Picture` of an image. `data`: the bytes of its file, empty if not known."""
    limits.check_picture(*image.size)
    correct_tiles(image)
    part, bits, key = part_of(image), bits_of(image, data), colour_key_of(image, data)
    stored_orientation = getattr(image, "tag_v2", {}).get(
        ORIENTATION, 1
    )  # Pillow turns a TIFF itself
    colours, unread = colours_of(image, data), unread_of(image, data)
    low = low_bytes(image, data) if colours.levels(2) is not None else None
    source = image.mode if image.mode not in ("L", "LA", "RGB", "RGBA") else ""
    try:
        with guarded(limits.max_pixels):
            image.load()
    except Image.DecompressionBombError:
        above = f"above the limit of {limits.max_pixels / 1e6:g} megapixels{limits.hint}"
        raise LimitExceeded(f"a part of it is {above}") from None
    limits.check_picture(*image.size)  # a few formats know their true size only after loading
    try:
        converted = convert(image, colours, icc=unread.icc, key=key, low=low)
    except (ValueError, KeyError) as e:
        raise BadPicture(f"a picture of mode {image.mode} cannot be converted: {e}") from None
    notes, losses = converted.notes, converted.losses
    if bits > 8 and not image.mode.startswith(("I", "F")):
        text = f"{bits} bits a channel reduced to 8"
        converted.inexact = text
        losses.append(Loss(text, "more than 8 bits a channel reduced to 8"))
    orientation = orientation_of(image)
    if orientation != 1:
        notes.append(f"EXIF orientation {orientation} applied")
        converted = _transposed(converted, _TRANSPOSES[orientation])
    rgb = to_pixels(converted.base)
    alpha = _alpha(converted, notes)
    if alpha is not None:
        filled = fill_hidden(rgb, alpha)
        if filled is not rgb:
            notes.append("colours of fully transparent pixels are not kept")
        rgb = filled
    exif = exif_of(image) or without_prefix(unread.exif)
    exif = _upright(exif, orientation, notes=notes, losses=losses)
    resolution = resolution_of(image, exif, unread.dpi)
    if resolution and (orientation in _SIDEWAYS or stored_orientation in _SIDEWAYS):
        resolution = resolution[1], resolution[0]
    losses += [*losses_of(image, data, part), *unread.losses]
    return Picture(
        rgb=rgb,
        inexact=converted.inexact,
        grey=converted.base.mode == "L" or is_grey(rgb),
        alpha=alpha,
        icc=_fitting("ICC profile", converted.icc, losses),
        exif=_fitting("EXIF", exif, losses),
        xmp=_fitting("XMP", xmp_of(image, unread.xmp), losses),
        comment=_fitting("comment", comment_of(image), losses),
        resolution=resolution,
        source=source,
        part=part,
        losses=tuple(dict.fromkeys(losses)),
        notes=tuple(notes),
    )


def _file_of(image: Image.Image) -> bytes:
    """The bytes of an image's file, if that is still open or has a name; else empty."""
    file: Any = getattr(image, "fp", None)
    try:
        at = file.tell()
        file.seek(0)
        data: bytes = file.read()
        file.seek(at)
    except (AttributeError, OSError, ValueError):
        return _named_file_of(image)
    return data


def _named_file_of(image: Image.Image) -> bytes:
    """The bytes of the file that an image was loaded from, empty if another took its place.

    Pillow closes it, and its `save` loads an image before it calls us.
    """
    name = getattr(image, "filename", "")
    try:
        data = Path(os.fsdecode(name)).read_bytes() if name and os.path.isfile(name) else b""
    except (OSError, TypeError, ValueError):
        return b""
    known = "JPEG" if image.format == "MPO" else image.format
    return data if data and kind_of(data).format == known else b""


def _upright(
    exif: bytes | None, orientation: int, *, notes: list[str], losses: list[Loss]
) -> bytes | None:
    """EXIF whose orientation is that of upright pixels."""
    if exif is None:
        return None
    if not is_tiff(exif):
        losses.append(Loss("EXIF left out: it cannot be read"))
        return None
    kept = reset_orientation(exif)
    if orientation != 1 and without_thumbnail(kept) != kept:
        kept = without_thumbnail(kept)
        notes.append("the small picture in its EXIF is left out: it is not upright")
    if parsed(kept).get(ORIENTATION, 1) != 1:
        losses.append(Loss("EXIF left out: its orientation cannot be reset"))
        return None
    return kept


def _transposed(converted: Converted, method: Image.Transpose) -> Converted:
    """Base and alpha, both transposed by `method`."""
    alpha = converted.alpha.transpose(method) if converted.alpha else None
    return replace(converted, base=converted.base.transpose(method), alpha=alpha)


def _alpha(converted: Converted, notes: list[str]) -> Pixels | None:
    """Alpha as uint8 `(H, W)`, or None if every pixel is opaque."""
    if converted.alpha is None:
        return None
    low, _ = converted.alpha.getextrema()
    if low == 255:
        notes.append("an alpha channel without transparency is left out")
        return None
    return np.array(converted.alpha, dtype=np.uint8)


def _fitting(name: str, body: bytes | None, losses: list[Loss]) -> bytes | None:
    """The metadata if a reader will accept it, else None, and a loss is noted."""
    if body is None or len(body) <= DEFAULT_LIMITS.max_section:
        return body
    kind = f"{name} left out: it is too large"
    losses.append(Loss(f"{kind}, {len(body):,} bytes", kind))
    return None
