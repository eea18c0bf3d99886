"""PSNR, LPIPS and a Frechet distance of crops."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tccodec.generate.latents import Autoencoder, Classes
from tccodec.metrics.frechet import frechet
from tccodec.metrics.networks import ALEX, LpipsNetwork
from tccodec.training.data import Crops, load_held_out
from tccodec.training.perceptual import lpips_loss

AT_ONCE = 32  # crops
SEED = 7  # of held-out crops, as in training


class PictureScores:
    """The networks that judge crops `(B, 3, H, W)` in -128..127."""

    def __init__(self, backbones: Path | None) -> None:
        self.effnet = Classes(backbones)
        file = "lpips_alexnet.safetensors"
        self.alex = LpipsNetwork(file, ALEX, needed_by="lpips", folder=None)

    @torch.no_grad()
    def features(self, crops: Tensor) -> NDArray[np.float64]:
        """EfficientNet-Lite0 features of whole crops, `(B, 1280)`."""
        parts = [self.effnet.features(x) for x in torch.split(crops, AT_ONCE)]
        return np.asarray(torch.cat(parts).numpy(), np.float64)

    def distance(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
        """Frechet distance of two sets of features."""
        return round(frechet(a, b), 3)

    @torch.no_grad()
    def lpips(self, x: Tensor, y: Tensor) -> Tensor:
        """LPIPS on AlexNet, `(B,)`."""
        return torch.cat(
            [
                lpips_loss(self.alex, a, b)
                for a, b in zip(torch.split(x, AT_ONCE), torch.split(y, AT_ONCE), strict=True)
            ]
        )


def crops_of(crops: Crops, count: int) -> Tensor:
    """The first `count` crops, in batches that are always the same."""
    full = [crops.batch(i, AT_ONCE, rescale=0.5) for i in range(-(-count // AT_ONCE))]
    return torch.cat(full)[:count]


def photographs(
    sources: Sequence[Path], held_out: int, crop: int, count: int
) -> tuple[Tensor, Tensor]:
    """Crops of the pictures that rows are trained on, and of those that no row is trained on."""
    training, unseen = (
        crops_of(Crops(pictures, crop=crop, device=torch.device("cpu"), seed=SEED), count)
        for pictures in load_held_out(list(sources), crop, held_out)
    )
    return training, unseen


def reconstruction(
    autoencoder: Autoencoder, held_out: Crops, count: int, scores: PictureScores
) -> dict[str, float]:
    """Scores of an autoencoder's reconstructions of held-out crops."""
    x = crops_of(held_out, count)
    y = torch.cat(
        [autoencoder.decode(autoencoder.encode(part)) for part in torch.split(x, AT_ONCE)]
    )
    mse = (x - y).square().mean((1, 2, 3)).clamp_min(1e-6)
    return {
        "psnr": round(float((10 * torch.log10(255**2 / mse)).mean()), 3),
        "lpips": round(float(scores.lpips(x, y).mean()), 4),
        "frechet": scores.distance(scores.features(x), scores.features(y)),
        "crops": count,
    }
