"""Where the fused kernels run: `transform.fused` and `entropy.fused`.

Only in training, on CUDA tensors, and only where Triton is installed. With the environment variable
TRITON_INTERPRET=1 Triton runs them on CPU tensors, slowly: that is how they are tested.
"""

from __future__ import annotations

import importlib.util
import os

import torch
from torch import Tensor

# Found, not imported: importing it takes longer than a small picture, and coding needs none of it.
_INSTALLED = importlib.util.find_spec("triton") is not None
_INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
enabled = True  # False for a comparison with torch's own kernels


def usable(x: Tensor) -> bool:
    """Whether the kernels can compute with `x`, and its gradient is wanted."""
    on_device = x.is_cuda or _INTERPRETED
    return enabled and _INSTALLED and on_device and torch.is_grad_enabled()
