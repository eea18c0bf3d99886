"""Networks are trained in bf16 only where the device multiplies it natively."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tccodec.training import precision


@pytest.mark.parametrize("native", [torch.bfloat16, torch.float32])
def test_products_are_in_the_precision_that_the_device_multiplies_natively(
    monkeypatch: pytest.MonkeyPatch, native: torch.dtype
) -> None:
    monkeypatch.setattr(precision, "best_precision", lambda device: native)
    with precision.mixed_precision(torch.device("cpu")):
        assert nn.Linear(8, 8)(torch.ones(1, 8)).dtype == native
