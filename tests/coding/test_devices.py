"""The precision that a device computes in."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch

from tccodec.coding.devices import best_precision


@pytest.mark.parametrize(("ampere", "wanted"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_gpu_that_only_emulates_bf16_computes_in_fp32(
    monkeypatch: pytest.MonkeyPatch, ampere: bool, wanted: torch.dtype
) -> None:
    entered: list[torch.device] = []

    def device(name: torch.device) -> nullcontext[None]:
        entered.append(name)
        return nullcontext()

    def supported(including_emulation: bool = True) -> bool:
        assert entered == [torch.device("cuda:1")]
        return ampere or including_emulation

    monkeypatch.setattr(torch.cuda, "device", device)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    assert best_precision(torch.device("cuda:1")) == wanted


def test_a_cpu_of_which_torch_cannot_say_it_computes_in_fp32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    assert best_precision(torch.device("cpu")) == torch.bfloat16
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert best_precision(torch.device("cpu")) == torch.float32
    assert best_precision(torch.device("mps")) == torch.float32
