"""The arguments of the public functions: checked, and turned into pictures and bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from numbers import Real
from typing import Any, Self

import numpy as np
from PIL import Image

from tccodec.arguments import FileSource, check_number, check_type, read_content, short_repr
from tccodec.container import DEFAULT_LIMITS, MAGIC, MAX_SIDE, Limits, Setting, Tag, TczFile, read
from tccodec.container.sections import pack_body
from tccodec.errors import BadFile, BadPicture, TccodecError, WrongType, reason_of
from tccodec.picture import Picture, Pixels, from_image, read_picture
from tccodec.picture.sections import metadata_sections, stored_about

# Called with the completed part of the work, 0 .. 1.
Progress = Callable[[float], None]
# A picture: a Pillow image, or a picture file as a `FileSource`.
PictureSource = Image.Image | FileSource
_BYTES = (bytes, type(None))
FORMAT_LIMITS = Limits(max_pixels=MAX_SIDE**2)  # for pictures in memory: what a file can hold


def picture_of(image: PictureSource, limits: Limits) -> Picture:
    """The `Picture` in what a caller gave to `Codec.compress`."""
    if not isinstance(image, Image.Image):
        if isinstance(image, np.ndarray):
            raise WrongType("a picture must be an image or a file; Codec.encode takes arrays")
        return read_picture(
            read_content("a picture", image, also="a Pillow image, "), limits=limits
        )
    try:
        return from_image(image, limits=limits)
    except (TccodecError, MemoryError):
        raise
    except Exception as e:  # the image is closed, or its file damaged
        raise BadPicture(f"the image cannot be read: {reason_of(e)}") from None


def content_of(source: PictureSource, limits: Limits) -> Picture | TczFile:
    """The content of a `.tcz` file, or else the `Picture` in what a caller gave."""
    check(limits, None)
    if isinstance(source, (Image.Image, np.ndarray)):
        return picture_of(source, limits)
    data = read_content("a picture", source, also="a Pillow image, ")
    return read(data, limits=limits) if data.startswith(MAGIC) else picture_of(data, limits)


def tcz_of(data: FileSource) -> bytes:
    """The bytes of a `.tcz` file; errors as of `read_content`."""
    return read_content("a .tcz file", data, begins=MAGIC)


class Steps:
    """A caller's progress function, or None, that has been called with 1 at the end of the block.

    What is stored without latents has no steps, and a search may end before the last one.
    """

    def __init__(self, progress: Progress | None) -> None:
        self._progress, self._last = progress, 0.0

    def __call__(self, share: float) -> None:
        """Pass on the completed part, 0 .. 1."""
        self._last = share
        if self._progress:
            self._progress(share)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._end()

    def _end(self) -> None:
        if self._last < 1:
            self(1.0)

    def through(self, rows: Iterator[Pixels], height: int) -> Iterator[Pixels]:
        """The strips of a picture of so many rows; the steps end when the last one is there."""
        for strip in rows:
            height -= len(strip)
            if height <= 0:
                self._end()
            yield strip


def check(limits: Limits, progress: Progress | None) -> None:
    """`WrongType` or `BadOption` for limits or a progress function that cannot be used."""
    check_type("limits", limits, Limits)
    for name in ("max_pixels", "max_section"):
        check_number(name, getattr(limits, name), low=0, high=math.inf, words="0 or more")
    if progress is not None and not callable(progress):
        raise WrongType(f"progress must be a function, not {short_repr(progress)}")


def check_picture(picture: Picture) -> None:
    """Refuse a `Picture` made by hand that cannot be coded (`BadPicture`, `LimitExceeded`)."""
    check_type("picture", picture, Picture)
    rgb, alpha = picture.rgb, picture.alpha
    right = _is_pixels(rgb) and rgb.ndim == 3 and rgb.shape[2] == 3
    if not right or not (alpha is None or (_is_pixels(alpha) and alpha.shape == rgb.shape[:2])):
        raise BadPicture("a picture needs rgb, uint8 (H, W, 3), and alpha, uint8 (H, W) or None")
    FORMAT_LIMITS.check_picture(picture.width, picture.height)
    _check_metadata(picture)


def _check_metadata(picture: Picture) -> None:
    """Refuse metadata that cannot be stored, or that no reader of the file would accept."""
    kinds: dict[str, Any] = dict.fromkeys(("icc", "exif", "xmp", "comment"), _BYTES)
    for name, kind in (kinds | {"source": (str,)}).items():
        body: Any = getattr(picture, name)
        if not isinstance(body, kind):
            words = "a text" if name == "source" else "bytes or None"
            raise BadPicture(f"{name} of a picture must be {words}, not {short_repr(body)}")
        if body and len(body) > DEFAULT_LIMITS.max_section:
            raise BadPicture(f"{name} of a picture is too large, {len(body):,} bytes")
    both = picture.resolution
    pair = isinstance(both, (tuple, list)) and len(both) == 2
    if both is not None and not (pair and all(_is_density(value) for value in both)):
        raise BadPicture(f"resolution must be two numbers up to a million, not {short_repr(both)}")
    try:
        sections = tuple(metadata_sections(picture))
        for section in sections:
            if section.number == Tag.SOURCE:
                pack_body(section)
        file = TczFile(
            width=1, height=1, setting=Setting(0), model_id=b"", tiles=(), sections=sections
        )
        stored_about(file)
    except (BadFile, ValueError) as e:
        raise BadPicture(f"metadata that no file may hold: {e}") from None


def _is_density(value: Any) -> bool:
    return isinstance(value, Real) and 0.001 <= float(value) < 1e6


def _is_pixels(plane: object) -> bool:
    return isinstance(plane, np.ndarray) and plane.dtype == np.uint8


def picture_of_array(rgb: Any, limits: Limits) -> Picture:
    """The `Picture` of pixels, uint8 `(H, W, 3)` or `(H, W)`.

    `WrongType` for anything but an array, `BadPicture` for an array of another type or shape,
    `LimitExceeded` for one that is too large.
    """
    try:
        pixels = np.asarray(rgb)
    except Exception as e:  # objects of other libraries may raise anything
        raise WrongType(f"pixels must be an array, not {short_repr(rgb)}: {e}") from None
    grey = pixels.ndim == 2
    if pixels.dtype != np.uint8 or not (grey or (pixels.ndim == 3 and pixels.shape[2] == 3)):
        raise BadPicture(
            f"pixels must be uint8 of shape (H, W, 3) or (H, W), not {pixels.dtype} {pixels.shape}"
        )
    limits.check_picture(pixels.shape[1], pixels.shape[0])
    if grey:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    return Picture(rgb=pixels, grey=grey)
