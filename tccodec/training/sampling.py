"""At which qualities the crops of a step are coded."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from tccodec.config import ModelConfig
from tccodec.training.config import TrainConfig

TOP = 1000.0


class Qualities:
    """Draws the qualities of a step: spread evenly over their distribution, in falling order.

    A share `quality_wide` of the distribution is uniform over all qualities, the rest from
    `quality_low` to `quality_high`. In falling order the crops that may have a latent group
    (`ModelConfig.start`) are the first ones, and equally many in each step.
    """

    def __init__(self, model: ModelConfig, cfg: TrainConfig) -> None:
        self.cfg, self.batch = cfg, cfg.batch
        self.grid = np.linspace(TOP, 0.0, 2001)
        self.shares = np.array([self.share_from(q) for q in self.grid])
        self.counts: tuple[int, ...] | None = None
        if model.start:
            self.counts = tuple(math.ceil(cfg.batch * self.share_from(q)) for q in model.start)

    def share_from(self, quality: float) -> float:
        """The share of crops at `quality` or above."""
        low, high, wide = self.cfg.quality_low, self.cfg.quality_high, self.cfg.quality_wide
        used = (high - quality) / (high - low) if high > low else float(quality <= low)
        return wide * (1 - quality / TOP) + (1 - wide) * min(1.0, max(0.0, used))

    def draw(self, rng: np.random.Generator) -> Tensor:
        """Qualities `(batch,)` in 0..1000, fp32."""
        shares = (np.arange(self.batch) + rng.random(self.batch)) / self.batch
        return torch.from_numpy(np.interp(shares, self.shares, self.grid).astype(np.float32))
