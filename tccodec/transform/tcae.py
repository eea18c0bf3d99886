"""TCAE: picture <-> latents at 1/32, after TC-AE (Li et al. 2026, arXiv 2604.07340).

    x --+-- patch 8 -> blocks(dim1) -> merge 2x2 -> blocks(dim2) -> unshuffle 2, MLP --(+)--> y
        |                                                                               |
        +-- lapped prefilter -> 16x16 blocks -> K (PCA) -> first ones: unshuffle 2, M --+

    y --+-- MLP, shuffle 2 -> blocks(dim2) -> split 2x2 --(+)-- blocks(dim1) -> patch 8 --(+)--> x
        |                                                  |                               |
        +-- M^T, shuffle 2 -> K^T -> 16x16 blocks, postfilter -----------------------------+

x (B, 3, H, W), y (B, h, w, C) with h = H/32, w = W/32. The first latents (`cfg.coarse` groups)
tell of their 32x32 pixels as a whole, the others of one quadrant each (`split_latents`). The
linear shortcut (DC-AE's residual idea) starts as the Karhunen-Loeve transform of lapped 16x16
colour blocks, K, and of the first coefficients of four neighbours, M: a fresh model is a sensible
transform coder, and the networks learn what a linear transform cannot. K and M are shared by both
directions. The decoder sees the linear reconstruction at 1/8 as well: it can filter what it is
about to correct.
Deviations from the paper: the shortcut, latents with a place, quality conditioning, no class
token, no EMA teacher.

Every part has a twin called `stream`, which computes the same from a map that arrives in pieces
(see `rows.py`): training uses the one, the codec the other.
"""

from __future__ import annotations

import itertools

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
    return not name.startswith(("coarse", "fine"))


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


def split_latents(y: Tensor, cfg: ModelConfig) -> tuple[Tensor, Tensor]:
    """Latents `(B, h, w, c)`, whole groups, c <= C -> coarse `(B, h, w, c0)` and fine ones
    `(B, 2h, 2w, c1)`, each quadrant's at its place."""
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


class Shortcut(nn.Module):
    """The linear transform: lapped filter and 16x16 colour blocks times K; the first
    coefficients of four neighbouring blocks once more, times M."""

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

    def _blocks(self, y: Tensor) -> Tensor:
        coarse, fine = split_latents(y, self.cfg)
        low = shuffle(coarse @ self.merge[: coarse.shape[-1]].to(y.dtype), 2)
        t = torch.cat([low, fine], -1)
        return to_pixels(t @ self.basis[: t.shape[-1]].to(y.dtype), 16)

    def analyse_stream(self, rows: Rows) -> Rows:
        """`analyse` of pixels that arrive in pieces."""
        rows = regrouped(lap_stream(rows, self.filter.t()), 32, dim=PIXELS)
        return each(rows, self._project)

    def synthesise_stream(self, rows: Rows) -> Rows:
        """`synthesise` of latents that arrive in pieces."""
        return lap_stream(each(rows, self._blocks), self.filter)

    def synthesise(self, y: Tensor) -> Tensor:
        """`(B, h, w, c)` with the first c <= C channels, whole groups -> `(B, 3, H, W)`."""
        return lap(self._blocks(y), self.filter.to(y.dtype))

    def atoms(self) -> Tensor:
        """What each latent adds to its 32x32 pixels before the lapped filter, `(C, 3, 32, 32)`."""
        eye = torch.eye(self.cfg.latents, dtype=torch.float32, device=self.basis.device)
        return self._blocks(eye[:, None, None])


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
        r = 16 // cfg.stage_patch
        self.coarse1 = nn.Linear(4 * cfg.low, cfg.bottleneck)
        self.coarse2 = nn.Linear(cfg.bottleneck, 4 * cfg.bottleneck)
        self.fine1 = nn.Linear(cfg.latents // 4 - cfg.low, cfg.bottleneck)
        self.fine2 = nn.Linear(cfg.bottleneck, r * r * d2)
        self.blocks2 = _blocks(cfg, d2, cfg.dec_blocks2)
        self.split = nn.Linear(d2, 4 * d1 if cfg.staged else d1)
        self.embed = nn.Linear(3 * p * p, d1)
        self.blocks1 = _blocks(cfg, d1, cfg.dec_blocks1)
        self.blend = Blend(d1, cfg.blend) if cfg.blend else None
        self.out = nn.Linear(d1, 3 * p * p)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def _expand(self, u: Tensor) -> Tensor:
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

    `std (channels,)`: the latents' standard deviations under the initial shortcut.
    `log_step (knots, channels)`: log2 of the quantisation step at each quality knot.
    A channel of the fine groups stands for its latents in all four quadrants (`spread`).
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

    def hat(self, quality: Tensor) -> Tensor:
        """Interpolation weights `(B, knots)` for qualities `(B,)` in 0..1000."""
        k = self.cfg.knots
        pos = quality.float() * ((k - 1) / 1000.0)
        knots = torch.arange(k, device=quality.device, dtype=torch.float32)
        return (1 - (pos[:, None] - knots[None]).abs()).clamp_min(0)

    def spread(self, values: Tensor) -> Tensor:
        """`(..., channels)` -> `(..., C)`: one value per latent."""
        parts = torch.split(values, list(self.cfg.sizes), -1)
        return torch.cat(
            [p for g, p in enumerate(parts) for _ in range(self.cfg.scale(g) ** 2)], -1
        )

    def steps(self, hat: Tensor) -> Tensor:
        """Quantisation steps `(B, C)`."""
        return self.spread(torch.exp2(hat @ self.log_step))

    def analyse(self, x: Tensor, hat: Tensor) -> Tensor:
        """Pixels `(B, 3, H, W)` in -128..127 -> latents `(B, h, w, C)`, fp32."""
        return self._latents(self.shortcut.analyse(x), self.encoder(x, hat))

    def synthesise(self, y: Tensor, hat: Tensor) -> Tensor:
        """Latents `(B, h, w, c)`, c <= C -> pixels `(B, 3, H, W)`, unclipped."""
        linear: Tensor = self.shortcut.synthesise(y)
        return self._pixels(linear, self.decoder(self._scaled(y), linear, hat))

    def _latents(self, linear: Tensor, net: Tensor) -> Tensor:
        return linear.float() + net.float() * self.spread(self.std)

    def _pixels(self, linear: Tensor, net: Tensor) -> Tensor:
        return linear.float().add(net, alpha=OUT_SCALE)

    def _scaled(self, y: Tensor) -> Tensor:
        return y / self.spread(self.std)[: y.shape[-1]]

    def analyse_stream(self, rows: Rows, hat: Tensor) -> Rows:
        """`analyse` of pixels 0..255 that arrive in pieces; B = 1."""
        one, other = twice(each(rows, lambda x: x.float() - 128.0))
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
        small = F.avg_pool2d(self.shortcut.atoms().detach(), scale)
        # What a unit of a latent's energy adds to the mean squared error of the small picture.
        share = small.square().sum((1, 2, 3)) * (scale**2 / (3 * 32 * 32))
        variance = self.spread(self.std.square())
        steps = self.steps(self.hat(quality))[0].detach()
        noise = float((share * torch.minimum(steps.square() / 12, variance)).sum())
        count = len(self.cfg.groups)
        while count > 1:
            dropped = share[sum(self.cfg.groups[: count - 1]) :]
            if float((dropped * variance[-len(dropped) :]).sum()) > max(noise / 6, 0.25):
                break
            count -= 1
        return count
