"""The one block of the transforms: depthwise convolution, windowed attention, MLP.

Swin attention (Liu et al. 2021) in shifted windows with a relative position bias; a depthwise
3x3 before it (as in CvT, ConvNeXt) gives locality and carries information over window borders.
Deliberate deviations: zero-initialised branch outputs, so that a fresh network is its
shortcut; scale and shift of both norms depend on the quality (adaLN, Peebles & Xie 2023),
read from a table with linear interpolation between quality knots; hard-swish, which costs a
tenth of GELU on a CPU.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class QualityNorm(nn.Module):
    """Layer norm whose scale and shift are interpolated between quality knots."""

    def __init__(self, dim: int, knots: int) -> None:
        super().__init__()
        self.dim = dim
        self.table = nn.Parameter(torch.zeros(knots, 2 * dim))

    def forward(self, x: Tensor, hat: Tensor) -> Tensor:
        """`x (B, H, W, D)`, `hat (B, knots)` interpolation weights -> `(B, H, W, D)`."""
        scale, shift = (hat @ self.table).to(x.dtype)[:, None, None].chunk(2, -1)
        y: Tensor = torch.addcmul(shift, F.layer_norm(x, (self.dim,)), 1 + scale)
        return y


class WindowAttention(nn.Module):
    """Multi-head attention inside `window x window` tiles, optionally shifted by half."""

    def __init__(self, dim: int, head_dim: int, window: int, *, shifted: bool) -> None:
        super().__init__()
        self.heads, self.head_dim, self.window = dim // head_dim, head_dim, window
        self.shift = window // 2 if shifted else 0
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        nn.init.zeros_(self.proj.weight)
        nn.init.zeros_(self.proj.bias)
        self.bias = nn.Parameter(torch.zeros(self.heads, (2 * window - 1) ** 2))
        i = torch.arange(window * window)
        yx = torch.stack([i // window, i % window], 1)
        rel = yx[:, None] - yx[None] + window - 1
        self.register_buffer("index", rel[..., 0] * (2 * window - 1) + rel[..., 1], False)
        self.index: Tensor

    def _mask(self, h: int, w: int, ph: int, pw: int, device: torch.device) -> Tensor | None:
        """`(nh, nw, N, N)` bool, True where a query may not see a key; None if all may.

        Tokens are labelled by the region they come from: padding, and the strips that the
        shift has wrapped around. Attention stays inside a label.
        """
        if not self.shift and (ph, pw) == (h, w):
            return None
        n, s = self.window, self.shift

        def labels(size: int, padded: int) -> Tensor:
            i = (torch.arange(padded, device=device) + s) % padded
            lab = (i >= size).long() * 2 + (i < s).long()
            return lab.view(-1, n)

        ly, lx = labels(h, ph), labels(w, pw)
        lab = (ly[:, None, :, None] * 4 + lx[None, :, None, :]).flatten(2)
        return lab[..., :, None] != lab[..., None, :]

    def forward(self, x: Tensor) -> Tensor:
        """`(B, H, W, D)` -> `(B, H, W, D)`; any H, W."""
        b, h, w, d = x.shape
        n, s = self.window, self.shift
        ph, pw = -(-h // n) * n, -(-w // n) * n
        if (ph, pw) != (h, w):
            x = F.pad(x, (0, 0, 0, pw - w, 0, ph - h))
        if s:
            x = torch.roll(x, (-s, -s), (1, 2))
        nh, nw = ph // n, pw // n
        x = x.view(b, nh, n, nw, n, d).transpose(2, 3).reshape(-1, n * n, d)
        q, k, v = self.qkv(x).view(-1, n * n, 3, self.heads, self.head_dim).permute(2, 0, 3, 1, 4)
        a = (q * self.head_dim**-0.5) @ k.transpose(-1, -2)
        a = a + self.bias[:, self.index].to(a.dtype)
        mask = self._mask(h, w, ph, pw, x.device)
        if mask is not None:
            a = a.view(b, nh, nw, self.heads, n * n, n * n)
            # Only the last two rows and columns of windows hold wrapped or padded tokens.
            a[:, -2:] = a[:, -2:].masked_fill(mask[-2:][None, :, :, None], -1e4)
            a[:, :-2, -2:] = a[:, :-2, -2:].masked_fill(mask[:-2, -2:][None, :, :, None], -1e4)
            a = a.view(-1, self.heads, n * n, n * n)
        x = (a.softmax(-1) @ v).transpose(1, 2).reshape(-1, n * n, d)
        x = self.proj(x).view(b, nh, nw, n, n, d).transpose(2, 3).reshape(b, ph, pw, d)
        if s:
            x = torch.roll(x, (s, s), (1, 2))
        return x[:, :h, :w]


class Block(nn.Module):
    """Depthwise convolution, window attention, MLP; residual, channels last."""

    def __init__(
        self,
        dim: int,
        *,
        head_dim: int,
        window: int,
        mlp_ratio: int,
        dw_kernel: int,
        knots: int,
        shifted: bool,
    ) -> None:
        super().__init__()
        self.dw = nn.Conv2d(dim, dim, dw_kernel, padding=dw_kernel // 2, groups=dim)
        nn.init.zeros_(self.dw.weight)
        nn.init.zeros_(self.dw.bias)  # type: ignore[arg-type]
        self.norm1 = QualityNorm(dim, knots)
        self.attn = WindowAttention(dim, head_dim, window, shifted=shifted)
        self.norm2 = QualityNorm(dim, knots)
        self.fc1 = nn.Linear(dim, mlp_ratio * dim)
        self.fc2 = nn.Linear(mlp_ratio * dim, dim)
        nn.init.zeros_(self.fc2.weight)
        nn.init.zeros_(self.fc2.bias)

    def forward(self, x: Tensor, hat: Tensor) -> Tensor:
        """`x (B, H, W, D)`, `hat (B, knots)` -> `(B, H, W, D)`."""
        x = x + self.dw(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        x = x + self.attn(self.norm1(x, hat))
        y: Tensor = x + self.fc2(F.hardswish(self.fc1(self.norm2(x, hat))))
        return y
