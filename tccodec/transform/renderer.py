"""The decoder's last stage: a small network on the 1/4 grid.

Each cell of 4x4 pixels starts from the linear reconstruction. Each token gives a shift and a gain
for every channel of its cells (as in FiLM, Perez et al. 2018, but from the latents and for each
position). One convolution over neighbouring cells and one gated MLP follow.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tccodec.config import ModelConfig
from tccodec.transform.blocks import depthwise, gate, local
from tccodec.transform.layout import PIXEL_SCALE, averaged_pixels, shuffle, to_tokens
from tccodec.transform.reference import CELL
from tccodec.transform.rows import (
    PIXELS,
    TOKENS,
    Rows,
    map_rows,
    overlapped,
    regrouped,
    split_rows,
    zip_rows,
)

PIECE = 512  # tokens of a piece; no other number is faster on CPUs


class Renderer(nn.Module):
    """Tokens and the linear reconstruction -> the correction to that reconstruction."""

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        c, hidden = cfg.renderer, cfg.renderer_hidden
        samples = 3 * CELL**2
        self.cells = cfg.stage_patch // CELL  # per side of a token
        self.embed = nn.Linear(samples, c)
        self.modulate = nn.Linear(cfg.dim2, 2 * self.cells**2 * c)
        self.dw = depthwise(c, cfg.dw_kernel)
        self.fc1 = nn.Linear(c, 2 * hidden)
        self.fc2 = nn.Linear(hidden, c)
        self.out = nn.Linear(c, samples)
        for layer in (self.fc2, self.out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def _embed(self, linear: Tensor) -> Tensor:
        """`(B, 3, H, W)`, whole tokens -> `(B, H / s, s / 4, W / 4, c)`, tokens of s pixels."""
        x = linear.to(self.embed.weight.dtype) * PIXEL_SCALE
        z: Tensor = self.embed(to_tokens(x, CELL))
        b, h, w, c = z.shape
        return z.view(b, h // self.cells, self.cells, w, c)

    def _modulate(self, t: Tensor, z: Tensor) -> Tensor:
        """Tokens `(B, H / s, W / s, D)` and what `_embed` gave -> `(B, H / 4, W / 4, c)`."""
        shift, gain = (shuffle(part, self.cells) for part in self.modulate(t).chunk(2, -1))
        z = z.flatten(1, 2)
        return torch.addcmul(shift + z, z, gain)

    def _pixels(self, z: Tensor, scale: int = 1) -> Tensor:
        z = z + self.fc2(gate(self.fc1(z)))
        return averaged_pixels(self.out, z, size=CELL, scale=scale)

    def local(self, z: Tensor) -> Tensor:
        """The convolution on `(B, r + 2 * reach, W, c)`, without padding of rows."""
        return local(z, self.dw)

    def forward(self, t: Tensor, linear: Tensor) -> Tensor:
        """`t (B, H / s, W / s, D)`, `linear (B, 3, H, W)` -> `(B, 3, H, W)`."""
        z = self._modulate(t, self._embed(linear))
        r = self.dw.kernel_size[0] // 2
        return self._pixels(self.local(F.pad(z, (0, 0, 0, 0, r, r))))

    def stream(self, rows: Rows, linear: Rows, *, scale: int = 1) -> Rows:
        """`forward` of rows that arrive in pieces, averaged over `scale x scale` pixels."""
        cells = map_rows(regrouped(linear, CELL * self.cells, dim=PIXELS), self._embed)
        rows = zip_rows(split_rows(rows, PIECE), cells, self._modulate, dim=TOKENS)
        rows = overlapped(rows, self.dw.kernel_size[0] // 2, self.local)
        return map_rows(rows, lambda z: self._pixels(z, scale))
