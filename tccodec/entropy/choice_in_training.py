"""The choice of symbols in a model with a trellis, as an operator of torch for training."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from tccodec.entropy.choice import SymbolChoice, Weights
from tccodec.entropy.points import Points
from tccodec.entropy.tables import logistic_tables


@functools.cache
def _choice(trellis: int, near: int, far: int) -> SymbolChoice:
    """How symbols are chosen under the tables that training assumes."""
    spacing = near, far
    tables = logistic_tables(trellis, spacing)
    return SymbolChoice(tables, Points(trellis=trellis, spacing=spacing))


@torch.library.custom_op("tccodec::chosen_points", mutates_args=())
def chosen_points(
    r: Tensor, index: Tensor, weight: Tensor | None, trellis: int, near: int, far: int
) -> tuple[Tensor, Tensor]:
    """The points that an encoder chooses in a model with a trellis, and their bits.

    r: residuals in steps `(..., n)`. index: whole table indices. weight: as in `rdo_quantised`. The
    others are those of the model's `ModelConfig`. All residuals together are one pass. Returns the
    points in steps, and bits under the tables that training assumes, fp32 like r. On the CPU, with
    numpy: the symbols of a chain depend on each other.
    """
    choice = _choice(trellis, near, far)
    flat = r.detach().float().cpu().flatten().numpy()
    tables = index.detach().to("cpu", torch.uint8).flatten().numpy()
    weights: Weights | None = None
    if weight is not None:
        of_all = weight.detach().float().expand(r.shape).cpu().flatten().numpy()
        weights = of_all.__getitem__
    symbols, tables = choice.choose(flat, tables, weights)
    points = torch.from_numpy(choice.points.of(symbols, tables)).float() / 16
    bits = torch.from_numpy(choice.bits(symbols, tables))
    return points.view(r.shape).to(r.device), bits.view(r.shape).to(r.device)


@chosen_points.register_fake
def _(
    r: Tensor, index: Tensor, weight: Tensor | None, trellis: int, near: int, far: int
) -> tuple[Tensor, Tensor]:
    return torch.empty_like(r, dtype=torch.float32), torch.empty_like(r, dtype=torch.float32)
