"""Muon against torch's own, and the precision in which it iterates."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from tccodec.training import muon
from tccodec.training.muon import Muon, orthogonal

SHAPES = ((48, 32), (32, 48), (32, 32), (48, 32), (64, 33))


def gradients(number: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(number)
    return [torch.randn(shape, generator=generator) for shape in SHAPES]


def parameters() -> list[nn.Parameter]:
    return [nn.Parameter(0.1 * x) for x in gradients(0)]


def take_steps(optimiser: torch.optim.Optimizer, params: list[nn.Parameter], *numbers: int) -> None:
    for number in numbers:
        for p, grad in zip(params, gradients(number), strict=True):
            p.grad = grad
        optimiser.step()


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float32])
def test_it_does_what_torchs_does(precision: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(muon, "best_precision", lambda device: precision)
    mine, theirs, before = parameters(), parameters(), parameters()
    options = {"lr": 0.02, "weight_decay": 0.1}
    take_steps(Muon(mine, **options), mine, 1, 2, 3)
    take_steps(torch.optim.Muon(theirs, momentum=0.95, **options), theirs, 1, 2, 3)
    for a, b, start in zip(mine, theirs, before, strict=True):
        moved = (b - start).norm()
        assert (a - b).norm() < 0.02 * moved
        assert moved > 0.1


def test_a_state_of_torchs_goes_on() -> None:
    mine, theirs = parameters(), parameters()
    old = torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1, momentum=0.95)
    take_steps(old, theirs, 1, 2)
    take_steps(torch.optim.Muon(mine, lr=0.02, weight_decay=0.1, momentum=0.95), mine, 1, 2)
    new = Muon(mine, lr=0.5, weight_decay=0.0)
    new.load_state_dict(copy.deepcopy(old.state_dict()))
    take_steps(new, mine, 3)
    take_steps(old, theirs, 3)
    for a, b in zip(mine, theirs, strict=True):
        assert torch.allclose(a, b, atol=2e-3)


def test_singular_values_come_near_one() -> None:
    for shape in ((2, 40, 64), (2, 64, 40)):
        made = orthogonal(torch.randn(shape), torch.float32)
        values = torch.linalg.svdvals(made)
        assert made.shape == shape
        assert float(values.min()) > 0.5 and float(values.max()) < 1.3


def test_a_parameter_without_gradient_stays() -> None:
    params = parameters()
    before = params[0].detach().clone()
    optimiser = Muon(params, lr=0.1, weight_decay=0.1)
    params[1].grad = gradients(1)[1]
    optimiser.step()
    assert torch.equal(params[0], before)
    assert not torch.equal(params[1], parameters()[1])
