"""A second, shorter decoder for smaller pictures, straight from the latents.

At half size and below most of what the decoder's narrow stage draws is averaged away. This network
has tokens of 16 pixels only and a fraction of the work; its last layer gives 8 x 8 pixels of the
picture at half size, or averages of them. It is trained beside a finished model, whose files do not
depend on it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tccodec.errors import TccodecError
from tccodec.transform.config import ModelConfig
from tccodec.transform.rows import Rows, each
from tccodec.transform.tcae import blocks_of, pixels_of, shuffle, split_latents, through

SIDE = 8  # pixels per side of a token at half size
BLOCKS = 2
# Where it stands in for the whole decoder: at 1/2 and 1/4 it is up to two decibels behind so far.
USED_FROM = 8


class Preview(nn.Module):
    """Latents -> the correction to their linear reconstruction, at half size or less."""

    def __init__(self, cfg: ModelConfig, width: int) -> None:
        super().__init__()
        self.cfg = cfg
        self.coarse = nn.Linear(4 * cfg.low, 4 * width)
        self.fine = nn.Linear(cfg.latents // 4 - cfg.low, width, bias=False)
        self.blocks = blocks_of(cfg, width, BLOCKS)
        self.out = nn.Linear(width, 3 * SIDE * SIDE)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    @classmethod
    def of(cls, cfg: ModelConfig, tensors: Mapping[str, Tensor]) -> Preview:
        """The network with these parameters; `TccodecError` if they are not those of one."""
        try:
            net = cls(cfg, tensors["out.weight"].shape[1])
            net.load_state_dict({k: v.float() for k, v in tensors.items()})
        except (KeyError, IndexError, RuntimeError):
            raise TccodecError("the weights for smaller pictures do not fit the model") from None
        return net

    def _expand(self, u: Tensor) -> Tensor:
        coarse, fine = split_latents(u.to(self.fine.weight.dtype), self.cfg)
        t = F.linear(coarse, self.coarse.weight[:, : coarse.shape[-1]], self.coarse.bias)
        return shuffle(t, 2) + F.linear(fine, self.fine.weight[:, : fine.shape[-1]])

    def forward(self, u: Tensor, hat: Tensor) -> Tensor:
        """`u (B, h, w, c)` scaled latents -> `(B, 3, H / 2, W / 2)`, in the decoder's units."""
        t = self._expand(u)
        for block in self.blocks:
            t = block(t, hat)
        return pixels_of(t, self.out, SIDE)

    def stream(self, rows: Rows, hat: Tensor, *, scale: int) -> Rows:
        """`forward` of latents that arrive in pieces, at 1/`scale`: 2, 4 or 8."""
        rows = through(self.blocks, each(rows, self._expand), hat)
        return each(rows, lambda t: pixels_of(t, self.out, SIDE, scale // 2))


def half_size(x: Tensor) -> Tensor:
    """Averages of 2 x 2 pixels."""
    return F.avg_pool2d(x, 2)


def small_errors(half: Tensor, x: Tensor) -> Tensor:
    """Mean logarithm of the squared error of a picture at 1/2, 1/4 and 1/8 size, `(B,)`.

    `half (B, 3, H / 2, W / 2)` against `x (B, 3, H, W)`. The logarithm makes all sizes and all
    qualities count the same; a squared error of 1/20 is as good as none.
    """
    error = half - half_size(x)
    logs = []
    for scale in range(3):
        if scale:
            error = half_size(error)
        logs.append(torch.log(error.square().mean((1, 2, 3)) + 0.05))
    return torch.stack(logs).mean(0)
