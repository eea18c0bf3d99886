"""Small ICC profiles: the colour spaces of `colour.py`, in a form that every format can hold.

Version 4.4 (ICC.1:2022): a matrix to XYZ and one curve, or for grey the curve alone. HDR signals
also have the tag `cicp`; a reader that knows it does not use the curve.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tccodec.container.sections import icc_space

Primaries = Sequence[float]  # x and y of white, red, green, blue
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_D50 = np.array([0.9642, 1.0, 0.8249])
SRGB: Primaries = (0.3127, 0.329, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
# x > 0.04045: ((x + 0.055) / 1.055) ** 2.4, else x / 12.92
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def make_profile(
    *, primaries: Primaries | None, curve: NDArray[np.float64] | None, cicp: bytes = b""
) -> bytes:
    """A display profile.

    primaries: None for grey. curve: linear light 0 .. 1 at evenly spaced values of the signal, or
    None for that of sRGB. cicp: four bytes, numbered as in ITU-T H.273.
    """
    tags: dict[bytes, bytes] = {
        b"desc": _text("sRGB with other primaries" if curve is None else "HDR signal"),
        b"cprt": _text("No copyright, use freely"),
        b"wtpt": _xyz(_D50),
    }
    trc = _parametric() if curve is None else _sampled(curve)
    tags |= {b"kTRC": trc} if primaries is None else _colorants(primaries, trc)
    if cicp:
        tags[b"cicp"] = b"cicp" + bytes(4) + cicp
    return _assembled(tags, space=b"GRAY" if primaries is None else b"RGB ")


def rgb_profile(profile: bytes) -> bytes | None:
    """A profile as RGB pixels need it: one for grey as one in which equal channels look the same.

    None for a grey one that is more than a curve to XYZ. Viewers ignore a profile for grey there.
    """
    if icc_space(profile) != "GRAY":
        return profile
    curve = _tag(profile, b"kTRC")
    if curve is None or _tag(profile, b"A2B0") or profile[20:24] != b"XYZ ":
        return None
    tags = {
        b"desc": _text("Grey stored as RGB"),
        b"cprt": _text("No copyright, use freely"),
        b"wtpt": _xyz(_D50),
        **_colorants(SRGB, curve),
    }
    signal = cicp_of(profile)
    if signal:
        tags[b"cicp"] = b"cicp" + bytes(4) + signal
    return _assembled(tags, space=b"RGB ")


def cicp_of(profile: bytes) -> bytes | None:
    """The four bytes of the tag `cicp` of a profile, or None."""
    body = _tag(profile, b"cicp")
    return body[8:] if body and len(body) == 12 else None


def _tag(profile: bytes, wanted: bytes) -> bytes | None:
    """The body of a tag of a profile, or None."""
    try:
        (count,) = struct.unpack_from(">I", profile, 128)
        for index in range(min(count, 100)):
            name, at, size = struct.unpack_from(">4sII", profile, 132 + 12 * index)
            if name == wanted and len(profile) >= at + size:
                return profile[at : at + size]
    except struct.error:
        pass
    return None


def _colorants(primaries: Primaries, curve: bytes) -> dict[bytes, bytes]:
    """The tags of a matrix to XYZ, with one curve, the body of a tag, for all channels."""
    columns, adaptation = _matrix(primaries)
    tags = {b"chad": b"sf32" + bytes(4) + _fixed(adaptation.ravel())}
    for name, column in zip((b"r", b"g", b"b"), columns.T, strict=True):
        tags[name + b"XYZ"], tags[name + b"TRC"] = _xyz(column), curve
    return tags


def _assembled(tags: dict[bytes, bytes], *, space: bytes) -> bytes:
    """Header, table and bodies; equal bodies are stored once."""
    at = 128 + 4 + 12 * len(tags)
    table, bodies = struct.pack(">I", len(tags)), b""
    places: dict[bytes, int] = {}
    for name, body in tags.items():
        if body not in places:
            places[body] = at + len(bodies)
            bodies += body + bytes(-len(body) % 4)
        table += struct.pack(">4sII", name, places[body], len(body))
    head = struct.pack(
        ">I4sI4s4s4s", at + len(bodies), bytes(4), 0x04400000, b"mntr", space, b"XYZ "
    )
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _fixed(_D50)
    return head.ljust(128, b"\0") + table + bodies


def _matrix(primaries: Primaries) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Colorants as columns under D50, and the adaptation from the white point (Bradford)."""
    white, red, green, blue = (np.array([x / y, 1, (1 - x - y) / y]) for x, y in _pairs(primaries))
    unscaled = np.stack([red, green, blue], 1)
    columns = unscaled * np.linalg.solve(unscaled, white)
    scale = np.diag((_BRADFORD @ _D50) / (_BRADFORD @ white))
    adaptation = np.linalg.inv(_BRADFORD) @ scale @ _BRADFORD
    return adaptation @ columns, adaptation


def _pairs(primaries: Primaries) -> list[tuple[float, float]]:
    return [(primaries[i], primaries[i + 1]) for i in range(0, 8, 2)]


def _fixed(values: NDArray[np.float64] | Sequence[float]) -> bytes:
    """s15Fixed16 numbers."""
    return b"".join(struct.pack(">i", round(float(v) * 65536)) for v in values)


def _xyz(values: NDArray[np.float64]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(values)


def _parametric() -> bytes:
    return b"para" + bytes(4) + struct.pack(">HH", 3, 0) + _fixed(_SRGB_CURVE)


def _sampled(curve: NDArray[np.float64]) -> bytes:
    values = np.rint(np.clip(curve, 0, 1) * 65535).astype(">u2")
    return b"curv" + bytes(4) + struct.pack(">I", len(values)) + values.tobytes()


def _text(text: str) -> bytes:
    """multiLocalizedUnicode with one English record."""
    body = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(body), 28) + body
