"""The sampler where the answer is known, and a transformer that learns a known distribution."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tccodec.generate.config import GeneratorConfig
from tccodec.generate.flow import FlowTransformer, flow_loss, guided, integrate

MEAN, DEVIATION = 3.0, 0.25


def gaussian(x: Tensor, t: Tensor) -> Tensor:
    """The velocity from standard normal noise to a Gaussian of `MEAN` and `DEVIATION`."""
    at = t.view(-1, *[1] * (x.dim() - 1))
    variance = (at * DEVIATION) ** 2 + (1 - at) ** 2
    slope = (at * DEVIATION**2 - (1 - at)) / variance
    return MEAN + slope * (x - at * MEAN)


def error(steps: int, method: str) -> float:
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
    wanted = MEAN + DEVIATION * x  # the exact flow keeps the order of the points
    return float((integrate(gaussian, x, steps=steps, method=method) - wanted).abs().max())


def test_noise_becomes_the_gaussian_that_it_should() -> None:
    assert error(50, "heun") < 0.01
    assert error(400, "euler") < 0.01


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("heun", 2)])
def test_methods_converge_at_their_order(method: str, order: int) -> None:
    ratio = error(100, method) / error(200, method)
    assert ratio == pytest.approx(2**order, rel=0.2)


def test_guidance_moves_away_from_what_no_class_says() -> None:
    torch.manual_seed(0)
    cfg = GeneratorConfig(dim=16, blocks=1, head_dim=8, classes=3)
    model = FlowTransformer(cfg, 4)
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.2)
    x, t, label = torch.randn(2, 4, 4, 4), torch.tensor([0.2, 0.7]), torch.tensor([0, 2])
    with torch.no_grad():
        wanted, none = (guided(model, n, guidance=1.0)(x, t) for n in (label, torch.full((2,), 3)))
        assert not torch.allclose(wanted, none)
        assert torch.equal(guided(model, label, guidance=3.0)(x, t), none + 3.0 * (wanted - none))
        assert torch.equal(guided(model, label, guidance=0.0)(x, t), none)


def test_a_transformer_learns_two_clusters_by_class() -> None:
    """Class 0 lies around -2, class 1 around 2, deviation 0.3; without a class it is both."""
    torch.manual_seed(0)
    cfg = GeneratorConfig(dim=32, blocks=2, head_dim=16, classes=2)
    model = FlowTransformer(cfg, 1)
    adam = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    for step in range(250):
        for group in adam.param_groups:
            group["lr"] = 3e-3 * (1 - step / 250)
        true = torch.randint(2, (64,))
        data = (4.0 * true - 2)[:, None, None, None] + 0.3 * torch.randn(64, 4, 4, 1)
        label = torch.where(torch.rand(64) < 0.2, 2, true)
        t = torch.rand(64)
        flow_loss(model, data, noise=torch.randn_like(data), t=t, label=label).mean().backward()
        adam.step()
        adam.zero_grad()
    noise = torch.randn(128, 4, 4, 1)
    with torch.no_grad():
        for number, mean in ((0, -2.0), (1, 2.0)):
            found = integrate(
                guided(model, torch.full((128,), number), guidance=1.0), noise, steps=20
            )
            assert float(found.mean()) == pytest.approx(mean, abs=0.15)
            assert float(found.std()) == pytest.approx(0.3, abs=0.12)
        either = integrate(guided(model, torch.full((128,), 2), guidance=1.0), noise, steps=20)
        sign = either.mean((1, 2, 3)).sign()
        assert 0.25 < float((sign > 0).float().mean()) < 0.75
        assert float((either.sign() == sign[:, None, None, None]).float().mean()) > 0.95
