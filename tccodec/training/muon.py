"""Muon, an optimiser for the hidden matrices of a network.

Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024. It does what
`torch.optim.Muon` does, with the same state, but for two differences. Matrices of one shape are
made orthogonal together. And the iteration has the precision of the machine: torch's is always
bf16, which takes nine tenths of a training step on a CPU that has to emulate it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from tccodec.coding.devices import best_precision

# Coefficients of the quintic iteration: all singular values come to 0.7 .. 1.2 in few steps.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_STEPS = 5


def orthogonal(matrices: Tensor, precision: torch.dtype) -> Tensor:
    """Nearly orthogonal matrices `(n, rows, columns)`: singular values become about one.

    By the Newton-Schulz iteration, in `precision`; the result has it, too.
    """
    tall = matrices.shape[1] > matrices.shape[2]
    x = (matrices.mT if tall else matrices).to(precision)
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(_STEPS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=_B, alpha=_C), x, beta=_A)
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum whose updates are made orthogonal, for parameters that are matrices."""

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        *,
        lr: float,
        weight_decay: float,
        momentum: float = 0.95,
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take a step."""
        assert closure is None
        for group in self.param_groups:
            alike: dict[torch.Size, list[tuple[nn.Parameter, Tensor]]] = defaultdict(list)
            for p in group["params"]:
                if p.grad is not None:
                    alike[p.shape].append((p, self._update(p, group["momentum"])))
            for pairs in alike.values():
                self._descend(pairs, group)

    def _update(self, p: nn.Parameter, momentum: float) -> Tensor:
        """Nesterov's momentum of a parameter."""
        assert p.grad is not None
        state = self.state[p]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(p.grad)
        buffer = state["momentum_buffer"].lerp_(p.grad, 1 - momentum)
        return p.grad.lerp(buffer, momentum)

    def _descend(self, pairs: list[tuple[nn.Parameter, Tensor]], group: dict[str, Any]) -> None:
        """Change the parameters of one shape by their updates."""
        stack = torch.stack([update for _, update in pairs])
        _, rows, columns = stack.shape
        rate = group["lr"] * math.sqrt(max(1, rows / columns))
        updates = orthogonal(stack, best_precision(stack.device))
        for (p, _), update in zip(pairs, updates, strict=True):
            p.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-rate)
