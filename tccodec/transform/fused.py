"""What training computes most often in the blocks, as one GPU kernel each (Triton).

In torch a norm with its scale and shift writes four maps in fp32 on its way, and a gate three. The
kernels here read and write each map once, in its own type.

`fusing.py` says where they run. Triton is imported with this module, so import it only there.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 1024  # elements of one program
ROWS = 32  # of a map, whose gradients one program adds up
EPS = 1e-5  # as in torch's layer norm

_EPS = tl.constexpr(EPS)


@triton.jit
def _gate_forward(t_at, y_at, size, width, BLOCK: tl.constexpr):  # noqa: N803
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    at = (i // width) * 2 * width + i % width
    value = tl.load(t_at + at, mask=i < size, other=0.0).to(tl.float32)
    s = tl.load(t_at + at + width, mask=i < size, other=0.0).to(tl.float32)
    y = value * s * tl.minimum(tl.maximum(s + 3.0, 0.0), 6.0) * (1.0 / 6.0)
    tl.store(y_at + i, y.to(y_at.dtype.element_ty), mask=i < size)


@triton.jit
def _gate_backward(t_at, by_y_at, by_t_at, size, width, BLOCK: tl.constexpr):  # noqa: N803
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    at = (i // width) * 2 * width + i % width
    value = tl.load(t_at + at, mask=i < size, other=0.0).to(tl.float32)
    s = tl.load(t_at + at + width, mask=i < size, other=0.0).to(tl.float32)
    by_y = tl.load(by_y_at + i, mask=i < size, other=0.0).to(tl.float32)
    switch = s * tl.minimum(tl.maximum(s + 3.0, 0.0), 6.0) * (1.0 / 6.0)
    slope = tl.where(s > 3.0, 1.0, tl.where(s < -3.0, 0.0, s * (1.0 / 3.0) + 0.5))
    kind = by_t_at.dtype.element_ty
    tl.store(by_t_at + at, (by_y * switch).to(kind), mask=i < size)
    tl.store(by_t_at + at + width, (by_y * value * slope).to(kind), mask=i < size)


@triton.jit
def _norm_forward(x_at, table_at, y_at, per_crop, dim, BLOCK: tl.constexpr):  # noqa: N803
    row = tl.program_id(0).to(tl.int64)
    i = tl.arange(0, BLOCK)
    inside = i < dim
    x = tl.load(x_at + row * dim + i, mask=inside, other=0.0).to(tl.float32)
    table = table_at + (row // per_crop) * 2 * dim
    scale = tl.load(table + i, mask=inside, other=0.0).to(tl.float32)
    shift = tl.load(table + dim + i, mask=inside, other=0.0).to(tl.float32)
    centred = tl.where(inside, x - tl.sum(x, 0) / dim, 0.0)
    inverse = 1.0 / tl.sqrt(tl.sum(centred * centred, 0) / dim + _EPS)
    y = centred * inverse * (1.0 + scale) + shift
    tl.store(y_at + row * dim + i, y.to(y_at.dtype.element_ty), mask=inside)


@triton.jit
def _norm_backward(
    x_at, table_at, by_y_at, by_x_at, by_table_at, per_crop, dim,
    ROWS: tl.constexpr, BLOCK: tl.constexpr,  # noqa: N803
):  # fmt: skip
    part, crop = tl.program_id(0), tl.program_id(1)
    i = tl.arange(0, BLOCK)
    inside = i < dim
    scale = tl.load(table_at + crop * 2 * dim + i, mask=inside, other=0.0).to(tl.float32)
    by_scale = tl.zeros((BLOCK,), tl.float32)
    by_shift = tl.zeros((BLOCK,), tl.float32)
    for k in range(ROWS):
        own = part * ROWS + k
        counted = inside & (own < per_crop)
        row = (crop.to(tl.int64) * per_crop + own) * dim
        x = tl.load(x_at + row + i, mask=counted, other=0.0).to(tl.float32)
        by_y = tl.load(by_y_at + row + i, mask=counted, other=0.0).to(tl.float32)
        centred = tl.where(inside, x - tl.sum(x, 0) / dim, 0.0)
        inverse = 1.0 / tl.sqrt(tl.sum(centred * centred, 0) / dim + _EPS)
        normed = centred * inverse
        by_scale += by_y * normed
        by_shift += by_y
        g = by_y * (1.0 + scale)
        mean, along = tl.sum(g, 0) / dim, tl.sum(g * normed, 0) / dim
        by_x = inverse * (g - mean - normed * along)
        tl.store(by_x_at + row + i, by_x.to(by_x_at.dtype.element_ty), mask=counted)
    out = by_table_at + (crop * tl.num_programs(0) + part) * 2 * dim
    tl.store(out + i, by_scale, mask=inside)
    tl.store(out + dim + i, by_shift, mask=inside)


class _Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, t: Tensor) -> Tensor:
        t = t.contiguous()
        ctx.save_for_backward(t)
        width = t.shape[-1] // 2
        y = t.new_empty(*t.shape[:-1], width)
        _gate_forward[(-(-y.numel() // BLOCK),)](t, y, y.numel(), width, BLOCK=BLOCK)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (t,) = ctx.saved_tensors
        by_y, by_t = grads[0].contiguous(), torch.empty_like(t)
        size, width = by_y.numel(), t.shape[-1] // 2
        _gate_backward[(-(-size // BLOCK),)](t, by_y, by_t, size, width, BLOCK=BLOCK)
        return by_t


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, table: Tensor) -> Tensor:
        x, table = x.contiguous(), table.contiguous()
        ctx.save_for_backward(x, table)
        dim, y = x.shape[-1], torch.empty_like(x)
        rows, block = x.numel() // dim, 1 << (dim - 1).bit_length()
        _norm_forward[(rows,)](x, table, y, rows // len(table), dim, BLOCK=block)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        x, table = ctx.saved_tensors
        by_y, by_x = grads[0].contiguous(), torch.empty_like(x)
        dim, crops = x.shape[-1], len(table)
        per_crop, block = x.numel() // dim // crops, 1 << (dim - 1).bit_length()
        parts = -(-per_crop // ROWS)
        by_table = torch.empty(crops, parts, 2 * dim, device=x.device)
        _norm_backward[(parts, crops)](
            x, table, by_y, by_x, by_table, per_crop, dim, ROWS=ROWS, BLOCK=block
        )
        return by_x, by_table.sum(1).to(table.dtype)


def gate(t: Tensor) -> Tensor:
    """`blocks.gate`."""
    y: Tensor = _Gate.apply(t)
    return y


def norm(x: Tensor, table: Tensor) -> Tensor:
    """Layer norm of `x (B, ..., D)`, times 1 + scale, plus shift; `table (B, 2 D)` has both."""
    y: Tensor = _Norm.apply(x, table)
    return y
