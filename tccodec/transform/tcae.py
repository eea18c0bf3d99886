"""TCAE: picture <-> latents at 1/32, after TC-AE (Li et al. 2026, arXiv 2604.07340).

    x --+-- patch 8 -> blocks(dim1) -> merge 2x2 -> blocks(dim2) -> unshuffle 2, MLP --(+)--> y
        |                                                                               |
        +-- lapped prefilter -> 32x32 blocks -> K (PCA) --------------------------------+

    y --+-- MLP, shuffle 2 -> blocks(dim2) -> split 2x2 --(+)-- blocks(dim1) -> patch 8 --(+)--> x
        |                                                  |                               |
        +-- K^T -> 32x32 blocks -> lapped postfilter ------+-------------------------------+

x (B, 3, H, W), y (B, h, w, C) with h = H/32, w = W/32. The linear shortcut (DC-AE's residual
idea) starts as the Karhunen-Loeve transform of lapped 32x32 colour blocks: a fresh model is a
sensible transform coder, and the networks learn what a linear transform cannot. K is shared by
both directions. The decoder sees the linear reconstruction at 1/8 as well: it can filter what
it is about to correct.
Deviations from the paper: the shortcut, quality conditioning, no class token, no EMA teacher.

Every part has a twin called `stream`, which computes the same from a map that arrives in pieces
(see `rows.py`): training uses the one, the codec the other.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tccodec.transform.blocks import Blend, Block
from tccodec.transform.config import ModelConfig
from tccodec.transform.lapped import lap, lap_stream, prefilter_matrix
from tccodec.transform.rows import PIXELS, TOKENS, Rows, each, paired, regrouped, twice

PIXEL_SCALE = 1 / 64  # brings pixels in -128..127 to the order of one
OUT_SCALE = 16.0  # the decoder network speaks in units of 16 grey levels


def by_realism(name: str) -> bool:
    """Whether a parameter of the decoder has a second value, for realism 1.

    Opening the latents has not: half of the parameters for an eighth of the work.
    """
    return not name.startswith(("fc1.", "fc2."))


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


def _blocks(cfg: ModelConfig, dim: int, count: int) -> nn.ModuleList:
    return nn.ModuleList(
        Block(
            dim,
            head_dim=cfg.head_dim,
            window=cfg.window,
            mlp_ratio=cfg.mlp_ratio,
            dw_kernel=cfg.dw_kernel,
            knots=cfg.knots,
            shifted=bool(i % 2),
        )
        for i in range(count)
    )


def _through(blocks: nn.ModuleList, rows: Rows, hat: Tensor) -> Rows:
    for block in blocks:
        assert isinstance(block, Block)
        rows = block.stream(rows, hat)
    return rows


class Shortcut(nn.Module):
    """The linear transform: lapped filter and 32x32 colour blocks times K."""

    def __init__(self, latents: int) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.zeros(latents, 3 * 32 * 32))
        self.register_buffer("filter", prefilter_matrix().float(), persistent=False)
        self.filter: Tensor

    def analyse(self, x: Tensor) -> Tensor:
        """`(B, 3, H, W)` in -128..127 -> `(B, h, w, C)`."""
        return self._project(lap(x, self.filter.t()))

    def _project(self, x: Tensor) -> Tensor:
        y: Tensor = to_tokens(x, 32) @ self.basis.to(x.dtype).t()
        return y

    def _blocks(self, y: Tensor) -> Tensor:
        return to_pixels(y @ self.basis[: y.shape[-1]].to(y.dtype), 32)

    def analyse_stream(self, rows: Rows) -> Rows:
        """`analyse` of pixels that arrive in pieces."""
        rows = regrouped(lap_stream(rows, self.filter.t()), 32, dim=PIXELS)
        return each(rows, self._project)

    def synthesise_stream(self, rows: Rows) -> Rows:
        """`synthesise` of latents that arrive in pieces."""
        return lap_stream(each(rows, self._blocks), self.filter)

    def synthesise(self, y: Tensor) -> Tensor:
        """`(B, h, w, c)` with the first c <= C channels -> `(B, 3, H, W)`."""
        return lap(self._blocks(y), self.filter.to(y.dtype))


class Encoder(nn.Module):
    """Pixels -> the networks' part of the latents, in units of each latent's deviation."""

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.cfg = cfg
        d1, d2, p = cfg.dim1, cfg.dim2, cfg.patch
        self.embed = nn.Linear(3 * p * p, d1)
        self.blocks1 = _blocks(cfg, d1, cfg.enc_blocks1)
        merged = 4 * d1 if cfg.staged else d1
        self.merge1 = nn.Linear(merged, d2)
        self.merge2 = nn.Linear(d2, d2)
        self.blocks2 = _blocks(cfg, d2, cfg.enc_blocks2)
        r = 32 // cfg.stage_patch
        self.fc1 = nn.Linear(r * r * d2, cfg.bottleneck)
        self.fc2 = nn.Linear(cfg.bottleneck, cfg.latents)
        nn.init.zeros_(self.fc2.weight)
        nn.init.zeros_(self.fc2.bias)

    def _embed(self, x: Tensor) -> Tensor:
        t = to_tokens(x * PIXEL_SCALE, self.cfg.patch)
        y: Tensor = self.embed(t.to(self.embed.weight.dtype))
        return y

    def _merge(self, t: Tensor) -> Tensor:
        t = self.merge1(unshuffle(t, 2) if self.cfg.staged else t)
        y: Tensor = t + self.merge2(F.hardswish(t))
        return y

    def _latents(self, t: Tensor) -> Tensor:
        t = unshuffle(t, 32 // self.cfg.stage_patch)
        y: Tensor = self.fc2(F.hardswish(self.fc1(t)))
        return y

    def forward(self, x: Tensor, hat: Tensor) -> Tensor:
        """`x (B, 3, H, W)` in -128..127 -> `(B, h, w, C)`."""
        t = self._embed(x)
        for block in self.blocks1:
            t = block(t, hat)
        t = self._merge(t)
        for block in self.blocks2:
            t = block(t, hat)
        return self._latents(t)

    def stream(self, rows: Rows, hat: Tensor) -> Rows:
        """`forward` of pixels that arrive in pieces."""
        rows = each(regrouped(rows, self.cfg.patch, dim=PIXELS), self._embed)
        rows = _through(self.blocks1, rows, hat)
        rows = each(regrouped(rows, 2), self._merge)
        rows = _through(self.blocks2, rows, hat)
        return each(regrouped(rows, 32 // self.cfg.stage_patch), self._latents)


class Decoder(nn.Module):
    """Latents and their linear reconstruction -> the correction to that reconstruction."""

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.cfg = cfg
        d1, d2, p = cfg.dim1, cfg.dim2, cfg.patch
        r = 32 // cfg.stage_patch
        self.fc1 = nn.Linear(cfg.latents, cfg.bottleneck)
        self.fc2 = nn.Linear(cfg.bottleneck, r * r * d2)
        self.blocks2 = _blocks(cfg, d2, cfg.dec_blocks2)
        self.split = nn.Linear(d2, 4 * d1 if cfg.staged else d1)
        self.embed = nn.Linear(3 * p * p, d1)
        self.blocks1 = _blocks(cfg, d1, cfg.dec_blocks1)
        self.blend = Blend(d1, cfg.blend) if cfg.blend else None
        self.out = nn.Linear(d1, 3 * p * p)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def _expand(self, u: Tensor) -> Tensor:
        c = u.shape[-1]
        t = F.linear(u.to(self.fc1.weight.dtype), self.fc1.weight[:, :c], self.fc1.bias)
        return shuffle(self.fc2(F.hardswish(t)), 32 // self.cfg.stage_patch)

    def _split(self, t: Tensor) -> Tensor:
        t = self.split(t)
        return shuffle(t, 2) if self.cfg.staged else t

    def _embed(self, linear: Tensor) -> Tensor:
        t = to_tokens(linear * PIXEL_SCALE, self.cfg.patch)
        y: Tensor = self.embed(t.to(self.embed.weight.dtype))
        return y

    def _pixels(self, t: Tensor, scale: int = 1) -> Tensor:
        """Tokens -> pixels `(B, 3, H / scale, W / scale)`, averages of `scale x scale` ones.

        The last layer is linear, so its rows are averaged instead of what they compute.
        """
        side = self.cfg.patch // scale
        if scale > 1:
            weight, bias = self.out.weight, self.out.bias
            planes = torch.cat([weight, bias[:, None]], 1).float().t()
            planes = planes.reshape(-1, 3, self.cfg.patch, self.cfg.patch)
            planes = F.avg_pool2d(planes, scale).flatten(1).t().to(weight.dtype)
            return to_pixels(F.linear(t, planes[:, :-1], planes[:, -1]), side)
        return to_pixels(self.out(t), side)

    def forward(self, u: Tensor, linear: Tensor, hat: Tensor) -> Tensor:
        """`u (B, h, w, c)` scaled latents, `linear (B, 3, H, W)` -> `(B, 3, H, W)`."""
        t = self._expand(u)
        for block in self.blocks2:
            t = block(t, hat)
        t = self._split(t) + self._embed(linear)
        for block in self.blocks1:
            t = block(t, hat)
        return self._pixels(self.blend(t) if self.blend else t)

    def stream(self, rows: Rows, linear: Rows, hat: Tensor, *, scale: int = 1) -> Rows:
        """`forward` of latents and pixels that arrive in pieces, averaged as `_pixels` does."""
        rows = _through(self.blocks2, each(rows, self._expand), hat)
        patches = each(regrouped(linear, self.cfg.patch, dim=PIXELS), self._embed)
        rows = paired(each(rows, self._split), patches, torch.add, dim=TOKENS)
        rows = _through(self.blocks1, rows, hat)
        if self.blend:
            rows = self.blend.stream(rows)
        return each(rows, lambda t: self._pixels(t, scale))


class TCAE(nn.Module):
    """Both transforms and the quantisation steps.

    `std (C,)`: the latents' standard deviations under the initial shortcut.
    `log_step (knots, C)`: log2 of the quantisation step at each quality knot.
    """

    def __init__(self, cfg: ModelConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.shortcut = Shortcut(cfg.latents)
        self.encoder = Encoder(cfg)
        self.decoder = Decoder(cfg)
        self.log_step = nn.Parameter(torch.zeros(cfg.knots, cfg.latents))
        self.register_buffer("std", torch.ones(cfg.latents))
        self.std: Tensor

    def hat(self, quality: Tensor) -> Tensor:
        """Interpolation weights `(B, knots)` for qualities `(B,)` in 0..1000."""
        k = self.cfg.knots
        pos = quality.float() * ((k - 1) / 1000.0)
        knots = torch.arange(k, device=quality.device, dtype=torch.float32)
        return (1 - (pos[:, None] - knots[None]).abs()).clamp_min(0)

    def steps(self, hat: Tensor) -> Tensor:
        """Quantisation steps `(B, C)`."""
        step: Tensor = torch.exp2(hat @ self.log_step)
        return step

    def analyse(self, x: Tensor, hat: Tensor) -> Tensor:
        """Pixels `(B, 3, H, W)` in -128..127 -> latents `(B, h, w, C)`, fp32."""
        return self._latents(self.shortcut.analyse(x), self.encoder(x, hat))

    def synthesise(self, y: Tensor, hat: Tensor) -> Tensor:
        """Latents `(B, h, w, c)`, c <= C -> pixels `(B, 3, H, W)`, unclipped."""
        linear: Tensor = self.shortcut.synthesise(y)
        return self._pixels(linear, self.decoder(self._scaled(y), linear, hat))

    def _latents(self, linear: Tensor, net: Tensor) -> Tensor:
        return linear.float() + net.float() * self.std

    def _pixels(self, linear: Tensor, net: Tensor) -> Tensor:
        return linear.float() + net.float() * OUT_SCALE

    def _scaled(self, y: Tensor) -> Tensor:
        return y / self.std[: y.shape[-1]]

    def analyse_stream(self, rows: Rows, hat: Tensor) -> Rows:
        """`analyse` of pixels 0..255 that arrive in pieces; B = 1."""
        one, other = (each(r, lambda x: x.float() - 128.0) for r in twice(rows))
        linear = self.shortcut.analyse_stream(one)
        return paired(linear, self.encoder.stream(other, hat), self._latents, dim=TOKENS)

    def synthesise_stream(
        self, rows: Rows, hat: Tensor, *, scale: int = 1, decoder: Decoder | None = None
    ) -> Rows:
        """`synthesise` of latents that arrive in pieces; B = 1.

        `decoder`: instead of the model's own. With `scale` 2, 4 or 8 (at most the patch size)
        the pixels are averages of `scale x scale` ones, as if reduced afterwards.
        """
        one, other = twice(rows)
        early, late = twice(self.shortcut.synthesise_stream(one))
        decoder = decoder or self.decoder
        net = decoder.stream(each(other, self._scaled), early, hat, scale=scale)
        if scale > 1:
            late = regrouped(late, scale, dim=PIXELS)
            late = each(late, lambda x: F.avg_pool2d(x, scale))
        return paired(late, net, self._pixels, dim=PIXELS)

    def groups_for(self, quality: Tensor, scale: int) -> int:
        """How many latent groups matter to a picture reduced by `scale`, at qualities `(1,)`.

        A group may go if it and those after it hold less than a sixth of the quantisation
        noise of the reduced picture (0.2 dB or so), or a squared error of 1/4 grey level.
        """
        basis = self.shortcut.basis.detach()
        small = F.avg_pool2d(to_pixels(basis[:, None, None], 32).squeeze(1), scale)
        # What a unit of a latent's energy adds to the mean squared error of the small picture.
        share = small.square().sum((1, 2, 3)) * (scale**2 / (3 * 32 * 32))
        variance = self.std.square()
        steps = self.steps(self.hat(quality))[0]
        noise = float((share * torch.minimum(steps.square() / 12, variance)).sum())
        count = len(self.cfg.groups)
        while count > 1:
            dropped = share[sum(self.cfg.groups[: count - 1]) :]
            if float((dropped * variance[-len(dropped) :]).sum()) > max(noise / 6, 0.25):
                break
            count -= 1
        return count
