"""The device and the precision of the networks."""

from __future__ import annotations

import re
from collections.abc import Callable

import torch
from torch import nn

from tccodec.arguments import short_repr
from tccodec.errors import BadOption


def best_precision(device: torch.device) -> torch.dtype:
    """bf16 if the device multiplies it natively, else fp32."""
    fast = False
    if device.type == "cuda":
        with torch.cuda.device(device):  # the function knows the current one only
            fast = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        # No public function says it; another version of torch may lack these.
        names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        tests: list[Callable[[], bool]] = [getattr(torch.cpu, name, bool) for name in names]
        fast = any(supported() for supported in tests)
    return torch.bfloat16 if fast else torch.float32


def choose_device(name: str) -> torch.device:
    """`auto` is CUDA, then MPS, then the CPU; `cuda:1` is the second CUDA device.

    `BadOption` for another name, or if the device is missing.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    match = re.fullmatch(r"(cpu|cuda|mps)|(cuda):([0-9]{1,3})", name)
    if not match:
        raise BadOption(f"unknown device {short_repr(name)}: use auto, cpu, cuda, cuda:1 or mps")
    kind, index = match[1] or match[2], int(match[3] or 0)
    if (kind == "cuda" and not cuda) or (kind == "mps" and not mps):
        raise BadOption(f"this machine or this build of torch has no {kind} device")
    if kind == "cuda" and index >= (count := torch.cuda.device_count()):
        raise BadOption(f"there is no device {name}: the last one is cuda:{count - 1}")
    return torch.device(name)


def place(module: nn.Module, device: torch.device, precision: torch.dtype) -> None:
    """Move a part of a model to its device, and its linear and convolutional layers to `precision`.

    `BadOption` if the device cannot hold it.
    """
    try:
        module.eval().requires_grad_(False).to(device)
    except RuntimeError as e:  # its memory is full, or a parent process has used it
        reason = str(e).partition("\n")[0]
        raise BadOption(f"the model cannot be put on the device {device}: {reason}") from None
    for layer in module.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            layer.to(precision)
