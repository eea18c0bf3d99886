"""Leaves out metadata on request, such as the place where a photograph was taken."""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import replace

import numpy as np
from PIL import Image, ImageCms

from tccodec.container.sections import icc_space
from tccodec.errors import BadPicture
from tccodec.picture.icc import cicp_of
from tccodec.picture.places import without_positions, xmp_without_positions
from tccodec.picture.types import Loss, Picture, Pixels, grey_of

_NOT_ALONE = "its positions cannot be removed alone"
_STEPS = np.arange(0, 256, 17, dtype=np.uint8)  # of a cube of colours, for comparing profiles
_SAME = 2  # grey levels by which profiles of one colour space differ from rounding


def stripped(picture: Picture, kinds: Collection[str]) -> Picture:
    """The picture without the `kinds` of metadata, names in `container.sections.STRIPPABLE`.

    EXIF or XMP that can only be left out whole, to be without positions, is a loss.
    Without its profile a picture is taken for sRGB, so its colours are converted to sRGB.
    `BadPicture` if that is not possible.
    """
    if "icc" in kinds and picture.icc is not None:
        picture = _in_srgb(picture, picture.icc)
    picture = replace(
        picture,
        exif=None if "exif" in kinds else picture.exif,
        xmp=None if "xmp" in kinds else picture.xmp,
        comment=None if "comment" in kinds else picture.comment,
    )
    return _without_positions(picture) if "gps" in kinds else picture


def _without_positions(picture: Picture) -> Picture:
    """The picture without positions in EXIF and XMP."""
    exif = without_positions(picture.exif) if picture.exif else None
    xmp = xmp_without_positions(picture.xmp) if picture.xmp else None
    whole = {"EXIF": picture.exif and not exif, "XMP": picture.xmp and not xmp}
    losses = [Loss(f"{name} left out: {_NOT_ALONE}") for name, left in whole.items() if left]
    return replace(picture, exif=exif, xmp=xmp, losses=(*picture.losses, *losses))


def _in_srgb(picture: Picture, profile: bytes) -> Picture:
    """The picture with its colours in sRGB and without a profile."""
    if cicp_of(profile):
        raise BadPicture("the profile of an HDR picture cannot be stripped: it would look wrong")
    grey = picture.grey and icc_space(profile) == "GRAY"
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            "L" if grey else "RGB",
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
        cube = np.stack(np.meshgrid(_STEPS, _STEPS, _STEPS), -1).reshape(1, -1, 3)
        if grey:
            cube = np.repeat(cube[..., :1], 3, axis=2)
        if np.abs(_applied(transform, cube, grey=grey).astype(int) - cube).max() <= _SAME:
            return replace(picture, icc=None)
        rgb = _applied(transform, picture.rgb, grey=grey)
    except (ImageCms.PyCMSError, ImportError, OSError, ValueError) as e:
        raise BadPicture(f"its profile cannot be stripped: no conversion to sRGB: {e}") from None
    if picture.grey:
        rgb = np.repeat(grey_of(rgb)[:, :, None], 3, axis=2)
    note = "colours converted to sRGB, because the profile is stripped"
    notes = (*picture.notes, note)
    return replace(picture, rgb=rgb, icc=None, inexact=picture.inexact or note, notes=notes)


def _applied(transform: ImageCms.ImageCmsTransform, rgb: Pixels, *, grey: bool) -> Pixels:
    """Pixels `(H, W, 3)` after a transform, which takes one channel if they are `grey`."""
    image = Image.fromarray(np.ascontiguousarray(rgb[..., 0]) if grey else rgb)
    return np.asarray(ImageCms.applyTransform(image, transform))
