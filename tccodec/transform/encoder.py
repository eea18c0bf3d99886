"""The encoder: pixels -> the networks' part of the latents (see `tcae.py`)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tccodec.config import ModelConfig
from tccodec.transform.blocks import Blocks
from tccodec.transform.layout import PIXEL_SCALE, join_latents, to_tokens, unshuffle
from tccodec.transform.rows import PIXELS, Rows, map_rows, regrouped


class Encoder(nn.Module):
    """Pixels -> the networks' part of the latents, in units of each latent's deviation."""

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.cfg = cfg
        d1, d2, p = cfg.dim1, cfg.dim2, cfg.patch
        self.embed = nn.Linear(3 * p * p, d1)
        self.blocks1 = Blocks(cfg, dim=d1, count=cfg.enc_blocks1, every=cfg.enc_attention)
        merged = 4 * d1 if cfg.staged else d1
        self.merge1 = nn.Linear(merged, d2)
        self.merge2 = nn.Linear(d2, d2)
        self.blocks2 = Blocks(cfg, dim=d2, count=cfg.enc_blocks2, every=cfg.enc_attention)
        r = 16 // cfg.stage_patch
        self.fine1 = nn.Linear(r * r * d2, cfg.bottleneck)
        self.fine2 = nn.Linear(cfg.bottleneck, cfg.latents // 4 - cfg.low)
        self.coarse1 = nn.Linear(4 * r * r * d2, cfg.bottleneck)
        self.coarse2 = nn.Linear(cfg.bottleneck, 4 * cfg.low)
        for last in (self.fine2, self.coarse2):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def _embed(self, x: Tensor) -> Tensor:
        x = x.to(self.embed.weight.dtype) * PIXEL_SCALE
        y: Tensor = self.embed(to_tokens(x, self.cfg.patch))
        return y

    def _merge(self, t: Tensor) -> Tensor:
        t = self.merge1(unshuffle(t, 2) if self.cfg.staged else t)
        y: Tensor = t + self.merge2(F.hardswish(t))
        return y

    def _latents(self, t: Tensor) -> Tensor:
        t = unshuffle(t, 16 // self.cfg.stage_patch)
        fine = self.fine2(F.hardswish(self.fine1(t)))
        coarse = self.coarse2(F.hardswish(self.coarse1(unshuffle(t, 2))))
        return join_latents(coarse, fine, self.cfg)

    def tokens(
        self, x: Tensor, knot_weights: Tensor, *, hidden: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        """`x (B, 3, H, W)` in -128..127 -> the tokens before the latents, `(B, H, W, D)`.

        `hidden`: a mask of patches, `(B, H / patch, W / patch)`, and the `(dim1,)` embedding that
        takes the place of theirs.
        """
        t = self._embed(x)
        if hidden is not None:
            t = torch.where(hidden[0][..., None], hidden[1].to(t.dtype), t)
        t = self._merge(self.blocks1(t, knot_weights))
        y: Tensor = self.blocks2(t, knot_weights)
        return y

    def forward(self, x: Tensor, knot_weights: Tensor) -> Tensor:
        """`x (B, 3, H, W)` in -128..127 -> `(B, h, w, C)`."""
        return self._latents(self.tokens(x, knot_weights))

    def stream(self, rows: Rows, knot_weights: Tensor) -> Rows:
        """`forward` of pixels that arrive in pieces."""
        rows = map_rows(regrouped(rows, self.cfg.patch, dim=PIXELS), self._embed)
        rows = self.blocks1.stream(rows, knot_weights)
        rows = map_rows(regrouped(rows, 2), self._merge)
        rows = self.blocks2.stream(rows, knot_weights)
        return map_rows(regrouped(rows, 32 // self.cfg.stage_patch), self._latents)
