"""The arrangement of pixels, tokens, and latents of blocks and of their quadrants."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tccodec.config import ModelConfig

PIXEL_SCALE = 1 / 64  # scales pixels in -128..127 to the order of one


def to_tokens(x: Tensor, size: int) -> Tensor:
    """`(B, 3, H, W)` -> `(B, H/size, W/size, 3*size*size)`, channel-major inside a token."""
    b, c, h, w = x.shape
    x = x.view(b, c, h // size, size, w // size, size).permute(0, 2, 4, 1, 3, 5)
    return x.reshape(b, h // size, w // size, c * size * size)


def to_pixels(t: Tensor, size: int) -> Tensor:
    """Inverse of `to_tokens`."""
    b, h, w, d = t.shape
    c = d // (size * size)
    t = t.view(b, h, w, c, size, size).permute(0, 3, 1, 4, 2, 5)
    return t.reshape(b, c, h * size, w * size)


def averaged_pixels(last: nn.Linear, t: Tensor, *, size: int, scale: int) -> Tensor:
    """Pixels of tokens, averaged over `scale x scale`: `(B, 3, H / scale, W / scale)`.

    `last` computes the `size x size` pixels of each token of `t (B, H / size, W / size, D)`. It is
    linear, so its weights are averaged instead of its outputs. With a scale above the size, tokens
    are averaged too: `t` then has whole squares of them.
    """
    if scale == 1:
        return to_pixels(last(t), size)
    inside = min(scale, size)
    planes = torch.cat([last.weight, last.bias[:, None]], 1).float().t()
    planes = F.avg_pool2d(planes.reshape(-1, 3, size, size), inside)
    planes = planes.flatten(1).t().to(last.weight.dtype)
    pixels = to_pixels(F.linear(t, planes[:, :-1], planes[:, -1]), size // inside)
    return pixels if inside == scale else F.avg_pool2d(pixels, scale // inside)


def unshuffle(x: Tensor, r: int) -> Tensor:
    """`(B, H, W, D)` -> `(B, H/r, W/r, r*r*D)`."""
    b, h, w, d = x.shape
    x = x.view(b, h // r, r, w // r, r, d).transpose(2, 3)
    return x.reshape(b, h // r, w // r, r * r * d)


def shuffle(x: Tensor, r: int) -> Tensor:
    """Inverse of `unshuffle`."""
    b, h, w, d = x.shape
    x = x.view(b, h, w, r, r, d // (r * r)).transpose(2, 3)
    return x.reshape(b, h * r, w * r, d // (r * r))


def split_latents(y: Tensor, cfg: ModelConfig) -> tuple[Tensor, Tensor]:
    """Latents `(B, h, w, c)`, whole groups, c <= C -> coarse and fine ones.

    The coarse ones are `(B, h, w, c0)`. The fine ones are `(B, 2h, 2w, c1)`, with each quadrant
    at its place.
    """
    ends = itertools.accumulate(cfg.groups)
    count = 1 + [*ends].index(y.shape[-1]) if y.shape[-1] else 0
    parts = torch.split(y, list(cfg.groups[:count]), -1) if count else ()
    fine = [shuffle(part, 2) for part in parts[cfg.coarse :]]
    b, h, w, _ = y.shape
    coarse = y[..., : sum(cfg.groups[: min(count, cfg.coarse)])]
    return coarse, torch.cat(fine, -1) if fine else y.new_zeros(b, 2 * h, 2 * w, 0)


def join_latents(coarse: Tensor, fine: Tensor, cfg: ModelConfig) -> Tensor:
    """Inverse of `split_latents` for all groups."""
    parts = torch.split(fine, list(cfg.sizes[cfg.coarse :]), -1)
    return torch.cat([coarse, *(unshuffle(part, 2) for part in parts)], -1)
