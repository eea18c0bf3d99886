"""The cost of a model, counted on its modules: multiply-accumulates, parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tccodec.config import ModelConfig
from tccodec.entropy.layers import IntLinear
from tccodec.entropy.networks import EntropyModel
from tccodec.transform.blocks import WindowAttention
from tccodec.transform.shortcut import Shortcut
from tccodec.transform.tcae import TCAE

SIDE = 512  # pixels; a multiple of every window, so nothing is padded


@dataclass(frozen=True, kw_only=True)
class Complexity:
    """Thousands of MACs per pixel of each part, with all groups present; parameters."""

    encoder_kmac: float
    decoder_kmac: float
    entropy_kmac: float
    parameters: int

    @property
    def total_kmac(self) -> float:
        """Encoder, decoder and entropy model together."""
        return self.encoder_kmac + self.decoder_kmac + self.entropy_kmac


class _Counter:
    def __init__(self, *models: nn.Module) -> None:
        self.macs = 0
        for model in models:
            for module in model.modules():
                if isinstance(module, (nn.Linear, nn.Conv2d)):
                    module.register_forward_hook(self._matrix)
                elif isinstance(module, WindowAttention):
                    module.register_forward_hook(self._attention)

    def _matrix(self, module: nn.Module, _: Any, out: Tensor) -> None:
        weight = module.weight
        assert isinstance(weight, Tensor)
        self.macs += out.numel() * weight[0].numel()

    def _attention(self, module: nn.Module, _: Any, out: Tensor) -> None:
        assert isinstance(module, WindowAttention)
        self.macs += 2 * out.numel() * module.window**2  # queries x keys, weights x values

    def take(self) -> float:
        """Thousands of MACs per pixel since the last call."""
        macs, self.macs = self.macs, 0
        return macs / SIDE**2 / 1e3


def shortcut_kmac(shortcut: Shortcut) -> float:
    """One direction of the linear shortcut: the basis and both passes of the lapped filter."""
    samples = 3
    basis = shortcut.basis.numel() / 16**2 + shortcut.merge.numel() / 32**2
    return (basis + 2 * samples * shortcut.filter.shape[0]) / 1e3


def _weights(*modules: nn.Module) -> int:
    """Multiply-accumulates of all linear layers for one site each."""
    return sum(
        layer.weight.numel()
        for module in modules
        for layer in module.modules()
        if isinstance(layer, (nn.Linear, IntLinear))
    )


@torch.no_grad()
def complexity(cfg: ModelConfig) -> Complexity:
    """Count a model of this configuration by running it on shapes alone (no arithmetic)."""
    with torch.device("meta"):
        tcae, entropy = TCAE(cfg), EntropyModel(cfg)
        x = torch.zeros(1, 3, SIDE, SIDE)
        knot_weights = torch.zeros(1, cfg.knots)
        side = SIDE // 32
        latents = torch.zeros(1, side, side, cfg.latents)
    counter = _Counter(tcae)
    tcae.encoder(x, knot_weights)
    encoder = counter.take() + shortcut_kmac(tcae.shortcut)
    tcae.decoder(latents, x, knot_weights)
    # The first layers are not called as modules, because they see the present channels only.
    first = tcae.decoder.fine1.weight.numel() / 16**2 + tcae.decoder.coarse1.weight.numel() / 32**2
    decoder = counter.take() + shortcut_kmac(tcae.shortcut) + first / 1e3
    ha = entropy.ha
    at_64 = _weights(ha.out, entropy.hs)
    at_32 = _weights(ha.mix, entropy.lift1, entropy.lift2, *entropy.groups[: cfg.coarse])
    at_16 = _weights(ha.fine, *entropy.groups[cfg.coarse :])
    context = (at_64 / 64**2 + at_32 / 32**2 + at_16 / 16**2) / 1e3
    parameters = sum(p.numel() for m in (tcae, entropy) for p in m.parameters())
    return Complexity(
        encoder_kmac=encoder,
        decoder_kmac=decoder,
        entropy_kmac=context,
        parameters=parameters,
    )
