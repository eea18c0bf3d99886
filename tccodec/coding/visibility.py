"""What an error of a latent costs when an encoder chooses symbols: as squared error, or as seen.

Squared error counts every error alike. The eye sees an error sooner where it is coarse (contrast
sensitivity), and sooner in flat parts than in busy ones (masking); measures of structure agree. So
each squared error gets a weight, by the group of its channel and by the energy of the picture
around it. Video encoders do the same with quantisation matrices and adaptive quantisation. Here the
steps stay as they are: only the choice between two symbols changes, and decoders need not know.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tccodec.coding.effort import Tune
from tccodec.config import ModelConfig
from tccodec.transform.layout import shuffle

_BUSY = 2  # fine groups, from the first on, whose latents count as energy
_FLOOR, _MIDDLE = 20.0, 100.0  # added to the energy, and the sum at which the weight is one


@dataclass(frozen=True, slots=True)
class Visibility:
    """How visible errors are.

    coarse, fine: weights of the coarse groups and of the fine ones, from the first on; the last one
    goes for the rest. masking: the weight falls with this power of the energy.
    """

    coarse: tuple[float, ...]
    fine: tuple[float, ...]
    masking: float

    def by_channel(self, cfg: ModelConfig) -> Tensor:
        """Weights by group, `(C,)`."""
        of_group = [
            *(self.coarse[min(g, len(self.coarse) - 1)] for g in range(cfg.coarse)),
            *(self.fine[min(g, len(self.fine) - 1)] for g in range(len(cfg.groups) - cfg.coarse)),
        ]
        weights = torch.tensor(of_group, dtype=torch.float32)
        return torch.repeat_interleave(weights, torch.tensor(cfg.groups))


# Chosen on photographs held out of training (docs/research/ablations.md).
VISIBILITY = Visibility(coarse=(1.4, 1.1), fine=(0.9, 0.6), masking=0.15)


@dataclass(frozen=True, slots=True)
class ErrorWeights:
    """The bits that a squared error of one step costs, per channel `(C,)`, in `channels`.

    steps: quantisation steps `(C,)`. visibility: None if errors count alike everywhere.
    """

    cfg: ModelConfig
    channels: Tensor
    steps: Tensor
    visibility: Visibility | None

    @classmethod
    def of(
        cls,
        cfg: ModelConfig,
        steps: Tensor,
        *,
        per_error: float,
        tune: Tune,
        visibility: Visibility = VISIBILITY,
    ) -> ErrorWeights:
        """`per_error`: the bits that a squared error of one in a latent costs.

        `tune` ssim and visual use `visibility`, the others weigh all errors alike.
        """
        channels = steps.square() * per_error
        if tune not in ("ssim", "visual"):
            return cls(cfg, channels, steps, None)
        return cls(cfg, channels * visibility.by_channel(cfg), steps, visibility)

    def by_site(self, v: Tensor) -> Tensor | None:
        """Factors for the quadrants of latents `v (h, w, C)` in steps, `(2 h, 2 w)`.

        None if errors count alike everywhere.
        """
        if self.visibility is None:
            return None
        groups = self.cfg.groups[self.cfg.coarse :][:_BUSY]
        first = sum(self.cfg.groups[: self.cfg.coarse])
        busy = slice(first, first + sum(groups))
        squares = torch.split((v[..., busy] * self.steps[busy]).square(), list(groups), -1)
        energy = torch.stack([shuffle(part[None], 2)[0].sum(-1) for part in squares]).sum(0)
        energy = energy / (3 * 16 * 16)  # per sample of the quadrant
        return ((energy + _FLOOR) / _MIDDLE) ** -self.visibility.masking
