"""Exact products of int8 matrices, whatever this machine is best at."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable

import torch
from torch import Tensor

from tccodec.errors import TccodecError

# int8 `(M, K)` and `(N, K)` -> int32 `(M, N)`: the first times the second, transposed.
Product = Callable[[Tensor, Tensor], Tensor]

EXACT_INPUTS = 1024  # products of int8 whose sum is at most 2**24, which fp32 holds exactly
_ROUNDS = 6  # the first prepares kernels, and other programs may hold the cores in some
_HOPELESS = 4  # products that take so many times as long as the best are soon left out


def int_matmul(a: Tensor, b: Tensor) -> Tensor:
    """The product by torch's own kernel: fastest with int8 instructions, very slow without."""
    # torch hands on the strides as they are, and where oneDNN refuses them, the result stays
    # unwritten (https://github.com/pytorch/pytorch/issues/195066).
    columns = _rows_apart(b).t() if b.shape[1] > 1 else _rows_apart(b.t())
    return torch._int_mm(_rows_apart(a), columns)


def _rows_apart(x: Tensor) -> Tensor:
    """`x` itself where its strides say that rows are dense and do not overlap, else a copy.

    The stride of a dimension of size 1 may be any number, and that of an expanded one is 0.
    """
    ordinary = x.stride(1) == 1 and x.stride(0) >= x.shape[1]
    return x if ordinary else x.clone(memory_format=torch.contiguous_format)


def float_matmul(a: Tensor, b: Tensor) -> Tensor:
    """The product in fp32, `EXACT_INPUTS` inputs at a time: all sums are whole and below 2**24.

    int8 fits in bf16 and TF32, too, so the product stays exact where
    `torch.set_float32_matmul_precision` lets fp32 factors be rounded. Autocast rounds results:
    under it, `double_matmul` takes over.
    """
    if torch.is_autocast_enabled("cpu"):
        return double_matmul(a, b)
    parts = zip(torch.split(a, EXACT_INPUTS, 1), torch.split(b, EXACT_INPUTS, 1), strict=True)
    sums = [(x.float() @ y.float().t()).int() for x, y in parts]
    for more in sums[1:]:
        sums[0] += more
    return sums[0]


def double_matmul(a: Tensor, b: Tensor) -> Tensor:
    """The product in fp64, which no setting of torch makes less exact: sums are below 2**53."""
    return (a.double() @ b.double().t()).int()


@functools.cache
def choose_matmul() -> Product:
    """The fastest exact integer product here, proven on known matrices; `TccodecError` if none."""
    every: list[Product] = [int_matmul, float_matmul, double_matmul]
    known = _known_products()
    right = [product for product in every if _is_exact(product, known)]
    if not right:
        raise TccodecError("this machine's integer arithmetic failed its self-test")
    return _fastest(right)


def _known_products() -> list[tuple[Tensor, Tensor, Tensor]]:
    """Factors, as a `Product` takes them, and what it must give."""
    i = torch.arange(40 * 2000, dtype=torch.int64)
    a = ((i * 7919) % 255 - 127).to(torch.int8).view(40, 2000)
    b = ((i * 104729 + 11) % 255 - 127).to(torch.int8).view(40, 2000)
    want = (a.long() @ b.long().t()).int()
    part = a[:, :1234]  # rows that do not follow each other
    some = (part.long() @ b[:, :1234].long().t()).int()
    known = [(a[:m], b[:n], want[:m, :n]) for m, n in ((1, 40), (40, 40), (17, 8))]
    return [*known, (part, b[:, :1234].contiguous(), some)]


def _is_exact(product: Product, known: list[tuple[Tensor, Tensor, Tensor]]) -> bool:
    try:
        return all(torch.equal(product(a, b), want) for a, b, want in known)
    except (RuntimeError, AttributeError, NotImplementedError):
        return False


def _fastest(products: list[Product]) -> Product:
    """The product that takes least time for matrices as they occur."""
    a, b = torch.ones(64, 512, dtype=torch.int8), torch.ones(256, 512, dtype=torch.int8)
    best = dict.fromkeys(products, math.inf)
    for done in range(_ROUNDS):
        limit = _HOPELESS * min(best.values()) if done > 2 else math.inf
        for product in products:
            if best[product] <= limit:
                start = time.perf_counter()
                product(a, b)
                best[product] = min(best[product], time.perf_counter() - start)
    return min(best, key=lambda product: best[product])
