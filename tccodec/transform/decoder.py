"""The decoder: latents -> the correction to their linear reconstruction (see `tcae.py`)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tccodec.config import ModelConfig
from tccodec.transform.blocks import Blend, Blocks
from tccodec.transform.layout import (
    PIXEL_SCALE,
    averaged_pixels,
    shuffle,
    split_latents,
    to_tokens,
)
from tccodec.transform.reference import CELL
from tccodec.transform.renderer import Renderer
from tccodec.transform.rows import PIXELS, TOKENS, Rows, map_rows, regrouped, zip_rows


def depends_on_realism(name: str) -> bool:
    """Whether a parameter of the decoder has a second value, for realism 1.

    Those of `embed_latents`, half of all parameters and an eighth of the work, have only one.
    """
    return not name.startswith(("coarse", "fine"))


class Decoder(nn.Module):
    """Latents and their linear reconstruction -> the correction to that reconstruction.

    With a renderer there is a second output for reduced pictures: the correction averaged over 4x4
    pixels (`reduced`). It needs neither the renderer nor the full-size linear reconstruction.
    """

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.cfg = cfg
        d1, d2, p = cfg.dim1, cfg.dim2, cfg.patch
        r = 16 // cfg.stage_patch
        self.coarse1 = nn.Linear(4 * cfg.low, cfg.bottleneck)
        self.coarse2 = nn.Linear(cfg.bottleneck, 4 * cfg.bottleneck)
        self.fine1 = nn.Linear(cfg.latents // 4 - cfg.low, cfg.bottleneck)
        self.fine2 = nn.Linear(cfg.bottleneck, r * r * d2)
        self.blocks2 = Blocks(cfg, dim=d2, count=cfg.dec_blocks2, every=cfg.dec_attention)
        if cfg.renderer:
            self.renderer = Renderer(cfg)
            self.small = nn.Linear(d2, 3 * (cfg.stage_patch // CELL) ** 2)
            last = self.small
        else:
            self.split = nn.Linear(d2, 4 * d1 if cfg.staged else d1)
            self.embed = nn.Linear(3 * p * p, d1)
            self.blocks1 = Blocks(cfg, dim=d1, count=cfg.dec_blocks1, every=cfg.dec_attention)
            self.blend = Blend(d1, cfg.blend) if cfg.blend else None
            self.out = nn.Linear(d1, 3 * p * p)
            last = self.out
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def embed_latents(self, u: Tensor) -> Tensor:
        """`u (B, h, w, c)` scaled latents -> tokens before the blocks, `(B, H, W, D)`."""
        coarse, fine = split_latents(u.to(self.fine1.weight.dtype), self.cfg)
        t = F.linear(coarse, self.coarse1.weight[:, : coarse.shape[-1]], self.coarse1.bias)
        t = shuffle(self.coarse2(F.hardswish(t)), 2)
        t = t + F.linear(fine, self.fine1.weight[:, : fine.shape[-1]], self.fine1.bias)
        return shuffle(self.fine2(F.hardswish(t)), 16 // self.cfg.stage_patch)

    def _split(self, t: Tensor) -> Tensor:
        t = self.split(t)
        return shuffle(t, 2) if self.cfg.staged else t

    def _embed(self, linear: Tensor) -> Tensor:
        x = linear.to(self.embed.weight.dtype) * PIXEL_SCALE
        y: Tensor = self.embed(to_tokens(x, self.cfg.patch))
        return y

    def _pixels(self, t: Tensor, scale: int = 1) -> Tensor:
        return averaged_pixels(self.out, t, size=self.cfg.patch, scale=scale)

    def tokens(self, u: Tensor, knot_weights: Tensor) -> Tensor:
        """`u (B, h, w, c)` scaled latents -> tokens after the wide stage, `(B, H, W, D)`."""
        return self.wide_stage(self.embed_latents(u), knot_weights)

    def wide_stage(self, t: Tensor, knot_weights: Tensor) -> Tensor:
        """Apply the blocks of the wide stage, `(B, H, W, D)`."""
        t = self.blocks2(t, knot_weights)
        return t

    def rendered(self, t: Tensor, linear: Tensor, knot_weights: Tensor) -> Tensor:
        """`tokens` and `linear (B, 3, H, W)` -> `(B, 3, H, W)`."""
        if self.cfg.renderer:
            y: Tensor = self.renderer(t, linear)
            return y
        t = self._split(t) + self._embed(linear)
        t = self.blocks1(t, knot_weights)
        return self._pixels(self.blend(t) if self.blend else t)

    def reduced(self, t: Tensor, scale: int = CELL) -> Tensor:
        """`tokens` -> averages of `scale x scale` pixels (4 or 8), `(B, 3, H / scale, W / scale)`;
        only with a renderer."""
        size = self.cfg.stage_patch // CELL
        return averaged_pixels(self.small, t, size=size, scale=scale // CELL)

    def forward(self, u: Tensor, linear: Tensor, knot_weights: Tensor) -> Tensor:
        """`u (B, h, w, c)` scaled latents, `linear (B, 3, H, W)` -> `(B, 3, H, W)`."""
        return self.rendered(self.tokens(u, knot_weights), linear, knot_weights)

    def reduced_stream(self, rows: Rows, knot_weights: Tensor, *, scale: int) -> Rows:
        """`reduced` of the tokens of latents that arrive in pieces."""
        rows = self.blocks2.stream(map_rows(rows, self.embed_latents), knot_weights)
        return map_rows(rows, lambda t: self.reduced(t, scale))

    def stream(self, rows: Rows, linear: Rows, knot_weights: Tensor, *, scale: int = 1) -> Rows:
        """`forward` of latents and pixels that arrive in pieces, averaged over `scale x scale`."""
        rows = self.blocks2.stream(map_rows(rows, self.embed_latents), knot_weights)
        if self.cfg.renderer:
            return self.renderer.stream(rows, linear, scale=scale)
        patches = map_rows(regrouped(linear, self.cfg.patch, dim=PIXELS), self._embed)
        rows = zip_rows(map_rows(rows, self._split), patches, torch.add, dim=TOKENS)
        rows = self.blocks1.stream(rows, knot_weights)
        if self.blend:
            rows = self.blend.stream(rows)
        if scale > self.cfg.patch:
            rows = regrouped(rows, scale // self.cfg.patch)
        return map_rows(rows, lambda t: self._pixels(t, scale))
