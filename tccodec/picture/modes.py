"""Pillow's modes -> 8-bit RGB or grey, with alpha apart.

    mode                 becomes          how
    1 L LA La            grey (+ alpha)   as they are
    I;16*                grey             65535 -> 255, rounded
    I, F                 grey             see `_stretch`; also signed 8 bits, which Pillow has as L,
                                          and signed 16 bits of FITS, which it has as I;16
    P PA                 RGB or grey      the palette looked up; grey if all of its colours are and
                                          no profile is for RGB
    RGB RGBA RGBa RGBX   RGB (+ alpha)    as they are
    CMYK LAB             RGB              through the ICC profile if there is one, into sRGB
    YCbCr HSV            RGB              Pillow's conversion

A colour key ("transparency" in Pillow's info) becomes alpha. Levels with another transfer function
than sRGB's are converted (`colour`); 16-bit grey is converted before it is rounded.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from tccodec.container.sections import icc_space
from tccodec.errors import BadPicture
from tccodec.picture.colour import Colours
from tccodec.picture.metadata import icc_of
from tccodec.picture.pillow import guarded
from tccodec.picture.tiff import BITS, FORMAT, PHOTOMETRIC, tag_of
from tccodec.picture.types import Loss, Pixels, is_grey

_WIDE = {"I": "32-bit integer", "F": "floating-point", "I;16": "signed 16-bit"}  # FITS
_SIGNED = 2  # a TIFF's numbers
_PLAIN = {"L", "LA", "RGB", "RGBA"}
_EXACT = {*_PLAIN, "1", "P", "PA", "RGBX"}  # the others are premultiplied or other colours


class ColourKey(NamedTuple):
    """A transparent colour. levels: 8 bits. rest: `(H, W)`, where the lower 8 bits match too."""

    levels: tuple[int, ...]
    rest: NDArray[np.bool_] | None = None


@dataclass(slots=True)
class Converted:
    """base: mode L or RGB. alpha: mode L or None. icc: the profile of `base`, or None.

    inexact: see `Picture`.
    """

    base: Image.Image
    alpha: Image.Image | None = None
    icc: bytes | None = None
    notes: list[str] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    inexact: str = ""


def convert(
    image: Image.Image,
    colours: Colours,
    *,
    icc: bytes | None = None,
    key: ColourKey | None = None,
    low: Pixels | None = None,
) -> Converted:
    """Convert a loaded image of any mode to 8-bit grey or RGB; `BadPicture` if that is impossible.

    colours: the file's colour space. icc: its profile, if Pillow has not read it. key: the
    transparent colour, from `colour_key_of`. low: the second bytes of 16-bit samples, from
    `low_bytes`.
    """
    mode, icc = image.mode, icc_of(image) or icc
    if isinstance(image.info.get("transparency"), str):  # a PNG's text of that name
        image = image.copy()
        del image.info["transparency"]
    if icc is not None and not colours.above:
        colours = Colours()
    if mode.startswith("I;16") and image.format != "FITS":
        out = _sixteen(image, colours.levels(65536))
        out.inexact = f"{12 if tag_of(image, BITS) == 12 else 16}-bit grey reduced to 8 bits"
        out.losses.append(Loss(out.inexact))
    elif mode in _WIDE or (mode == "L" and tag_of(image, FORMAT) == _SIGNED):
        base, how = _stretch(image)
        wide = _WIDE.get(mode, "signed 8-bit")
        out = Converted(base)
        loss = Loss(f"{wide} grey {how}", f"{wide} grey reduced to 8 bits")
        if np.array_equal(np.asarray(base), np.asarray(image)):
            out.notes.append(loss)
        else:
            out.inexact = loss
            out.losses.append(loss)
    elif mode in ("CMYK", "LAB"):
        base, how = _through_profile(image, icc)
        out, icc = Converted(base, losses=[Loss(how)], inexact=how), None
    else:
        out = _eight(image, key, icc)
        if mode not in _PLAIN:
            alpha = " with alpha" if out.alpha else ""
            out.notes.append(f"mode {mode} converted to {out.base.mode}{alpha}")
        if mode not in _EXACT:
            out.inexact = f"mode {mode} converted to {out.base.mode}"
        elif colours.levels(2) is not None:
            out.inexact = colours.note
        out.base = _to_srgb(out.base, colours, low)
    return _with_profile(out, icc, colours)


def _to_srgb(base: Image.Image, colours: Colours, low: Pixels | None) -> Image.Image:
    """`base` in levels of sRGB; from 16 bits if `low` is given, or dark levels form bands."""
    if low is not None:
        levels, high = colours.levels(65536), np.asarray(base)
        assert levels is not None
        out = np.empty(high.shape, np.uint8)
        for top in range(0, len(out), 256):
            rows = slice(top, top + 256)
            out[rows] = levels[high[rows].astype(np.uint16) << 8 | low[rows, :, :3]]
        return Image.fromarray(out)
    levels = colours.levels(256)
    return base if levels is None else base.point(levels.tolist() * len(base.getbands()))


def _with_profile(out: Converted, icc: bytes | None, colours: Colours) -> Converted:
    """`out` with the ICC profile of the file, that of `colours`, or none."""
    if out.base.mode == "RGB" and icc_space(icc or b"") == "GRAY" and is_grey(np.asarray(out.base)):
        out.base = out.base.getchannel("G")  # of a format or a kind of PNG that Pillow has as RGB
    grey = out.base.mode == "L"
    out.losses += colours.losses
    if colours.above and icc is not None:
        out.notes.append("ICC profile left out: the file's cICP outranks it")
        icc = None
    if icc is None:
        out.icc = colours.profile(grey=grey)
        out.notes += [colours.note] if colours.note else []
    elif icc_space(icc) == ("GRAY" if grey else "RGB"):
        out.icc = icc
    else:
        space = icc_space(icc) or "no"
        out.losses.append(Loss(f"ICC profile left out: it is for {space} colours"))
    return out


def colour_key_of(image: Image.Image, data: bytes) -> ColourKey | None:
    """The transparent colour of an image, or None. `data`: the bytes of its file.

    Call it before `load`: only then Pillow knows how many bits a sample has in the file. Pillow
    scales the samples of a PNG, but not the key.
    """
    key = image.info.get("transparency")
    if image.mode not in ("L", "RGB") or not isinstance(key, (int, tuple)):
        return None
    raw = str((getattr(image, "tile", None) or [("",)])[0][-1])
    bits = next((n for n in (2, 4, 16) if f";{n}" in raw), 8)
    top = (1 << bits) - 1
    values = [v & top for v in (key if isinstance(key, tuple) else (key,))]
    if bits < 16:
        return ColourKey(tuple(v * 255 // top for v in values))
    low = low_bytes(image, data)
    rest = None if low is None else (low == [v & 255 for v in values]).all(-1)
    return ColourKey(tuple(v >> 8 for v in values), rest)


def low_bytes(image: Image.Image, data: bytes) -> Pixels | None:
    """The second byte of each sample of a PNG with 16-bit colours, uint8; None for other files.

    Pillow gives only the first bytes. Call it before `load`.
    """
    raw = str((getattr(image, "tile", None) or [("",)])[0][-1])
    if image.format != "PNG" or not data or raw not in ("RGB;16B", "RGBA;16B", "LA;16B"):
        return None
    # Both bytes of grey and of alpha as four channels, or the other byte order.
    args = "RGBA" if raw == "LA;16B" else raw[:-1] + "L"
    with (
        guarded(image.width * image.height),
        Image.open(io.BytesIO(data), formats=("PNG",)) as other,
    ):
        other.tile = [t._replace(args=args) for t in other.tile]
        values = np.array(other)
    return values[..., (1, 1, 1, 3)] if args == "RGBA" else values


def _eight(image: Image.Image, key: ColourKey | None, icc: bytes | None) -> Converted:
    """Modes with 8 bits or 1 bit per channel. A grey palette with a profile for RGB stays RGB."""
    mode = image.mode
    if mode == "La":
        image, mode = image.convert("LA"), "LA"
    if key is not None:
        pixels = np.asarray(image).reshape(image.height, image.width, -1)
        transparent = (pixels == key.levels).all(-1)
        if key.rest is not None:
            transparent &= key.rest
        alpha = np.where(transparent, 0, 255)
        return Converted(image, Image.fromarray(alpha.astype(np.uint8)))
    palette = mode in ("P", "PA") and icc_space(icc or b"") != "RGB"
    grey = mode in ("1", "L", "LA") or (palette and _grey_palette(image))
    if image.has_transparency_data:  # an alpha channel, a transparent colour, or a palette of RGBA
        # Only RGBA leads from premultiplied and palette modes to straight alpha.
        with_alpha = image if mode in ("LA", "RGBA") else image.convert("RGBA")
        base = with_alpha.convert("L" if grey else "RGB")
        if grey and with_alpha.mode == "RGBA":
            base = with_alpha.getchannel("G")  # R = G = B: no rounding of weights
        return Converted(base, with_alpha.getchannel("A"))
    if grey and mode == "P":
        return Converted(image.convert("RGB").getchannel("G"))
    wanted = "L" if grey else "RGB"
    return Converted(image if mode == wanted else image.convert(wanted))  # `convert` copies


def _grey_palette(image: Image.Image) -> bool:
    """Whether all colours of the palette are grey."""
    colours = image.getpalette("RGB") or []
    return colours[0::3] == colours[1::3] == colours[2::3]


def _sixteen(image: Image.Image, levels: Pixels | None) -> Converted:
    """16-bit grey to 8 bits, rounded or by the table `levels`; a colour key becomes alpha."""
    values = cast("NDArray[np.uint16]", np.asarray(image))
    white = 4095 if tag_of(image, BITS) == 12 else 65535
    if tag_of(image, PHOTOMETRIC) == 0:  # white is zero: Pillow inverts 8 bits, but not 16
        values = white - values
    out = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), 256):  # by strips: the 32-bit intermediate stays small
        strip = values[top : top + 256].astype(np.uint32)
        rounded = (strip * 255 + white // 2) // white
        out[top : top + 256] = rounded if levels is None else levels[strip]
    key = image.info.get("transparency")
    alpha = None
    if isinstance(key, int):
        alpha = Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8))
    return Converted(Image.fromarray(out), alpha)


def _stretch(image: Image.Image) -> tuple[Image.Image, str]:
    """Wide grey of unknown range to 8 bits, and a note that says how.

    These modes have no white point, so the values decide. Floats are taken as 0 .. 1 if most of
    them are in that range and not whole numbers; highlights above 1 are cut off. Other values up
    to 255 are taken as grey levels, integers up to 65535 as full scale. Anything else is
    stretched from its lowest to its highest value.
    """
    values = np.asarray(image)
    if image.mode == "I" and tag_of(image, FORMAT) == 1:  # unsigned, but Pillow reads it as signed
        values = values.view(np.uint32)
    elif image.mode in ("L", "I;16"):  # signed, but Pillow reads it as unsigned
        values = values.view(np.int8 if image.mode == "L" else np.int16)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(low) or not np.isfinite(high):
        raise BadPicture("the picture holds values that are not finite numbers")
    # Netpbm's 16-bit files have mode I and are scaled to 0 .. 65535, even dark ones.
    sixteen = image.mode == "I" and image.format in ("PPM", "PNG") and low >= 0 and high < 65536
    if image.mode == "F" and _is_unit(values):
        how = "0 .. 1 scaled to 8 bits"
        if low < 0 or high > 1:
            how += f", values from {low:g} to {high:g} cut off"
        low, high = 0.0, 1.0
    elif low >= 0 and high <= 255 and not sixteen:
        low, high, how = 0.0, 255.0, "taken as 8-bit levels"
    elif low >= 0 and high <= 65535 and image.mode.startswith("I"):
        low, high, how = 0.0, 65535.0, "reduced from 16 to 8 bits"
    else:
        how = f"stretched from {low:g} .. {high:g} to 8 bits"
    out = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), 256):
        strip = (values[top : top + 256].astype(np.float64) - low) * (255.0 / (high - low or 1.0))
        out[top : top + 256] = np.rint(np.clip(strip, 0.0, 255.0))
    if tag_of(image, PHOTOMETRIC) == 0:  # white is zero
        out = 255 - out
    return Image.fromarray(out), how


def _is_unit(values: NDArray[np.float32]) -> bool:
    """Whether 1 is full scale: nine of ten floats are at most 1, and none is far below 0."""
    low, high = float(values.min()), float(values.max())
    if low < -0.1 or (high > 2 and bool((values == np.rint(values)).all())):
        return False
    return bool((values <= 1).mean() >= 0.9)


def _through_profile(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, str]:
    """CMYK or LAB to sRGB, and a note that says how."""
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return _transform(image, lab, srgb), "LAB converted to sRGB"
    if icc is not None and icc_space(icc) == "CMYK":
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
            out = _transform(image, profile, ImageCms.createProfile("sRGB"))
            return out, "CMYK converted to sRGB through its ICC profile, which is left out"
        except (ImageCms.PyCMSError, OSError):
            pass  # a damaged profile: the plain conversion still shows the picture
    which = "an ICC profile" if icc is None else "its ICC profile, which cannot be used"
    return image.convert("RGB"), f"CMYK converted to RGB without {which}"


def _transform(image: Image.Image, source: Any, target: Any) -> Image.Image:
    """Convert with LittleCMS and its perceptual intent; profiles as ImageCms takes them."""
    out = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    assert out is not None
    return out


def to_pixels(image: Image.Image) -> Pixels:
    """Mode L or RGB -> uint8 `(H, W, 3)`."""
    width, height = image.size
    out = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, 1024):  # by strips, because numpy makes two copies
        strip = np.asarray(image.crop((0, top, width, min(top + 1024, height))))
        out[top : top + 1024] = strip if strip.ndim == 3 else strip[:, :, None]
    return out
