"""Averages of the lapped post-filter's output, without computing its pixels.

The post-filter mixes the 8 samples on each side of a border between blocks of 16. So a block
contributes to 32 samples: its own, and 8 beyond each of its ends. Filter and averages are linear:
one matrix turns a block into its contributions to the averages of these 32 samples, and the
contributions of neighbours are added up.

At the ends of the picture the filter does not change the outer half of a block. It treats both
sides of a border alike, so the result is the same if the contributions of a block beyond the end
are mirrored there.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tccodec.transform.rows import Rows, overlapped


def pooled_filter(m: Tensor, scale: int) -> Tensor:
    """`(32 / scale, 16)`: the 16 samples of a block -> its contributions to averages of `scale`
    samples, from 8 samples before its first to 8 after its last.

    `m` is `prefilter_matrix()`, `scale` a divisor of 8.
    """
    h = m.shape[0] // 2
    pool = torch.eye(h // scale, dtype=m.dtype, device=m.device)
    pool = pool.repeat_interleave(scale, 1) / scale
    above, below = m.t()[:h], m.t()[h:]  # the outputs for the samples on the two sides of a border
    zero = torch.zeros_like(pool)
    first = torch.cat([pool @ above[:, h:], pool @ below[:, h:], zero, zero])
    second = torch.cat([zero, zero, pool @ above[:, :h], pool @ below[:, :h]])
    return torch.cat([first, second], 1)


def _mirror(x: Tensor, *, first: bool, last: bool) -> None:
    """Contributions `(B, blocks, 4, q, ...)`, with those beyond the ends mirrored inside."""
    if first:
        x[:, 0, 1] += x[:, 0, 0].flip(1)
    if last:
        x[:, -1, 2] += x[:, -1, 3].flip(1)


def _sums(x: Tensor) -> Tensor:
    """Contributions `(B, blocks + 2, 4, ...)` -> both halves of the inner blocks,
    `(B, blocks, 2, ...)`."""
    return torch.stack([x[:, 1:-1, 1] + x[:, :-2, 3], x[:, 1:-1, 2] + x[:, 2:, 0]], 2)


def _across(x: Tensor) -> Tensor:
    """`(B, H, W, 3, n, n)` -> `(B, H, 4, q, 3, 2 * q * W)`, summed over neighbours in a row."""
    b, h, w, _, n, _ = x.shape
    x = x.permute(0, 2, 5, 1, 4, 3).reshape(b, w, 4, n // 4, -1)
    _mirror(x, first=True, last=True)
    outside = torch.zeros_like(x[:, :1])
    x = _sums(torch.cat([outside, x, outside], 1)).view(b, -1, h, n * 3)
    return x.permute(0, 2, 3, 1).reshape(b, h, 4, n // 4, 3, -1)


def sum_contributions(rows: Rows, scale: int) -> Rows:
    """Contributions of blocks, `(B, H, W, 3, n, n)` in pieces with n = 32 / scale -> averages
    `(B, 3, 16 H / scale, 16 W / scale)`."""

    def across(rows: Rows) -> Rows:
        first = True
        for x, last in rows:
            x = _across(x)
            _mirror(x, first=first, last=last)
            yield x.flatten(3), last
            first = False

    for x, last in overlapped(across(rows), 1, _sums):
        b, h = x.shape[:2]
        yield x.view(b, h * 16 // scale, 3, -1).transpose(1, 2), last
