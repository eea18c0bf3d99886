"""Layers of the integer entropy networks as training sees them.

Everything a decoder computes between the file and the latents is integer arithmetic
(docs/reference/format.md). Training runs the same arithmetic in floating point on the same grids,
with straight-through gradients, so nothing is lost when the integers are written out:

    activations  int8,  value = integer / 16         hidden layers clipped to 0..127
    weights      int8,  value = integer / 2**shift   one shift per output channel
    sums         int32, value = integer / 2**(shift + 4)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tccodec.entropy.limits import MAX_SHIFT, MIN_SHIFT
from tccodec.transform.fusing import usable

ACT_BITS = 4  # activations are sixteenths
ACT_MAX = 127


def ste_round(x: Tensor) -> Tensor:
    """Round to nearest; the gradient passes unchanged."""
    return x + (torch.round(x) - x).detach()


def on_grid(x: Tensor, steps: int = 2**ACT_BITS) -> Tensor:
    """The nearest multiple of 1 / steps, halves upwards as the integers round them; the gradient
    passes unchanged."""
    return x + (torch.floor(x * steps + 0.5) / steps - x).detach()


def activation(x: Tensor) -> Tensor:
    """Clipped ReLU on the grid of sixteenths: 0, 1/16, ... 127/16."""
    if usable(x):
        from tccodec.entropy import fused

        return fused.activation(x)
    return on_grid(x.clamp(0, ACT_MAX / 2**ACT_BITS))


def weight_shift(weight: Tensor) -> Tensor:
    """Power-of-two scale of each output row `(out, in)` -> `(out,)` integer-valued."""
    top = weight.abs().amax(1).clamp_min(1e-9)
    shift: Tensor = torch.floor(torch.log2(ACT_MAX / top)).clamp(MIN_SHIFT, MAX_SHIFT)
    return shift


class IntLinear(nn.Module):
    """Matrix product with int8 weights, trained straight through the rounding.

    The bias may depend on the setting: it has `knots` rows, which `knot_weights` interpolates.
    """

    def __init__(self, inputs: int, outputs: int, *, knots: int = 1, zero: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(knots, outputs))
        if zero:
            nn.init.zeros_(self.weight)
        elif not self.weight.is_meta:  # normal_ imports torch's compiler there
            nn.init.normal_(self.weight, std=(1.0 / inputs) ** 0.5)

    def quantised(self) -> Tensor:
        """The weights on their int8 grid, with straight-through gradient."""
        w = self.weight
        if usable(w):
            from tccodec.entropy import fused

            return fused.quantised(w)
        with torch.no_grad():
            scale = torch.exp2(weight_shift(w))[:, None]
            q = torch.round(w * scale).clamp(-ACT_MAX, ACT_MAX) / scale
        return w + (q - w).detach()

    def forward(self, x: Tensor, knot_weights: Tensor | None = None) -> Tensor:
        """`x (B, S, in)` on the grid, `knot_weights (B, knots)` -> sums `(B, S, out)`."""
        y = F.linear(x, self.quantised())
        b = self.bias if knot_weights is None else (knot_weights @ self.bias)[:, None]
        return y + b.to(y.dtype)
