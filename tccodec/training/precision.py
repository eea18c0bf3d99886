"""The precision in which networks are trained."""

from __future__ import annotations

import torch

from tccodec.coding.devices import best_precision


def mixed_precision(device: torch.device) -> torch.autocast:
    """A context for forward passes: products in bf16 where the device multiplies it natively.

    Elsewhere it changes nothing. A CPU that has to emulate bf16 takes ten times as long for a
    product of matrices as in fp32.
    """
    precision = best_precision(device)
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == torch.bfloat16)
