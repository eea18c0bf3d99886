"""Linear mixtures of weights of related runs (as in "Model soups", Wortsman et al., ICML 2022)."""

from __future__ import annotations

from collections.abc import Callable

import torch

from tccodec.errors import TccodecError
from tccodec.training.model import CodecModel


def in_decoder(name: str) -> bool:
    """Whether a parameter of `CodecModel` belongs to the decoder network."""
    return name.startswith("tcae.decoder.")


@torch.no_grad()
def mix(
    model: CodecModel, other: CodecModel, *, share: float, names: Callable[[str], bool]
) -> None:
    """Move `model` towards `other` by `share`, 0..1.

    Only parameters and buffers whose name `names` accepts change; integer ones become those of
    `other`. A second decoder stays as it is if `other` has none. `TccodecError` if the two models
    have different shapes.
    """
    state, end = model.state_dict(), other.state_dict()
    if other.second is None:
        state = {name: t for name, t in state.items() if not name.startswith("second.")}
    if {n: t.shape for n, t in state.items()} != {n: t.shape for n, t in end.items()}:
        raise TccodecError("models of different shapes cannot be mixed")
    for name in filter(names, state):
        value = state[name]
        mixed = torch.lerp(value, end[name], share) if value.is_floating_point() else end[name]
        value.copy_(mixed)
