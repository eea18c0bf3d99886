"""A picture file, or an open Pillow image, -> `Picture`."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from tccodec.container.limits import DEFAULT_LIMITS, Limits
from tccodec.errors import BadPicture, TccodecError
from tccodec.picture.hidden import fill_hidden
from tccodec.picture.kinds import Kind, kind_of, readable
from tccodec.picture.metadata import comment_of, exif_of, orientation_of, xmp_of
from tccodec.picture.modes import Converted, convert, to_pixels
from tccodec.picture.pillow import unguarded
from tccodec.picture.types import Picture, Pixels, is_grey

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_picture(
    source: str | os.PathLike[str] | bytes, *, limits: Limits = DEFAULT_LIMITS
) -> Picture:
    """Read a picture file of any format in `kinds.readable()`; bytes are a file's content.

    Raises `BadPicture` for what cannot be read, `LimitExceeded` for a picture above `limits`,
    and lets the `OSError` of a file that cannot be opened pass.
    """
    data = source if isinstance(source, bytes) else Path(source).read_bytes()
    found = kind_of(data)
    if found.kind is not Kind.PICTURE:
        raise BadPicture(found.reason if data else "the file is empty")
    try:
        with unguarded(), Image.open(io.BytesIO(data), formats=readable()) as image:
            return from_image(image, limits=limits)
    except TccodecError:
        raise
    except UnidentifiedImageError:
        raise BadPicture(f"the picture is damaged: it is no valid {found.format} file") from None
    except Exception as e:  # plugins raise whatever their parsing runs into
        raise BadPicture(f"the picture is damaged: {_reason(e)}") from None


def from_image(image: Image.Image, *, limits: Limits = DEFAULT_LIMITS) -> Picture:
    """The `Picture` of an image: upright, 8 bits, alpha apart. The image itself stays as it is.

    Of several frames the current one is taken. Raises `LimitExceeded` before any pixel is
    decoded, `BadPicture` for a mode without a conversion; errors of decoding pass.
    """
    limits.check_picture(*image.size)
    notes: list[str] = []
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        notes.append(f"one frame of {frames} is kept")
    if image.mode in ("RGB", "RGBA") and ";16" in str(getattr(image, "tile", "")):
        notes.append("16 bits a channel reduced to 8")  # Pillow does it without a word
    source = image.mode if image.mode not in ("L", "LA", "RGB", "RGBA") else ""
    image.load()
    limits.check_picture(*image.size)  # a few formats know their true size only now
    try:
        converted = convert(image)
    except (ValueError, KeyError) as e:
        raise BadPicture(f"a picture of mode {image.mode} cannot be converted: {e}") from None
    notes += converted.notes
    turn = orientation_of(image)
    if turn != 1:
        notes.append(f"EXIF orientation {turn} applied")
        converted = _turned(converted, _TURNS[turn])
    rgb = to_pixels(converted.base)
    alpha = _alpha(converted, notes)
    if alpha is not None:
        filled = fill_hidden(rgb, alpha)
        if filled is not rgb:
            notes.append("colours of fully transparent pixels are not kept")
        rgb = filled
    return Picture(
        rgb=rgb,
        grey=converted.base.mode == "L" or is_grey(rgb),
        alpha=alpha,
        icc=_fitting("ICC profile", converted.icc, notes),
        exif=_fitting("EXIF", exif_of(image), notes),
        xmp=_fitting("XMP", xmp_of(image), notes),
        comment=_fitting("comment", comment_of(image), notes),
        source=source,
        notes=tuple(notes),
    )


def _turned(converted: Converted, method: Image.Transpose) -> Converted:
    """Base and alpha turned alike."""
    alpha = converted.alpha.transpose(method) if converted.alpha else None
    return Converted(converted.base.transpose(method), alpha, converted.icc, converted.notes)


def _alpha(converted: Converted, notes: list[str]) -> Pixels | None:
    """Alpha as uint8 `(H, W)`, or None if there is none or all of it is opaque."""
    if converted.alpha is None:
        return None
    low, _ = converted.alpha.getextrema()
    if low == 255:
        notes.append("an alpha channel without transparency is left out")
        return None
    return np.array(converted.alpha, dtype=np.uint8)


def _fitting(name: str, body: bytes | None, notes: list[str]) -> bytes | None:
    """Metadata that a reader will accept, or None and a note."""
    if body is None or len(body) <= DEFAULT_LIMITS.max_section:
        return body
    notes.append(f"{name} of {len(body)} bytes left out: it is too large")
    return None


def _reason(error: Exception) -> str:
    """One line of what an exception says; its type if it says nothing."""
    text = " ".join(str(error).split())
    return text[:200] or type(error).__name__
