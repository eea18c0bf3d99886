"""The scales that the tables of the entropy model stand for."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tccodec.entropy.tables import SCALE_LOG_RATIO, SCALE_MIN


def table_scale(index: Tensor) -> Tensor:
    """Scale of the logistic distribution of table `index`."""
    return torch.exp(index * SCALE_LOG_RATIO + math.log(SCALE_MIN))
