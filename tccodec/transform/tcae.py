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
token. Its self-supervision is a part of training (`training/selfsup.py`), which the released model
did without; docs/paper.md tests its claims, without shortcut and rate.

Every part also has a method `stream`, which computes the same from a map that arrives in pieces
(see `rows.py`). Training uses `forward`, the codec `stream`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tccodec.config import ModelConfig
from tccodec.transform.decoder import Decoder
from tccodec.transform.encoder import Encoder
from tccodec.transform.reference import CELL
from tccodec.transform.rows import PIXELS, TOKENS, Rows, map_rows, regrouped, tee, zip_rows
from tccodec.transform.shortcut import Shortcut

OUT_SCALE = 16.0  # the unit of the decoder network's output, in grey levels


def _scale_gradient(x: Tensor, factor: float) -> Tensor:
    """`x`, through which `factor` of the gradient passes."""
    return x.detach() + factor * (x - x.detach())


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
        small = self._pixels(F.avg_pool2d(linear.detach(), CELL), self.decoder.reduced(t.detach()))
        return self._pixels(linear, self.decoder.rendered(t, linear, knot_weights)), small

    def synthesise_with(
        self, other: Decoder, y: Tensor, knot_weights: Tensor, *, gradient: float
    ) -> tuple[Tensor, Tensor | None]:
        """`synthesise_both` with those parameters of the decoder `other` that depend on realism.

        Without a renderer there is no second picture. The other parameters, and the latents, get
        `gradient` times the gradient.
        """
        linear = _scale_gradient(self.shortcut.synthesise(y), gradient)
        t = _scale_gradient(self.decoder.embed_latents(self._scaled(y)), gradient)
        t = other.wide_stage(t, knot_weights)
        pixels = self._pixels(linear, other.rendered(t, linear, knot_weights))
        if not self.cfg.renderer:
            return pixels, None
        small = F.avg_pool2d(linear.detach(), CELL)
        return pixels, self._pixels(small, other.reduced(t.detach()))

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
        return bool(self.cfg.renderer) and scale >= CELL

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
