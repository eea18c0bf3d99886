"""The entropy model as it is trained <-> the integer tensors of a released model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from tccodec.entropy.layers import ACT_MAX, IntLinear, weight_shift
from tccodec.entropy.limits import FEATURE_SIZE
from tccodec.entropy.rate import quantised_centroids
from tccodec.entropy.tables import Tables

if TYPE_CHECKING:
    from tccodec.entropy.networks import EntropyModel


def export_linear(layer: IntLinear) -> dict[str, Tensor]:
    """int8 weights, shifts and int32 biases of a trained layer."""
    shift = weight_shift(layer.weight.detach().float())
    scale = torch.exp2(shift)
    weight = torch.round(layer.weight.detach() * scale[:, None]).clamp(-ACT_MAX, ACT_MAX)
    bias = torch.round(layer.bias.detach().double() * scale.double() * 16)
    return {
        "weight": weight.to(torch.int8),
        "shift": shift.to(torch.uint8),
        "bias": bias.to(torch.int32),
    }


def import_linear(layer: IntLinear, tensors: dict[str, Tensor], name: str) -> None:
    """Inverse of `export_linear`: the same integers as training weights."""
    scale = torch.exp2(tensors[f"{name}.shift"].float())
    with torch.no_grad():
        layer.weight.copy_(tensors[f"{name}.weight"].float() / scale[:, None])
        layer.bias.copy_(tensors[f"{name}.bias"].float() / scale / 16)


def _layers(model: EntropyModel) -> dict[str, IntLinear]:
    """All layers of a training model, by their names in a model file."""
    layers = {n: getattr(model, n) for n in ("hs", "lift1", "lift2")}
    for name, net in model.nets().items():
        layers |= {f"{name}.{n}": getattr(net, n) for n in ("fc1", "fc2", "out")}
    return layers


def export_entropy(model: EntropyModel, tables: Tables) -> dict[str, Tensor]:
    """Integer tensors of a trained model, as `IntegerEntropy` reads them."""
    out: dict[str, Tensor] = {}
    for name, layer in _layers(model).items():
        out |= {f"{name}.{k}": v for k, v in export_linear(layer).items()}
    out["base"] = torch.round(model.base.detach() * 16).int()
    out["hyper_base"] = torch.round(model.hyper_base.detach() * 16).int()
    if model.centroids is not None:
        out["centroids"] = torch.round(quantised_centroids(model.centroids.detach()) * 16).to(
            torch.int8
        )
    v = torch.arange(FEATURE_SIZE, dtype=torch.float64) / 16
    out["feature"] = torch.round(12 * torch.asinh(2 * v)).clamp(0, ACT_MAX).to(torch.int8)
    out["tables"] = torch.from_numpy(np.concatenate(tables.counts).astype(np.int32))
    out["table_sizes"] = torch.tensor([len(c) for c in tables.counts], dtype=torch.int32)
    return out


def import_entropy(model: EntropyModel, tensors: dict[str, Tensor]) -> None:
    """Inverse of `export_entropy`, but for the tables: the same integers as training weights."""
    for name, layer in _layers(model).items():
        import_linear(layer, tensors, name)
    with torch.no_grad():
        model.base.copy_(tensors["base"].float() / 16)
        model.hyper_base.copy_(tensors["hyper_base"].float() / 16)
        if model.centroids is not None:
            model.centroids.copy_(tensors["centroids"].float() / 16)
