"""Time-domain lapped pre- and post-filter across the borders of 16x16 blocks.

A block transform leaves seams. An orthogonal filter over the 16 samples around each border, applied
before the block transform and inverted after its inverse, makes a lapped transform of the two. Its
basis functions have 32 samples and fade out: there are no seams, and the coding gain is higher.

Source: Tran, Liang, Tu, "Lapped transform via time-domain pre- and post-filtering",
IEEE Trans. Signal Processing 51(6), 2003 (type-II fast LOT, here with unit scaling, hence
orthogonal). The picture's own borders are left unfiltered, so nothing wraps around.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tccodec.transform.rows import PIXELS, Rows, regrouped


def dct2(n: int) -> Tensor:
    """The orthonormal DCT-II as a matrix `(n, n)`, fp64: a row for each frequency."""
    k = torch.arange(n, dtype=torch.float64, device="cpu")[:, None]
    i = torch.arange(n, dtype=torch.float64, device="cpu")[None]
    m = torch.cos(math.pi * (2 * i + 1) * k / (2 * n)) * math.sqrt(2 / n)
    m[0] *= math.sqrt(0.5)
    return m


def dct4(n: int) -> Tensor:
    """The orthonormal DCT-IV as a matrix `(n, n)`, fp64."""
    k = torch.arange(n, dtype=torch.float64, device="cpu")[:, None]
    i = torch.arange(n, dtype=torch.float64, device="cpu")[None]
    return torch.cos(math.pi * (2 * i + 1) * (2 * k + 1) / (4 * n)) * math.sqrt(2 / n)


def prefilter_matrix() -> Tensor:
    """Orthogonal `(16, 16)` float64 matrix acting on the samples around a border."""
    # On the CPU also where modules are made on "meta": arithmetic there imports torch's compiler.
    h = 8
    eye = torch.eye(h, dtype=torch.float64, device="cpu")
    flip = eye.flip(0)
    v = flip @ dct2(h).t() @ dct4(h) @ flip
    butterfly = torch.cat([torch.cat([eye, flip], 1), torch.cat([flip, -eye], 1)], 0)
    middle = torch.zeros(2 * h, 2 * h, dtype=torch.float64, device="cpu")
    middle[:h, :h], middle[h:, h:] = eye, v
    result: Tensor = 0.5 * butterfly @ middle @ butterfly
    return result


def _columns(x: Tensor, m: Tensor) -> Tensor:
    """Filter `(..., W)` across the inner borders of its columns."""
    n, h = m.shape[0], m.shape[0] // 2
    if x.shape[-1] < 2 * n:
        return x
    lead, length = x.shape[:-1], x.shape[-1]
    mid = x[..., h : length - h].reshape(*lead, -1, n) @ m
    return torch.cat([x[..., :h], mid.reshape(*lead, -1), x[..., length - h :]], -1)


def _rows(x: Tensor, m: Tensor) -> Tensor:
    """Filter `(..., H, W)`, whose rows begin and end between two borders, across all borders."""
    *lead, height, width = x.shape
    mid = m.t() @ x.reshape(*lead, -1, m.shape[0], width)
    return mid.reshape(*lead, height, width)


def lap(x: Tensor, m: Tensor) -> Tensor:
    """Filter `(..., H, W)` across all inner borders of both directions; H, W multiples of 16.

    `m` is `prefilter_matrix().T` to analyse and `prefilter_matrix()` to synthesise: the
    filter is separable and orthogonal, so one inverts the other.
    """
    h, x = m.shape[0] // 2, _columns(x, m)
    if x.shape[-2] < 2 * m.shape[0]:
        return x
    mid = _rows(x[..., h : x.shape[-2] - h, :], m)
    return torch.cat([x[..., :h, :], mid, x[..., x.shape[-2] - h :, :]], -2)


def lap_stream(rows: Rows, m: Tensor) -> Rows:
    """`lap` for pixels `(B, 3, H, W)` that arrive in pieces."""
    n, h = m.shape[0], m.shape[0] // 2
    first = True
    for x, last in regrouped(rows, n, first=h, dim=PIXELS):
        # The picture's first and last half blocks pass unfiltered in this direction.
        top, end = h if first else 0, x.shape[PIXELS] - (h if last else 0)
        m = m.to(x.dtype)
        x = _columns(x, m)
        parts = [x[:, :, :top], _rows(x[:, :, top:end], m), x[:, :, end:]]
        parts = [p for p in parts if p.shape[PIXELS]]
        yield parts[0] if len(parts) == 1 else torch.cat(parts, PIXELS), last
        first = False
