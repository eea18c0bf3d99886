"""The blocks that both transforms are made of: depthwise convolution, windowed attention, MLP.

The attention is Swin's (Liu et al. 2021), in shifted windows with a relative position bias. A
depthwise 3x3 convolution before it (as in CvT and ConvNeXt) gives locality and carries information
over window borders. Deliberate deviations:

- The outputs of all branches start at zero, so a fresh network is its shortcut.
- Scale and shift of both norms depend on the setting (adaLN, Peebles & Xie 2023). They come from a
  table by linear interpolation between its knots.
- Hard-swish, which costs a tenth of GELU on a CPU.
"""

from __future__ import annotations

import functools

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from tccodec.config import ModelConfig
from tccodec.transform.fusing import usable
from tccodec.transform.rows import Rows, map_rows, overlapped, regrouped

# One side of a map that is cut into windows, in tokens: its length, its length with padding, the
# shift, the padding before it. (The compiler takes no NamedTuple as a constant.)
Side = tuple[int, int, int, int]


class AdaptiveNorm(nn.Module):
    """Layer norm whose scale and shift are interpolated between the knots of the setting."""

    def __init__(self, dim: int, knots: int) -> None:
        super().__init__()
        self.dim = dim
        self.table = nn.Parameter(torch.zeros(knots, 2 * dim))

    def forward(self, x: Tensor, knot_weights: Tensor) -> Tensor:
        """`x (B, ..., D)`, `knot_weights (B, knots)` interpolation weights -> `(B, ..., D)`."""
        table = (knot_weights @ self.table).to(x.dtype)
        if usable(x):
            from tccodec.transform import fused

            return fused.norm(x, table)
        if len(knot_weights) == 1:
            scale, shift = table[0].chunk(2)
            return F.layer_norm(x, (self.dim,), 1 + scale, shift)
        scale, shift = table.view(len(x), *[1] * (x.dim() - 2), -1).chunk(2, -1)
        y: Tensor = torch.addcmul(shift, F.layer_norm(x, (self.dim,)), 1 + scale)
        return y


class Windows:
    """How a map is cut into `size x size` windows, and which tokens of a window may attend.

    Shifted windows begin `size // 2` tokens later, and the tokens before them are rolled to the
    end, so that every token is in one window. above: None if the rows are the whole map. Otherwise
    they are a part of it that begins `above` rows inside a window, and rows are not rolled.
    """

    def __init__(self, x: Tensor, *, size: int, shift: int, above: int | None) -> None:
        _, self.h, self.w, _ = x.shape
        self.size = size
        self.above = above or 0
        self.roll = (shift if above is None else 0, shift)
        self.ph = -(-(self.h + self.above) // size) * size
        self.pw = -(-self.w // size) * size

    def cut(self, x: Tensor) -> Tensor:
        """`(B, H, W, D)` -> `(B, windows, size * size, D)`."""
        b, d, n = x.shape[0], x.shape[-1], self.size
        if (self.ph, self.pw) != (self.h, self.w):
            below = self.ph - self.h - self.above
            x = F.pad(x, (0, 0, 0, self.pw - self.w, self.above, below))
        if any(self.roll):
            x = torch.roll(x, [-s for s in self.roll], (1, 2))
        x = x.view(b, self.ph // n, n, self.pw // n, n, d).transpose(2, 3)
        return x.reshape(b, -1, n * n, d)

    def join(self, x: Tensor) -> Tensor:
        """Inverse of `cut`."""
        b, d, n = x.shape[0], x.shape[-1], self.size
        x = x.view(b, self.ph // n, self.pw // n, n, n, d).transpose(2, 3)
        x = x.reshape(b, self.ph, self.pw, d)
        if any(self.roll):
            x = torch.roll(x, self.roll, (1, 2))
        return x[:, self.above : self.above + self.h, : self.w]

    def masks(self, device: torch.device) -> tuple[Tensor, Tensor] | None:
        """`(windows (k,), masks (k, N, N))` of the windows that need a mask; None if none does.

        A mask is True where a query may not attend to a key.
        """
        rows = (self.h, self.ph, self.roll[0], self.above)
        columns = (self.w, self.pw, self.roll[1], 0)
        result: tuple[Tensor, Tensor] | None = _constant_masks(rows, columns, self.size, device)
        return result


def _constant_masks(
    rows: Side, columns: Side, size: int, device: torch.device
) -> tuple[Tensor, Tensor] | None:
    """`_masks`, as a function of its own for `prepare_to_compile`."""
    return _masks(rows, columns, size, device)


def prepare_to_compile() -> None:
    """Tell torch's compiler that masks are constants: it cannot trace through their cache.

    Not done when this module is imported, because it imports the compiler, which takes a second.
    """
    torch.compiler.assume_constant_result(_constant_masks)  # type: ignore[no-untyped-call]


@functools.lru_cache(maxsize=64)
def _masks(
    rows: Side, columns: Side, size: int, device: torch.device
) -> tuple[Tensor, Tensor] | None:
    """The masks. Tokens attend to tokens of their kind: unmoved, rolled to the end, or padding."""

    def kinds(side: Side) -> NDArray[np.int64]:
        length, padded, shift, before = side
        i = np.arange(padded) + shift
        rolled, i = i >= padded, i % padded - before
        return (rolled + 2 * ((i < 0) | (i >= length))).reshape(-1, size)

    kind = 4 * kinds(rows)[:, None, :, None] + kinds(columns)[None, :, None, :]
    kind = kind.reshape(-1, size * size)
    mixed = (kind != kind[:, :1]).any(1).nonzero()[0]
    if not len(mixed):
        return None
    kind = kind[mixed]
    differs = kind[:, :, None] != kind[:, None]
    with torch.inference_mode(False):  # training may use what decoding has cached
        return torch.from_numpy(mixed).to(device), torch.from_numpy(differs).to(device)


class WindowAttention(nn.Module):
    """Multi-head attention inside `window x window` tiles, optionally shifted by half."""

    def __init__(self, dim: int, *, head_dim: int, window: int, shifted: bool) -> None:
        super().__init__()
        self.heads, self.head_dim, self.window = dim // head_dim, head_dim, window
        self.shift = window // 2 if shifted else 0
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        nn.init.zeros_(self.proj.weight)
        nn.init.zeros_(self.proj.bias)
        self.bias = nn.Parameter(torch.zeros(self.heads, (2 * window - 1) ** 2))
        i = torch.arange(window * window, device="cpu")  # as in `lapped.prefilter_matrix`
        yx = torch.stack([i // window, i % window], 1)
        rel = yx[:, None] - yx[None] + window - 1
        self.register_buffer("index", rel[..., 0] * (2 * window - 1) + rel[..., 1], False)
        self.index: Tensor

    def forward(self, x: Tensor, windows: Windows) -> Tensor:
        """`(B, windows, N, D)` -> the same shape."""
        b, count, n, d = x.shape
        qkv = self.qkv(x).view(-1, n, 3, self.heads, self.head_dim)
        # One copy makes all three contiguous batches of matrices.
        q, k, v = qkv.permute(2, 0, 3, 1, 4).contiguous()
        a = (q * self.head_dim**-0.5) @ k.transpose(-1, -2)
        a = a + self.bias[:, self.index].to(a.dtype)
        masks = windows.masks(x.device)
        if masks is not None:
            mixed, mask = masks
            a = a.view(b, count, self.heads, n, n)
            a[:, mixed] = a[:, mixed].masked_fill(mask[None, :, None], -1e4)
            a = a.view(-1, self.heads, n, n)
        x = (a.softmax(-1) @ v).transpose(1, 2).reshape(b, count, n, d)
        y: Tensor = self.proj(x)
        return y


class Blend(nn.Module):
    """Depthwise convolution over tokens `(B, H, W, D)`, residual; zero before training."""

    def __init__(self, dim: int, kernel: int) -> None:
        super().__init__()
        self.dw = depthwise(dim, kernel)

    def local(self, x: Tensor) -> Tensor:
        """`(B, r + 2 * reach, W, D)` -> `(B, r, W, D)`, without padding of rows."""
        return local(x, self.dw)

    def forward(self, x: Tensor) -> Tensor:
        """The same shape; outside the map tokens are zero."""
        r = self.dw.kernel_size[0] // 2
        return local(F.pad(x, (0, 0, 0, 0, r, r)), self.dw)

    def stream(self, rows: Rows) -> Rows:
        """`forward` of rows that arrive in pieces."""
        return overlapped(rows, self.dw.kernel_size[0] // 2, self.local)


def depthwise(dim: int, kernel: int) -> nn.Conv2d:
    """A convolution that is zero before training. It pads columns only (see `local`)."""
    dw = nn.Conv2d(dim, dim, kernel, padding=(0, kernel // 2), groups=dim)
    nn.init.zeros_(dw.weight)
    nn.init.zeros_(dw.bias)  # type: ignore[arg-type]
    return dw


def local(x: Tensor, dw: nn.Conv2d) -> Tensor:
    """Tokens `(B, r + 2 * reach, W, D)` plus their depthwise convolution, `(B, r, W, D)`."""
    r = dw.kernel_size[0] // 2
    y: Tensor = dw(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    return x[:, r : x.shape[1] - r] + y


def gate(t: Tensor) -> Tensor:
    """`(..., 2 M)` -> `(..., M)`: the first half times the hard-swish of the second."""
    if usable(t):
        from tccodec.transform import fused

        return fused.gate(t)
    value, switch = t.chunk(2, -1)
    return value * F.hardswish(switch)


class Block(nn.Module):
    """Depthwise convolution, attention if the block `attends`, MLP. Residual, channels last.

    A gated MLP multiplies one half of its hidden layer by the hard-swish of the other (Shazeer,
    "GLU variants improve transformer", 2020).
    """

    def __init__(
        self,
        dim: int,
        *,
        head_dim: int,
        window: int,
        mlp_ratio: int,
        gated: bool,
        dw_kernel: int,
        knots: int,
        attends: bool,
        shifted: bool,
    ) -> None:
        super().__init__()
        self.dw = depthwise(dim, dw_kernel)
        self.norm1 = AdaptiveNorm(dim, knots) if attends else None
        self.attn = (
            WindowAttention(dim, head_dim=head_dim, window=window, shifted=shifted)
            if attends
            else None
        )
        self.norm2 = AdaptiveNorm(dim, knots)
        hidden = mlp_ratio * dim
        self.gated = gated
        self.fc1 = nn.Linear(dim, 2 * hidden if gated else hidden)
        self.fc2 = nn.Linear(hidden, dim)
        nn.init.zeros_(self.fc2.weight)
        nn.init.zeros_(self.fc2.bias)

    def local(self, x: Tensor) -> Tensor:
        """The convolution on `(B, r + 2 * reach, W, D)`, without padding of rows."""
        return local(x, self.dw)

    def mlp(self, x: Tensor, knot_weights: Tensor) -> Tensor:
        """The MLP on each token of `(B, ..., D)`."""
        t = self.fc1(self.norm2(x, knot_weights))
        y: Tensor = x + self.fc2(gate(t) if self.gated else F.hardswish(t))
        return y

    def mix(self, x: Tensor, knot_weights: Tensor, *, above: int | None = None) -> Tensor:
        """Attention and MLP on whole windows of `(B, H, W, D)`; for `above` see `Windows`."""
        if self.attn is None or self.norm1 is None:
            return self.mlp(x, knot_weights)
        windows = Windows(x, size=self.attn.window, shift=self.attn.shift, above=above)
        x = windows.cut(x)  # the MLP works on single tokens, so their order does not matter
        x = x + self.attn(self.norm1(x, knot_weights), windows)
        return windows.join(self.mlp(x, knot_weights))

    def forward(self, x: Tensor, knot_weights: Tensor) -> Tensor:
        """`x (B, H, W, D)`, `knot_weights (B, knots)` -> `(B, H, W, D)`."""
        r = self.dw.kernel_size[0] // 2
        return self.mix(self.local(F.pad(x, (0, 0, 0, 0, r, r))), knot_weights)

    def stream(self, rows: Rows, knot_weights: Tensor) -> Rows:
        """`forward` for a map that arrives in pieces."""
        rows = overlapped(rows, self.dw.kernel_size[0] // 2, self.local)
        if self.attn is None:
            yield from map_rows(rows, lambda x: self.mlp(x, knot_weights))
            return
        n, s = self.attn.window, self.attn.shift
        above = (n - s) % n
        for x, last in regrouped(rows, n, first=s):
            yield self.mix(x, knot_weights, above=above), last
            above = 0


class Blocks(nn.ModuleList):
    """`count` blocks in a row. `ModelConfig.attending` says which of them attend."""

    def __init__(self, cfg: ModelConfig, *, dim: int, count: int, every: int) -> None:
        attending = cfg.attending(count, every)
        super().__init__(
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

    def forward(self, x: Tensor, knot_weights: Tensor) -> Tensor:
        """`x (B, H, W, D)`, `knot_weights (B, knots)` -> `(B, H, W, D)`."""
        for block in self:
            x = block(x, knot_weights)
        return x

    def stream(self, rows: Rows, knot_weights: Tensor) -> Rows:
        """`forward` for a map that arrives in pieces."""
        for block in self:
            assert isinstance(block, Block)
            rows = block.stream(rows, knot_weights)
        return rows
