"""What the released entropy model reads: bits more when a part of its context falls silent.

    python benchmarks/context.py PICTURE... [--model models/tcae-s]

The signs of the first groups, which later passes and groups see beside the magnitudes, and the
hyper-latents. The networks were trained with all of it: these are not the bits of a model that
never had it. Middle 512 x 512 pixels, symbols chosen as an encoder does.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from passes import middle
from torch import Tensor

from tccodec.config import ModelConfig
from tccodec.entropy.hyper import HyperAnalysis
from tccodec.entropy.networks import EntropyModel
from tccodec.model.folder import read_config, read_tensors
from tccodec.training.export import load_released
from tccodec.training.model import CodecModel

SETTINGS = (100, 200, 300, 450, 600)
FEATURES = EntropyModel._features


def without_signs(groups: range) -> Callable[[EntropyModel, Tensor, int], Tensor]:
    """`EntropyModel._features` with zeros for the signed values of some groups."""

    def features(self: EntropyModel, v: Tensor, group: int) -> Tensor:
        t = FEATURES(self, v, group)
        if group in groups and group < self.cfg.signed_groups:
            t = torch.cat([torch.zeros_like(t[..., : v.shape[-1]]), t[..., v.shape[-1] :]], -1)
        return t

    return features


def without_hyper_latents() -> None:
    """Hyper-latents that are always zero, and cost nothing."""
    analysis = HyperAnalysis.forward

    def silent(self: HyperAnalysis, v: Tensor, hat: Tensor) -> Tensor:
        return 0.0 * analysis(self, v, hat)

    HyperAnalysis.forward = silent  # type: ignore[method-assign]


@torch.no_grad()
def bits(model: CodecModel, pictures: list[Tensor]) -> np.ndarray:
    """All bits at each setting."""
    found = [
        sum(float(model(x, torch.tensor([float(s)]))[1].sum()) for x in pictures) for s in SETTINGS
    ]
    return np.array(found)


def main() -> None:
    """A table to stdout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--model", type=Path, default=Path("models/tcae-s"))
    args = parser.parse_args()
    cfg = ModelConfig.from_dict(read_config(args.model)["model"])
    model = load_released(cfg, read_tensors(args.model)).eval()
    model.rdoq = 0.8
    pictures = [
        torch.from_numpy(middle(p).copy()).permute(2, 0, 1)[None].float() - 128
        for p in args.pictures
    ]
    whole = bits(model, pictures)
    print("| silent | " + " | ".join(f"setting {s}" for s in SETTINGS) + " |")
    print("| --- |" + " --- |" * len(SETTINGS))

    def row(name: str) -> None:
        cells = [
            f"{100 * (b / a - 1):+.1f} %" for a, b in zip(whole, bits(model, pictures), strict=True)
        ]
        print(f"| {name} | " + " | ".join(cells) + " |")

    for group in range(cfg.signed_groups):
        EntropyModel._features = without_signs(range(group, group + 1))  # type: ignore[method-assign]
        row(f"signs of group {group + 1}")
    EntropyModel._features = FEATURES  # type: ignore[method-assign]
    without_hyper_latents()
    row("hyper-latents")


if __name__ == "__main__":
    main()
