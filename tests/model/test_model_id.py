"""The content id of a model does not depend on the machine that computes it."""

from __future__ import annotations

import sys

import pytest
import torch

from tccodec.model.folder import model_id


def test_values_are_hashed_in_little_endian(monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = {
        "a": torch.tensor([[1, -2], [3, 70000]], dtype=torch.int32),
        "b": torch.tensor(-5, dtype=torch.int8),
        "c": torch.tensor([0.5, 3.0], dtype=torch.float16),
    }
    wanted = model_id(tensors, {"hidden": 4})
    turned = {  # as a big-endian machine has them in memory
        name: torch.frombuffer(bytearray(t.numpy().byteswap().tobytes()), dtype=t.dtype).view(
            t.shape
        )
        for name, t in tensors.items()
    }
    monkeypatch.setattr(sys, "byteorder", "big")
    assert model_id(turned, {"hidden": 4}) == wanted
