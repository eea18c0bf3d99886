"""TCAE: picture <-> latents at 1/32, after TC-AE (Li et al. 2026, arXiv 2604.07340).

    x --+-- patch 8 -> blocks(dim1) -> merge 2x2 -> blocks(dim2) -> unshuffle 2, MLP --(+)--> y
        |                                                                               |
        +-- lapped prefilter -> 16x16 blocks -> K (PCA) -> first ones: unshuffle 2, M --+

    y --+-- MLP, shuffle 2 -> blocks(dim2) -> split 2x2 --(+)-- blocks(dim1) -> patch 8 --(+)--> x
        |                                                  |                               |
        +-- M^T, shuffle 2 -> K^T -> 16x16 blocks, postfilter -----------------------------+

x (B, 3, H, W), y (B, h, w, C) with h = H/32, w = W/32. The first latents (`cfg.coarse` groups)
describe the whole 32x32 pixels; the others describe one quadrant each (`split_latents`). The
linear shortcut (DC-AE's residual idea) starts as the Karhunen-Loeve transform K of lapped 16x16
colour blocks, and M of the first coefficients of four neighbouring blocks. So a fresh model is a
sensible transform coder, and the networks learn what a linear transform cannot do. Both directions
share K and M. The decoder also sees the linear reconstruction at 1/8, so it can filter what it is
about to correct. With `cfg.renderer` a renderer takes the place of all that follows dim2:

    y --+-- MLP, shuffle 2 -> blocks(dim2) --+-- shift, gain -> renderer, cells of 4x4 --(+)--> x
        |                                    +-- for x averaged over 4x4      |         |
        +-- M^T, shuffle 2 -> K^T -> 16x16 blocks, postfilter ----------------+---------+

Deviations from the paper: the shortcut, latents of quadrants, conditioning on the setting, no class
token, no EMA teacher.

Every part also has a method `stream`, which computes the same from a map that arrives in pieces
(see `rows.py`). Training uses `forward`, the codec `stream`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tccodec.config import ModelConfig
from tccodec.transform.blocks import Blend, Block
from tccodec.transform.layout import (
    PIXEL_SCALE,
    averaged_pixels,
    join_latents,
    shuffle,
    split_latents,
    to_tokens,
    unshuffle,
)
from tccodec.transform.renderer import Renderer
from tccodec.transform.rows import PIXELS, TOKENS, Rows, map_rows, regrouped, tee, zip_rows
from tccodec.transform.shortcut import Shortcut

OUT_SCALE = 16.0  # the unit of the decoder network's output, in grey levels
SMALL = 4  # the decoder's second output has one pixel for 4x4


def depends_on_realism(name: str) -> bool:
    """Whether a parameter of the decoder has a second value, for realism 1.

    Those of `embed_latents` have not. They are half of all parameters and an eighth of the work.
    """
    return not name.startswith(("coarse", "fine"))


def _blocks(cfg: ModelConfig, dim: int, count: int, every: int) -> nn.ModuleList:
    attending = cfg.attending(count, every)
    return nn.ModuleList(
        Block(
            dim,
            head_dim=cfg.head_dim,
            window=cfg.window,
            mlp_ratio=cfg.mlp_ratio,
            gated=cfg.gated,
            dw_kernel=cfg.dw_kernel,
            knots=cfg.knots,
            attends=i in attending,
            shifted=i in attending[1::2],
        )
        for i in range(count)
    )


def _scale_gradient(x: Tensor, factor: float) -> Tensor:
    """`x`, through which `factor` of the gradient passes."""
    return x.detach() + factor * (x - x.detach())


def _stream_blocks(blocks: nn.ModuleList, rows: Rows, knot_weights: Tensor) -> Rows:
    for block in blocks:
        assert isinstance(block, Block)
        rows = block.stream(rows, knot_weights)
    return rows


class Encoder(nn.Module):
    """Pixels -> the networks' part of the latents, in units of each latent's deviation."""

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.cfg = cfg
        d1, d2, p = cfg.dim1, cfg.dim2, cfg.patch
        self.embed = nn.Linear(3 * p * p, d1)
        self.blocks1 = _blocks(cfg, d1, cfg.enc_blocks1, cfg.enc_attention)
        merged = 4 * d1 if cfg.staged else d1
        self.merge1 = nn.Linear(merged, d2)
        self.merge2 = nn.Linear(d2, d2)
        self.blocks2 = _blocks(cfg, d2, cfg.enc_blocks2, cfg.enc_attention)
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

    def forward(self, x: Tensor, knot_weights: Tensor) -> Tensor:
        """`x (B, 3, H, W)` in -128..127 -> `(B, h, w, C)`."""
        t = self._embed(x)
        for block in self.blocks1:
            t = block(t, knot_weights)
        t = self._merge(t)
        for block in self.blocks2:
            t = block(t, knot_weights)
        return self._latents(t)

    def stream(self, rows: Rows, knot_weights: Tensor) -> Rows:
        """`forward` of pixels that arrive in pieces."""
        rows = map_rows(regrouped(rows, self.cfg.patch, dim=PIXELS), self._embed)
        rows = _stream_blocks(self.blocks1, rows, knot_weights)
        rows = map_rows(regrouped(rows, 2), self._merge)
        rows = _stream_blocks(self.blocks2, rows, knot_weights)
        return map_rows(regrouped(rows, 32 // self.cfg.stage_patch), self._latents)


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
        self.blocks2 = _blocks(cfg, d2, cfg.dec_blocks2, cfg.dec_attention)
        if cfg.renderer:
            self.renderer = Renderer(cfg)
            self.small = nn.Linear(d2, 3 * (cfg.stage_patch // SMALL) ** 2)
            last = self.small
        else:
            self.split = nn.Linear(d2, 4 * d1 if cfg.staged else d1)
            self.embed = nn.Linear(3 * p * p, d1)
            self.blocks1 = _blocks(cfg, d1, cfg.dec_blocks1, cfg.dec_attention)
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
        """`u (B, h, w, c)` scaled latents -> tokens after the blocks at 1/16, `(B, H, W, D)`."""
        return self.wide_stage(self.embed_latents(u), knot_weights)

    def wide_stage(self, t: Tensor, knot_weights: Tensor) -> Tensor:
        """Apply the blocks at 1/16, `(B, H, W, D)`."""
        for block in self.blocks2:
            t = block(t, knot_weights)
        return t

    def rendered(self, t: Tensor, linear: Tensor, knot_weights: Tensor) -> Tensor:
        """`tokens` and `linear (B, 3, H, W)` -> `(B, 3, H, W)`."""
        if self.cfg.renderer:
            y: Tensor = self.renderer(t, linear)
            return y
        t = self._split(t) + self._embed(linear)
        for block in self.blocks1:
            t = block(t, knot_weights)
        return self._pixels(self.blend(t) if self.blend else t)

    def reduced(self, t: Tensor, scale: int = SMALL) -> Tensor:
        """`tokens` -> averages of `scale x scale` pixels (4 or 8), `(B, 3, H / scale, W / scale)`;
        only with a renderer."""
        size = self.cfg.stage_patch // SMALL
        return averaged_pixels(self.small, t, size=size, scale=scale // SMALL)

    def forward(self, u: Tensor, linear: Tensor, knot_weights: Tensor) -> Tensor:
        """`u (B, h, w, c)` scaled latents, `linear (B, 3, H, W)` -> `(B, 3, H, W)`."""
        return self.rendered(self.tokens(u, knot_weights), linear, knot_weights)

    def reduced_stream(self, rows: Rows, knot_weights: Tensor, *, scale: int) -> Rows:
        """`reduced` of the tokens of latents that arrive in pieces."""
        rows = _stream_blocks(self.blocks2, map_rows(rows, self.embed_latents), knot_weights)
        return map_rows(rows, lambda t: self.reduced(t, scale))

    def stream(self, rows: Rows, linear: Rows, knot_weights: Tensor, *, scale: int = 1) -> Rows:
        """`forward` of latents and pixels that arrive in pieces, averaged over `scale x scale`."""
        rows = _stream_blocks(self.blocks2, map_rows(rows, self.embed_latents), knot_weights)
        if self.cfg.renderer:
            return self.renderer.stream(rows, linear, scale=scale)
        patches = map_rows(regrouped(linear, self.cfg.patch, dim=PIXELS), self._embed)
        rows = zip_rows(map_rows(rows, self._split), patches, torch.add, dim=TOKENS)
        rows = _stream_blocks(self.blocks1, rows, knot_weights)
        if self.blend:
            rows = self.blend.stream(rows)
        if scale > self.cfg.patch:
            rows = regrouped(rows, scale // self.cfg.patch)
        return map_rows(rows, lambda t: self._pixels(t, scale))


class TCAE(nn.Module):
    """Both transforms and the quantisation steps.

    `std (channels,)`: the latents' standard deviations under the initial shortcut.
    `log_step (knots, channels)`: log2 of the quantisation step at each knot. Both have one value
    for each channel; the latents of the four quadrants share it (`per_latent`).
    """

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.shortcut = Shortcut(cfg)
        self.encoder = Encoder(cfg)
        self.decoder = Decoder(cfg)
        self.log_step = nn.Parameter(torch.zeros(cfg.knots, cfg.channels))
        self.register_buffer("std", torch.ones(cfg.channels))
        self.std: Tensor

    def knot_weights(self, setting: Tensor) -> Tensor:
        """Weights `(B, knots)` that interpolate a table of knots at settings `(B,)`, 0..1000."""
        k = self.cfg.knots
        pos = setting.float() * ((k - 1) / 1000.0)
        knots = torch.arange(k, device=setting.device, dtype=torch.float32)
        return (1 - (pos[:, None] - knots[None]).abs()).clamp_min(0)

    def per_latent(self, values: Tensor) -> Tensor:
        """`(..., channels)` -> `(..., C)`: one value per latent."""
        parts = torch.split(values, list(self.cfg.sizes), -1)
        return torch.cat(
            [p for g, p in enumerate(parts) for _ in range(self.cfg.scale(g) ** 2)], -1
        )

    def steps(self, knot_weights: Tensor) -> Tensor:
        """Quantisation steps `(B, C)`."""
        return self.per_latent(torch.exp2(knot_weights @ self.log_step))

    def analyse(self, x: Tensor, knot_weights: Tensor) -> Tensor:
        """Pixels `(B, 3, H, W)` in -128..127 -> latents `(B, h, w, C)`, fp32."""
        return self._latents(self.shortcut.analyse(x), self.encoder(x, knot_weights))

    def synthesise(self, y: Tensor, knot_weights: Tensor) -> Tensor:
        """Latents `(B, h, w, c)`, c <= C -> pixels `(B, 3, H, W)`, unclipped."""
        linear: Tensor = self.shortcut.synthesise(y)
        return self._pixels(linear, self.decoder(self._scaled(y), linear, knot_weights))

    def synthesise_both(self, y: Tensor, knot_weights: Tensor) -> tuple[Tensor, Tensor]:
        """`synthesise`, and the picture reduced by 4 from the decoder's second output.

        `(B, 3, H, W)` and `(B, 3, H / 4, W / 4)`; only with a renderer. The second picture has
        gradients for the layer of that output alone.
        """
        linear: Tensor = self.shortcut.synthesise(y)
        t = self.decoder.tokens(self._scaled(y), knot_weights)
        small = self._pixels(F.avg_pool2d(linear.detach(), SMALL), self.decoder.reduced(t.detach()))
        return self._pixels(linear, self.decoder.rendered(t, linear, knot_weights)), small

    def synthesise_with(
        self, other: Decoder, y: Tensor, knot_weights: Tensor, *, gradient: float
    ) -> tuple[Tensor, Tensor]:
        """`synthesise_both` with those parameters of the decoder `other` that depend on realism.

        The other parameters, and the latents, get `gradient` times the gradient.
        """
        linear = _scale_gradient(self.shortcut.synthesise(y), gradient)
        t = _scale_gradient(self.decoder.embed_latents(self._scaled(y)), gradient)
        t = other.wide_stage(t, knot_weights)
        small = F.avg_pool2d(linear.detach(), SMALL)
        small = self._pixels(small, other.reduced(t.detach()))
        return self._pixels(linear, other.rendered(t, linear, knot_weights)), small

    def _latents(self, linear: Tensor, net: Tensor) -> Tensor:
        return linear.float() + net.float() * self.per_latent(self.std)

    def _pixels(self, linear: Tensor, net: Tensor) -> Tensor:
        return linear.float().add(net, alpha=OUT_SCALE)

    def _scaled(self, y: Tensor) -> Tensor:
        return y / self.per_latent(self.std)[: y.shape[-1]]

    def analyse_stream(self, rows: Rows, knot_weights: Tensor) -> Rows:
        """`analyse` of pixels 0..255 that arrive in pieces; B = 1."""
        pixels, same_pixels = tee(map_rows(rows, lambda x: x.float() - 128.0))
        linear = self.shortcut.analyse_stream(pixels)
        net = self.encoder.stream(same_pixels, knot_weights)
        return zip_rows(linear, net, self._latents, dim=TOKENS)

    def synthesise_stream(
        self, rows: Rows, knot_weights: Tensor, *, scale: int = 1, decoder: Decoder | None = None
    ) -> Rows:
        """`synthesise` of latents that arrive in pieces; B = 1.

        `decoder`: instead of the model's own. With `scale` 2, 4 or 8 the pixels are averages of
        `scale x scale` ones: those of `synthesise`, or where the model `skips_full_size`, those of
        the second picture of `synthesise_both`.
        """
        latents, same_latents = tee(rows)
        scaled = map_rows(same_latents, self._scaled)
        decoder = decoder or self.decoder
        if self.skips_full_size(scale):
            linear = self.shortcut.reduced_stream(latents, scale)
            net = decoder.reduced_stream(scaled, knot_weights, scale=scale)
        else:
            seen, linear = tee(self.shortcut.synthesise_stream(latents))
            net = decoder.stream(scaled, seen, knot_weights, scale=scale)
            if scale > 1:
                linear = regrouped(linear, scale, dim=PIXELS)
                linear = map_rows(linear, lambda x: F.avg_pool2d(x, scale))
        return zip_rows(linear, net, self._pixels, dim=PIXELS)

    def skips_full_size(self, scale: int) -> bool:
        """Whether a picture reduced by `scale` is computed without the full-size one."""
        return bool(self.cfg.renderer) and scale >= SMALL

    def groups_for(self, setting: Tensor, scale: int) -> int:
        """How many latent groups a picture reduced by `scale` needs, at a setting `(1,)`.

        A group is left out if it and those after it hold less than a sixth of the quantisation
        noise of the reduced picture (about 0.2 dB), or a squared error below 1/4 grey level.
        """
        share = self.per_latent(self.shortcut.error_shares(scale))
        variance = self.per_latent(self.std.square())
        steps = self.steps(self.knot_weights(setting))[0].detach()
        noise = float((share * torch.minimum(steps.square() / 12, variance)).sum())
        count = len(self.cfg.groups)
        while count > 1:
            dropped = share[sum(self.cfg.groups[: count - 1]) :]
            if float((dropped * variance[-len(dropped) :]).sum()) > max(noise / 6, 0.25):
                break
            count -= 1
        return count
