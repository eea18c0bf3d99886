"""Colour spaces that a file describes without an ICC profile: chunks of PNG, `nclx` of AVIF.

The PNG specification (third edition, 4.3) ranks them: cICP, then iCCP, then sRGB, then gAMA with
cHRM. A stored picture is sRGB or has a profile, so

    transfer function   is converted to that of sRGB, level by level
    primaries           become a small ICC profile, so that colours outside sRGB are kept
    PQ, HLG             keep their levels; a profile names the signal and shows its lower part

Numbers are those of ITU-T H.273.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tccodec.picture.chunks import png_chunks
from tccodec.picture.icc import SRGB, Primaries, make_profile
from tccodec.picture.types import Loss, Pixels

Floats = NDArray[np.float64]
_D65 = (0.3127, 0.329)
_PRIMARIES: dict[int, Primaries] = {
    1: SRGB,
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*_D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*_D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
_UNSPECIFIED = 2
_AS_SRGB = {1, _UNSPECIFIED, 6, 13, 14, 15}  # video's curve is taken for sRGB's, as browsers do
_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0}
_PQ, _HLG = 16, 18
_SAMPLES = 1024
_GAMMA_SLACK, _XY_SLACK = 0.01, 0.002  # a chunk this near to sRGB means sRGB


@dataclass(frozen=True, slots=True)
class Colours:
    """A colour space: gamma (None for sRGB's curve) and primaries (None for sRGB's).

    cicp: four bytes if it is an HDR signal, else empty. narrow: levels run from 16 to 235.
    above: whether it takes precedence over an ICC profile in the file.
    """

    gamma: float | None = None
    primaries: Primaries | None = None
    cicp: bytes = b""
    narrow: bool = False
    above: bool = False
    losses: list[Loss] = field(default_factory=list)

    @property
    def note(self) -> str:
        """What was converted, for the user; "" if nothing."""
        if self.cicp:
            return "an HDR signal is kept as an ICC profile"
        parts = [f"gamma {self.gamma:.3g} converted to sRGB's"] if self.gamma else []
        parts += ["levels 16 .. 235 widened to 0 .. 255"] if self.narrow else []
        parts += ["primaries kept as an ICC profile"] if self.primaries else []
        return ", ".join(parts)

    def levels(self, count: int) -> Pixels | None:
        """sRGB levels, uint8, for `count` evenly spaced values; None if nothing changes."""
        if self.gamma is None and not self.narrow:
            return None
        signal: Floats = np.linspace(0, 1, count)
        if self.narrow:
            signal = np.clip((signal * 255 - 16) / 219, 0, 1)
        if self.gamma is not None:
            light = signal**self.gamma
            high = 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055
            signal = np.where(light <= 0.0031308, 12.92 * light, high)
        levels: Pixels = np.rint(signal * 255).astype(np.uint8)
        return levels

    def profile(self, *, grey: bool) -> bytes | None:
        """The ICC profile of the converted levels, or None if they are sRGB."""
        primaries = None if grey else self.primaries or SRGB
        if self.cicp:
            curve = _CURVES[self.cicp[1]](np.linspace(0, 1, _SAMPLES))
            return make_profile(primaries=primaries, curve=curve, cicp=self.cicp)
        if self.primaries is None or grey:
            return None
        return make_profile(primaries=primaries, curve=None)


def colours_of(image: Image.Image, data: bytes) -> Colours:
    """The colour space that an image's file describes, ICC profile aside.

    `data`: the file, or empty.
    """
    if image.format == "AVIF":
        return _nclx(data)
    nclx = image.info.get("nclx_profile")  # pillow-heif's
    if isinstance(nclx, dict):
        numbers = nclx["color_primaries"], nclx["transfer_characteristics"]
        return _of_numbers(*numbers, narrow=False, above=False)
    if image.format == "TIFF":
        tags: Any = getattr(image, "tag_v2", {})
        white, others = tags.get(318), tags.get(319)
        return _of_chunks(None, [*white, *others] if _pairs(white) and _pairs(others) else None)
    is_png = image.format == "PNG"
    chunks = [body for kind, body, _ in png_chunks(data) if kind == b"cICP"] if is_png else []
    if chunks:
        primaries, transfer, matrix, full = chunks[0] if len(chunks[0]) == 4 else (0, 0, -1, 0)
        if matrix == 0:
            return _of_numbers(primaries, transfer, narrow=not full, above=True)
        return Colours(losses=[Loss("its cICP chunk is not valid and is left out")])
    if "srgb" in image.info:
        return Colours()
    return _of_chunks(image.info.get("gamma"), image.info.get("chromaticity"))


def _of_chunks(gamma: Any, chromaticity: Any) -> Colours:
    """From gAMA (the encoder's exponent) and cHRM (x and y of white, red, green, blue)."""
    decoding, primaries = None, None
    # libpng, too, takes numbers beyond these for errors.
    if (
        isinstance(gamma, float)
        and 0.00016 <= gamma <= 6250
        and abs(gamma - 1 / 2.2) > _GAMMA_SLACK
    ):
        decoding = 1 / gamma
    if _pairs(chromaticity) and len(chromaticity) == 8:
        values = [float(v) for v in chromaticity]
        distance = max(abs(a - b) for a, b in zip(values, SRGB, strict=True))
        primaries = values if distance > _XY_SLACK and _is_valid(values) else None
    return Colours(gamma=decoding, primaries=primaries)


def _pairs(values: Any) -> bool:
    return isinstance(values, (tuple, list)) and all(isinstance(v, Real) for v in values)


def _is_valid(chromaticity: Primaries) -> bool:
    """Whether the primaries form a triangle with the white point inside: a matrix exists."""
    x, y = np.array(chromaticity[0::2]), np.array(chromaticity[1::2])
    if not (x >= 0).all() or not (y > 1e-4).all() or not (x + y <= 1.2).all():
        return False
    corners = np.stack([x[1:], y[1:], np.ones(3)])
    if abs(np.linalg.det(corners)) < 1e-4:
        return False
    shares = np.linalg.solve(corners, np.array([x[0], y[0], 1.0]))
    return bool((shares > 0).all())


def _nclx(data: bytes) -> Colours:
    """The colour box of an AVIF: libavif applies its matrix, Pillow ignores the rest."""
    at = data.find(b"colrnclx", 0, 1 << 16)
    if at < 0 or len(data) < at + 15:
        return Colours()
    primaries, transfer = struct.unpack_from(">HH", data, at + 8)
    return _of_numbers(primaries, transfer, narrow=False, above=False)


def _of_numbers(primaries: int, transfer: int, *, narrow: bool, above: bool) -> Colours:
    losses = []
    if primaries not in (*_PRIMARIES, _UNSPECIFIED):
        text = "primaries of an unknown kind are taken for sRGB's"
        losses.append(Loss(f"{text}: number {primaries}", text))
    chromaticity = _PRIMARIES.get(primaries, SRGB)
    wide = None if chromaticity == SRGB else chromaticity
    if transfer in (_PQ, _HLG):
        cicp = bytes([primaries, transfer, 0, 1])
        return Colours(primaries=wide, cicp=cicp, narrow=narrow, above=above, losses=losses)
    if transfer not in _AS_SRGB and transfer not in _GAMMAS:
        text = "a transfer function of an unknown kind is taken for sRGB's"
        losses.append(Loss(f"{text}: number {transfer}", text))
    return Colours(
        gamma=_GAMMAS.get(transfer),
        primaries=wide,
        narrow=narrow,
        above=above,
        losses=losses,
    )


def _pq(signal: Floats) -> Floats:
    """SMPTE ST 2084, relative to 203 cd/m2 (the white of ITU-R BT.2408)."""
    root = signal ** (1 / 78.84375)
    light = np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)
    nits: Floats = 10000 * light ** (1 / 0.1593017578125)
    return nits / 203


def _hlg(signal: Floats) -> Floats:
    """ITU-R BT.2100 HLG, per channel, relative to the white at 75 %."""

    def displayed(values: Floats) -> Floats:
        low = values**2 / 3
        high = (np.exp((values - 0.55991073) / 0.17883277) + 0.28466892) / 12
        light: Floats = np.where(values <= 0.5, low, high) ** 1.2
        return light

    relative: Floats = displayed(signal) / displayed(np.array([0.75]))[0]
    return relative


_CURVES: dict[int, Callable[[Floats], Floats]] = {_PQ: _pq, _HLG: _hlg}
