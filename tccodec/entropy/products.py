"""Exact products of int8 matrices, whatever this machine is best at."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tccodec.errors import TccodecError


def double_matmul(a: Tensor, b: Tensor) -> Tensor:
    """int8 `(M, K) @ (N, K).T` -> int32 in fp64: every sum is below 2**53, so exact.

    fp64 rather than fp32, twice as fast in pieces of 1024: autocast and
    `torch.set_float32_matmul_precision` can turn fp32 products into bf16 behind our back.
    """
    return (a.double() @ b.double().t()).int()


def int_matmul(a: Tensor, b: Tensor) -> Tensor:
    """The same product by torch's own kernel, where there is one for this machine."""
    return torch._int_mm(a, b.t())


def choose_matmul() -> Callable[[Tensor, Tensor], Tensor]:
    """The fastest exact integer product here, proven on known matrices; `TccodecError` if none."""
    i = torch.arange(40 * 2000, dtype=torch.int64)
    a = ((i * 7919) % 255 - 127).to(torch.int8).view(40, 2000)
    b = ((i * 104729 + 11) % 255 - 127).to(torch.int8).view(40, 2000)
    want = (a.long() @ b.long().t()).int()
    part = a[:, :1234]  # rows that do not follow each other
    some = (part.long() @ b[:, :1234].long().t()).int()
    for candidate in (int_matmul, double_matmul):
        try:
            good = all(
                torch.equal(candidate(a[:m], b[:n]), want[:m, :n])
                for m, n in ((1, 40), (40, 40), (17, 8))
            ) and torch.equal(candidate(part, b[:, :1234].contiguous()), some)
        except (RuntimeError, AttributeError, NotImplementedError):
            good = False
        if good:
            return candidate
    raise TccodecError("this machine's integer arithmetic failed its self-test")
