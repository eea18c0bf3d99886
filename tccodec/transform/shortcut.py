"""The linear part of the transform."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tccodec.config import ModelConfig
from tccodec.transform.lapped import lap, lap_stream, prefilter_matrix
from tccodec.transform.layout import (
    join_latents,
    shuffle,
    split_latents,
    to_pixels,
    to_tokens,
    unshuffle,
)
from tccodec.transform.reduced import pooled_filter, sum_contributions
from tccodec.transform.rows import PIXELS, Rows, map_rows, regrouped


class Shortcut(nn.Module):
    """The linear transform: a lapped filter, then 16x16 colour blocks times K.

    The first coefficients of four neighbouring blocks are transformed once more, by M.
    """

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.basis = nn.Parameter(torch.zeros(cfg.latents // 4, 3 * 16 * 16))
        self.merge = nn.Parameter(torch.zeros(4 * cfg.low, 4 * cfg.low))
        self.register_buffer("filter", prefilter_matrix().float(), persistent=False)
        self.filter: Tensor

    def analyse(self, x: Tensor) -> Tensor:
        """`(B, 3, H, W)` in -128..127 -> `(B, h, w, C)`."""
        return self._project(lap(x, self.filter.t()))

    def _project(self, x: Tensor) -> Tensor:
        t = to_tokens(x, 16) @ self.basis.to(x.dtype).t()
        low, fine = t[..., : self.cfg.low], t[..., self.cfg.low :]
        return join_latents(unshuffle(low, 2) @ self.merge.to(x.dtype).t(), fine, self.cfg)

    def _coefficients(self, y: Tensor) -> Tensor:
        """Latents -> the first k coefficients of the 16x16 blocks, `(B, 2h, 2w, k)`."""
        coarse, fine = split_latents(y, self.cfg)
        low = shuffle(coarse @ self.merge[: coarse.shape[-1]].to(y.dtype), 2)
        return torch.cat([low, fine], -1)

    def _blocks(self, y: Tensor) -> Tensor:
        t = self._coefficients(y)
        return to_pixels(t @ self.basis[: t.shape[-1]].to(y.dtype), 16)

    def analyse_stream(self, rows: Rows) -> Rows:
        """`analyse` of pixels that arrive in pieces."""
        rows = regrouped(lap_stream(rows, self.filter.t()), 32, dim=PIXELS)
        return map_rows(rows, self._project)

    def synthesise_stream(self, rows: Rows) -> Rows:
        """`synthesise` of latents that arrive in pieces."""
        return lap_stream(map_rows(rows, self._blocks), self.filter)

    def synthesise(self, y: Tensor) -> Tensor:
        """`(B, h, w, c)` with the first c <= C channels, whole groups -> `(B, 3, H, W)`."""
        return lap(self._blocks(y), self.filter.to(y.dtype))

    def reduced_stream(self, rows: Rows, scale: int) -> Rows:
        """Averages of `scale x scale` pixels (4 or 8) of `synthesise_stream`.

        The pixels themselves are not computed.
        """
        pool = pooled_filter(self.filter, scale)
        n = len(pool)
        basis = (pool @ self.basis.view(-1, 3, 16, 16) @ pool.t()).flatten(1)

        def contributions(y: Tensor) -> Tensor:
            t = self._coefficients(y)
            t = t @ basis[: t.shape[-1]].to(y.dtype)
            return t.view(*t.shape[:-1], 3, n, n)

        return sum_contributions(map_rows(rows, contributions), scale)

    def error_shares(self, scale: int) -> Tensor:
        """Each channel's weight in the error of a reduced picture, `(channels,)`.

        That is the mean squared error of a picture reduced by `scale`, before the lapped filter,
        for a squared error of one in each latent of the channel.
        """
        low = self.cfg.low
        small = F.avg_pool2d(self.basis.detach().view(-1, 3, 16, 16), scale).flatten(1)
        coarse = self.merge.detach().view(-1, 4, low) @ small[:low]
        energy = torch.cat([coarse.square().sum((1, 2)), small[low:].square().sum(1)])
        return energy * (scale**2 / (3 * 32 * 32))
