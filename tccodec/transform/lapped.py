"""Time-domain lapped pre- and post-filter across the borders of 32x32 blocks.

A block transform leaves seams. An orthogonal filter over the 32 samples around each border,
before the block transform and inverted after it, turns the two into a lapped transform with
64-sample basis functions that fade out: no seams, and a higher coding gain.

Source: Tran, Liang, Tu, "Lapped transform via time-domain pre- and post-filtering",
IEEE Trans. Signal Processing 51(6), 2003 (type-II fast LOT, here with unit scaling, hence
orthogonal). The picture's own borders are left unfiltered, so nothing wraps around.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def _dct2(n: int) -> Tensor:
    k = torch.arange(n, dtype=torch.float64)[:, None]
    i = torch.arange(n, dtype=torch.float64)[None]
    m = torch.cos(math.pi * (2 * i + 1) * k / (2 * n)) * math.sqrt(2 / n)
    m[0] *= math.sqrt(0.5)
    return m


def _dct4(n: int) -> Tensor:
    k = torch.arange(n, dtype=torch.float64)[:, None]
    i = torch.arange(n, dtype=torch.float64)[None]
    return torch.cos(math.pi * (2 * i + 1) * (2 * k + 1) / (4 * n)) * math.sqrt(2 / n)


def prefilter_matrix(size: int = 32) -> Tensor:
    """Orthogonal `(size, size)` float64 matrix acting on the samples around a border."""
    h = size // 2
    eye = torch.eye(h, dtype=torch.float64)
    flip = eye.flip(0)
    v = flip @ _dct2(h).t() @ _dct4(h) @ flip
    butterfly = torch.cat([torch.cat([eye, flip], 1), torch.cat([flip, -eye], 1)], 0)
    middle = torch.zeros(size, size, dtype=torch.float64)
    middle[:h, :h], middle[h:, h:] = eye, v
    result: Tensor = 0.5 * butterfly @ middle @ butterfly
    return result


def _filter_last(x: Tensor, m: Tensor) -> Tensor:
    n, h = m.shape[0], m.shape[0] // 2
    if x.shape[-1] < 2 * n:
        return x
    lead, length = x.shape[:-1], x.shape[-1]
    mid = x[..., h : length - h].reshape(*lead, -1, n) @ m
    return torch.cat([x[..., :h], mid.reshape(*lead, -1), x[..., length - h :]], -1)


def lap(x: Tensor, m: Tensor) -> Tensor:
    """Filter `(..., H, W)` across all inner borders of both directions; H, W multiples of 32.

    `m` is `prefilter_matrix().T` to analyse and `prefilter_matrix()` to synthesise: the
    filter is separable and orthogonal, so one inverts the other.
    """
    x = _filter_last(x, m).transpose(-1, -2)
    return _filter_last(x, m).transpose(-1, -2)
