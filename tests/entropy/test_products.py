"""The exact integer products that the entropy model's networks are made of."""

from __future__ import annotations

import itertools
import time

import pytest
import torch

from tccodec.entropy.products import (
    Product,
    _fastest,
    choose_matmul,
    double_matmul,
    float_matmul,
    int_matmul,
)

PRODUCTS = (int_matmul, float_matmul, double_matmul)


@pytest.mark.parametrize("inputs", [1, 192, 1024, 1025, 3968])
@pytest.mark.parametrize("product", PRODUCTS)
def test_all_integer_products_are_exact(product: Product, inputs: int) -> None:
    torch.manual_seed(0)
    a = torch.randint(-128, 128, (33, inputs), dtype=torch.int8)
    b = torch.randint(-128, 128, (64, inputs), dtype=torch.int8)
    a[0], b[0], b[1] = -128, -128, 127  # the largest and the least sum there can be
    want = (a.long() @ b.long().t()).int()
    assert torch.equal(product(a, b), want)
    assert choose_matmul() in PRODUCTS


@pytest.mark.parametrize("product", PRODUCTS)
def test_products_do_not_depend_on_how_the_factors_lie_in_memory(product: Product) -> None:
    for m, k, n in itertools.product((1, 2, 17), (1, 2, 65), (1, 3, 64)):
        for a, b in itertools.product(_layouts(m, k), _layouts(n, k)):
            assert torch.equal(product(a, b), (a.long() @ b.long().t()).int())


def _layouts(rows: int, columns: int) -> list[torch.Tensor]:
    """Matrices of one size: dense, by columns, part of a larger one, and with strides of 0."""
    i = torch.arange((rows + 3) * (columns + 5))
    large = (i * 31 % 255 - 127).to(torch.int8).view(rows + 3, columns + 5)
    part = large[1 : 1 + rows, 2 : 2 + columns]
    dense = part.contiguous()
    by_columns = part.t().contiguous().t()
    expanded = dense[:1].as_strided((rows, columns), (0, 1))
    return [dense, by_columns, part, expanded, dense[:, :1].expand(rows, columns)]


def test_what_delays_a_product_once_does_not_decide_about_it() -> None:
    calls = 0

    def good(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls < 3:  # its kernel is prepared, then another program has the core
            time.sleep(0.1)
        return a

    def slow(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        time.sleep(0.005)
        return a

    assert _fastest([slow, good]) is good
