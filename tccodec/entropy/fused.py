"""What training computes most often in the entropy model, as one GPU kernel each (Triton).

In torch the rate of one pass is sixty kernels forward and as many backward, and each of them reads
and writes all latents. The kernels here give the same values and gradients with one kernel each.
Gradients pass roundings unchanged. `transform/fusing.py` says where they run.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"
from __future__ import annotations

import math
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from tccodec.entropy.tables import FIRST_CODED, SCALE_LOG_RATIO, SCALE_MIN, SCALES

BLOCK = 1024  # elements of one program
LN2 = math.log(2.0)

_LOG_RATIO = tl.constexpr(SCALE_LOG_RATIO)
_LOG_MIN = tl.constexpr(math.log(SCALE_MIN))
_LAST = tl.constexpr(SCALES - 1)
_FIRST_CODED = tl.constexpr(FIRST_CODED)
_INV_LN2 = tl.constexpr(1.0 / LN2)


@triton.jit
def _grid16(x):
    return tl.floor(x * 16.0 + 0.5) * 0.0625


@triton.jit
def _bits(r, inverse, total, constant, most):
    x = tl.abs(r) * inverse
    u = tl.exp(-x)
    return tl.minimum((x + tl.log(1.0 + u * (u + total)) + constant) * _INV_LN2, most)


@triton.jit
def _terms(index):
    table = tl.floor(tl.minimum(tl.maximum(index, 0.0), _LAST) + 0.5)
    inverse = tl.exp(-(table * _LOG_RATIO + _LOG_MIN))
    e = tl.exp(-0.5 * inverse)
    return table, inverse, 1.0 / e + e, -0.5 * inverse - tl.log(1.0 - e * e)


@triton.jit
def _rate_forward(
    v_at, raw_at, base_at, weight_at, noise_at, decoded_at, noisy_at, bits_at,
    per_crop, channels, most, weighted: tl.constexpr, BLOCK: tl.constexpr,  # noqa: N803
):  # fmt: skip
    crop = tl.program_id(1)
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < per_crop
    c = i % channels
    raw = crop.to(tl.int64) * per_crop * 2 + (i // channels) * 2 * channels + c
    e = crop.to(tl.int64) * per_crop + i
    mean = _grid16(tl.load(raw_at + raw, mask=inside, other=0.0).to(tl.float32))
    offset = tl.load(raw_at + raw + channels, mask=inside, other=0.0).to(tl.float32)
    base = tl.load(base_at + crop * channels + c, mask=inside, other=0.0)
    table, inverse, total, constant = _terms(base + _grid16(offset * 8.0))
    r = tl.load(v_at + e, mask=inside, other=0.0) - mean
    magnitude = tl.abs(r)
    high = tl.where(table < _FIRST_CODED, 0.0, tl.floor(magnitude + 0.5))
    if weighted:
        weight = tl.load(weight_at + crop * channels + c, mask=inside, other=0.0)
        low = tl.maximum(high - 1.0, 0.0)
        saved = _bits(high, inverse, total, constant, most)
        saved -= _bits(low, inverse, total, constant, most)
        nearer, farther = magnitude - high, magnitude - low
        gain = weight * (farther * farther - nearer * nearer)
        high = tl.where(saved > gain, low, high)
    tl.store(decoded_at + e, mean + tl.where(r < 0.0, -high, high), mask=inside)
    noisy = r + tl.load(noise_at + e, mask=inside, other=0.0) - 0.5
    tl.store(noisy_at + e, noisy, mask=inside)
    bits = _bits(noisy, inverse, total, constant, most)
    bits = tl.sum(tl.where(inside, bits, 0.0))
    tl.store(bits_at + crop * tl.num_programs(0) + tl.program_id(0), bits)


@triton.jit
def _rate_backward(
    noisy_at, raw_at, base_at, by_decoded_at, by_bits_at, by_v_at, by_raw_at,
    per_crop, channels, most, BLOCK: tl.constexpr,  # noqa: N803
):  # fmt: skip
    crop = tl.program_id(1)
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = i < per_crop
    c = i % channels
    raw = crop.to(tl.int64) * per_crop * 2 + (i // channels) * 2 * channels + c
    e = crop.to(tl.int64) * per_crop + i
    offset = tl.load(raw_at + raw + channels, mask=inside, other=0.0).to(tl.float32)
    base = tl.load(base_at + crop * channels + c, mask=inside, other=0.0)
    index = base + _grid16(offset * 8.0)
    _, inverse, total, constant = _terms(index)
    noisy = tl.load(noisy_at + e, mask=inside, other=0.0)
    counted = _bits(noisy, inverse, total, constant, most) < most
    by_bits = tl.where(counted, tl.load(by_bits_at + crop) * _INV_LN2, 0.0)
    # With x, u, a as in `rate.logistic_bits`, and t = exp(a) + exp(-a), d = exp(a) - exp(-a):
    # d bits / dx = (1 - u^2) / (1 + u^2 + u t)
    # d bits / da = u d / (1 + u^2 + u t) - t / d
    x = tl.abs(noisy) * inverse
    u = tl.exp(-x)
    below = 1.0 / (1.0 + u * (u + total))
    by_x = (1.0 - u * u) * below
    e_a = tl.exp(-0.5 * inverse)
    d = 1.0 / e_a - e_a
    by_a = u * d * below - total / d
    by_r = by_x * inverse * by_bits
    by_r = tl.where(noisy < 0.0, -by_r, by_r)
    # da / d index = -ln(ratio) a, and dx / d index = -ln(ratio) x
    by_index = -_LOG_RATIO * (by_x * x + by_a * 0.5 * inverse) * by_bits
    by_index = tl.where((index >= 0.0) & (index <= _LAST), by_index, 0.0)
    by_v = tl.load(by_decoded_at + e, mask=inside, other=0.0) + by_r
    tl.store(by_v_at + e, by_v, mask=inside)
    kind = by_raw_at.dtype.element_ty
    tl.store(by_raw_at + raw, (-by_r).to(kind), mask=inside)
    tl.store(by_raw_at + raw + channels, (by_index * 8.0).to(kind), mask=inside)


@triton.jit
def _activation_forward(x_at, y_at, size, BLOCK: tl.constexpr):  # noqa: N803
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_at + i, mask=i < size, other=0.0).to(tl.float32)
    y = _grid16(tl.minimum(tl.maximum(x, 0.0), 127.0 / 16.0))
    tl.store(y_at + i, y.to(y_at.dtype.element_ty), mask=i < size)


@triton.jit
def _activation_backward(x_at, by_y_at, by_x_at, size, BLOCK: tl.constexpr):  # noqa: N803
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_at + i, mask=i < size, other=0.0).to(tl.float32)
    by_y = tl.load(by_y_at + i, mask=i < size, other=0.0)
    by_x = tl.where((x >= 0.0) & (x <= 127.0 / 16.0), by_y, 0.0)
    tl.store(by_x_at + i, by_x, mask=i < size)


@triton.jit
def _feature_forward(v_at, y_at, size, BLOCK: tl.constexpr):  # noqa: N803
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    a = 2.0 * tl.abs(tl.load(v_at + i, mask=i < size, other=0.0))
    y = 0.75 * tl.log(a + tl.sqrt(a * a + 1.0))
    tl.store(y_at + i, _grid16(tl.minimum(y, 127.0 / 16.0)), mask=i < size)


@triton.jit
def _feature_backward(v_at, by_y_at, by_v_at, size, BLOCK: tl.constexpr):  # noqa: N803
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    v = tl.load(v_at + i, mask=i < size, other=0.0)
    by_y = tl.load(by_y_at + i, mask=i < size, other=0.0)
    a = 2.0 * tl.abs(v)
    root = tl.sqrt(a * a + 1.0)
    counted = 0.75 * tl.log(a + root) <= 127.0 / 16.0
    slope = tl.where(counted, 1.5 / root, 0.0)
    slope = tl.where(v > 0.0, slope, tl.where(v < 0.0, -slope, 0.0))
    tl.store(by_v_at + i, slope * by_y, mask=i < size)


@triton.jit
def _quantise_rows(w_at, q_at, columns, BLOCK: tl.constexpr):  # noqa: N803
    row = tl.program_id(0) * columns
    i = tl.arange(0, BLOCK)
    w = tl.load(w_at + row + i, mask=i < columns, other=0.0)
    top = tl.maximum(tl.max(tl.abs(w), 0), 1e-9)
    shift = tl.minimum(tl.maximum(tl.floor(tl.log2(127.0 / top)), 4.0), 18.0)
    scale = tl.exp2(shift)
    q = tl.minimum(tl.maximum(tl.floor(w * scale + 0.5), -127.0), 127.0) / scale
    tl.store(q_at + row + i, q.to(q_at.dtype.element_ty), mask=i < columns)


def _blocks(size: int) -> tuple[int]:
    return (-(-size // BLOCK),)


class _Rate(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        v: Tensor,
        raw: Tensor,
        base: Tensor,
        weight: Tensor | None,
        noise: Tensor,
        most: float,
    ) -> tuple[Tensor, Tensor]:
        v, raw, base = v.contiguous(), raw.contiguous(), base.contiguous()
        crops, channels = base.shape
        per_crop = v.numel() // crops
        grid = (*_blocks(per_crop), crops)
        decoded, noisy = torch.empty_like(v), torch.empty_like(v)
        bits = v.new_empty(crops, grid[0])
        given = base if weight is None else weight.contiguous()
        _rate_forward[grid](
            v, raw, base, given, noise, decoded, noisy, bits, per_crop, channels, most,
            weighted=weight is not None, BLOCK=BLOCK,
        )  # fmt: skip
        ctx.save_for_backward(noisy, raw, base)
        ctx.most = most
        return decoded, bits.sum(1)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        noisy, raw, base = ctx.saved_tensors
        crops, channels = base.shape
        per_crop = noisy.numel() // crops
        by_decoded, by_bits = (g.contiguous() for g in grads)
        by_v, by_raw = torch.empty_like(noisy), torch.empty_like(raw)
        _rate_backward[(*_blocks(per_crop), crops)](
            noisy, raw, base, by_decoded, by_bits, by_v, by_raw, per_crop, channels, ctx.most,
            BLOCK=BLOCK,
        )  # fmt: skip
        offsets = by_raw.view(crops, -1, 2 * channels)[..., channels:]
        by_base = offsets.sum(1, dtype=torch.float32) / 8
        return by_v, by_raw, by_base, None, None, None


class _Elementwise(torch.autograd.Function):
    """A function of single elements, by its kernels forward and backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, forward: Any, backward: Any) -> Tensor:
        x = x.contiguous()
        ctx.save_for_backward(x)
        ctx.kernel = backward
        y = torch.empty_like(x)
        forward[_blocks(x.numel())](x, y, x.numel(), BLOCK=BLOCK)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (x,) = ctx.saved_tensors
        by_y, by_x = grads[0].contiguous(), torch.empty_like(x)
        ctx.kernel[_blocks(x.numel())](x, by_y, by_x, x.numel(), BLOCK=BLOCK)
        return by_x, None, None


class _Quantised(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, w: Tensor, kind: torch.dtype) -> Tensor:
        q = torch.empty_like(w, dtype=kind)
        block = 1 << (w.shape[1] - 1).bit_length()
        _quantise_rows[(w.shape[0],)](w.contiguous(), q, w.shape[1], BLOCK=block)
        return q

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return grads[0].float(), None


def rate(
    v: Tensor,
    raw: Tensor,
    base: Tensor,
    *,
    weight: Tensor | None,
    noise: Tensor,
    max_bits: float,
) -> tuple[Tensor, Tensor]:
    """Latents of one pass and a network's output for them -> the latents as decoded, and bits.

    `v (B, ..., n)` in steps, fp32; `raw (B, ..., 2 n)`, means and index offsets before their
    rounding; `base (B, n)`, indices before any context; `weight (B, n)`, see
    `rate.rdo_quantised`; `noise` like `v`, uniform in 0..1; `max_bits`: of a symbol.
    The latents as decoded are like `v`, the bits of `v` with noise `(B,)`.
    """
    decoded, bits = _Rate.apply(v, raw, base, weight, noise, max_bits)
    return decoded, bits


def activation(x: Tensor) -> Tensor:
    """`layers.activation`."""
    y: Tensor = _Elementwise.apply(x, _activation_forward, _activation_backward)
    return y


def feature(v: Tensor) -> Tensor:
    """`groups.feature` of fp32 latents."""
    y: Tensor = _Elementwise.apply(v, _feature_forward, _feature_backward)
    return y


def quantised(w: Tensor) -> Tensor:
    """`IntLinear.quantised` of weights `(out, in)`; in bf16, which holds them, under autocast."""
    kind = torch.bfloat16 if torch.is_autocast_enabled(w.device.type) else w.dtype
    y: Tensor = _Quantised.apply(w, kind)
    return y
