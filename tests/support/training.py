"""Short training runs on a few small pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tccodec.config import ModelConfig
from tccodec.training.config import TrainConfig
from tccodec.training.loop import Trainer
from tests.support.models import tiny_config
from tests.support.pictures import photo

CFG = TrainConfig(crop=128, batch=2, warmup_steps=1, held_out=2, log_steps=2)


def pictures(count: int = 8, side: int = 160) -> list[NDArray[np.uint8]]:
    """Smooth pictures, each of `side` rows and 32 columns more."""
    return [photo(side, side + 32, seed=i, noise=0) for i in range(count)]


def trainer(
    shards: Path, out: Path, cfg: TrainConfig = CFG, model: ModelConfig | None = None
) -> Trainer:
    """A run of the smallest model with the pictures in `shards`, before its first step."""
    out.mkdir(exist_ok=True)
    t = Trainer(model or tiny_config(), cfg, out)
    t.load_data([shards])
    return t
