"""The settings at which the crops of a step are coded."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from tccodec.config import ModelConfig
from tccodec.container import MAX_SETTING
from tccodec.training.config import TrainConfig


class SettingSampler:
    """Draws the settings of a step, stratified over their distribution, in falling order.

    A share `uniform_share` of the distribution is uniform over all settings, the rest is uniform
    from `setting_low` to `setting_high`. Because of the falling order, the crops that may have a
    latent group (`ModelConfig.start`) are the first ones of a step; their number is always the
    same.
    """

    def __init__(self, model: ModelConfig, cfg: TrainConfig) -> None:
        self.cfg, self.batch = cfg, cfg.batch
        self.grid = np.linspace(float(MAX_SETTING), 0.0, 2001)
        self.shares = np.array([self.share_from(s) for s in self.grid])
        self.counts: tuple[int, ...] | None = None
        if model.start:
            self.counts = tuple(math.ceil(cfg.batch * self.share_from(s)) for s in model.start)

    def share_from(self, setting: float) -> float:
        """The share of crops at `setting` or above."""
        low, high, wide = self.cfg.setting_low, self.cfg.setting_high, self.cfg.uniform_share
        used = (high - setting) / (high - low) if high > low else float(setting <= low)
        return wide * (1 - setting / MAX_SETTING) + (1 - wide) * min(1.0, max(0.0, used))

    def draw(self, rng: np.random.Generator) -> Tensor:
        """Settings `(batch,)` in 0..1000, fp32."""
        shares = (np.arange(self.batch) + rng.random(self.batch)) / self.batch
        settings = np.interp(shares, self.shares, self.grid)
        if not self.cfg.uniform_share:  # the grid need not have the ends
            settings = settings.clip(self.cfg.setting_low, self.cfg.setting_high)
        return torch.from_numpy(settings.astype(np.float32))
