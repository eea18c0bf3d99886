"""Where the weights of learned metrics come from.

LPIPS-AlexNet and the small table of DISTS are in the package. VGG16 (29 MB) and
EfficientNet-Lite0 (9 MB) are too large for it. They are read from a folder that the user names
with `--backbones DIR` or the environment variable below. `docs/reference/report.md` says how to
make it.
"""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path
from typing import Any

from tccodec.errors import NotAvailable

ENVIRONMENT = "TCCODEC_BACKBONES"
_PACKAGED = ("lpips_alexnet.safetensors", "dists_weights.safetensors")


def load_weights(file: str, folder: Path | None, *, needed_by: str) -> dict[str, Any]:
    """Tensors of `file` as float32, from the package or from `folder`, for what is `needed_by`.

    Raises `NotAvailable`, which says how to get the file, if it is in neither.
    """
    import torch
    from safetensors.torch import load

    if file in _PACKAGED:
        data = resources.files("tccodec.metrics").joinpath("weights", file).read_bytes()
    else:
        path = _find(file, folder)
        if path is None:
            raise NotAvailable(
                needed_by,
                f"its weights {file} are not in the package",
                f"name a folder that holds the file with --backbones DIR or {ENVIRONMENT} "
                "(docs/reference/report.md says how to make one)",
            )
        data = path.read_bytes()
    try:
        tensors = load(data)
    except Exception as error:  # safetensors raises its own, untyped errors
        raise NotAvailable(
            needed_by, f"{file} is not a valid safetensors file", "replace the file"
        ) from error
    return {name: tensor.to(torch.float32) for name, tensor in tensors.items()}


def _find(file: str, folder: Path | None) -> Path | None:
    candidates = [folder] if folder else []
    if os.environ.get(ENVIRONMENT):
        candidates.append(Path(os.environ[ENVIRONMENT]))
    return next((c / file for c in candidates if (c / file).is_file()), None)
