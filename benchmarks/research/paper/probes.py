"""Linear probes: what a linear map reads from an encoder's tokens, and from its latents.

Both are taken for blocks of 32 x 32 pixels: the latents as they are, the tokens averaged over each
quadrant. The map is ridge regression on training crops, judged on held-out ones. Its targets:

- classes: which of the most frequent classes EfficientNet-Lite0 finds likeliest for a crop, from
  the mean of the crop's blocks; accuracy in per cent.
- gradients: the histogram of oriented gradients of each block; explained variance in per cent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.research.paper.scores import AT_ONCE, PictureScores, crops_of
from tccodec.generate.latents import Autoencoder
from tccodec.metrics.backbones import load_weights
from tccodec.training.data import Crops

BLOCK, CELL, BINS = 32, 16, 9  # pixels, pixels, orientations
FREQUENT = 20  # classes
RIDGE = 1e-2  # of the inputs' variance


def gradients(x: Tensor) -> Tensor:
    """Histograms of oriented gradients of blocks: `(B, H / 32, W / 32, 4 * BINS)`.

    Unsigned orientations in cells of 16 x 16 pixels, weighted by magnitude; each block's four
    histograms together have length one (Dalal & Triggs 2005, without overlap).
    """
    grey = x.mean(1, keepdim=True)
    dx = F.pad(grey, (1, 1, 0, 0), mode="replicate")
    dy = F.pad(grey, (0, 0, 1, 1), mode="replicate")
    dx, dy = dx[..., 2:] - dx[..., :-2], dy[:, :, 2:] - dy[:, :, :-2]
    angle = torch.atan2(dy, dx).remainder(math.pi) * (BINS / math.pi)
    strength = (dx.square() + dy.square()).sqrt()
    bins = [(angle.long() % BINS == i) * strength for i in range(BINS)]
    cells = F.avg_pool2d(torch.cat(bins, 1), CELL)
    blocks: Tensor = F.normalize(in_blocks(cells.permute(0, 2, 3, 1), 2), dim=-1)
    return blocks


def in_parts(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """A function of crops `x`, applied to some at a time: all at once take gigabytes."""
    return torch.cat([function(part) for part in torch.split(x, AT_ONCE)])


def in_blocks(t: Tensor, side: int) -> Tensor:
    """`(B, side * H, side * W, D)` -> `(B, H, W, side * side * D)`."""
    b, h, w, d = t.shape
    t = t.view(b, h // side, side, w // side, side, d).transpose(2, 3)
    return t.reshape(b, h // side, w // side, -1)


class Linear:
    """Ridge regression with an intercept, of inputs `(n, D)`, which it standardises."""

    def __init__(self, inputs: Tensor, targets: Tensor) -> None:
        self.mean, self.deviation = inputs.mean(0), inputs.std(0).clamp_min(1e-6)
        self.offset = targets.mean(0)
        x = self._scaled(inputs)
        square = x.t() @ x + RIDGE * len(x) * torch.eye(x.shape[1], dtype=x.dtype)
        self.weights = torch.linalg.solve(square, x.t() @ (targets - self.offset))

    def _scaled(self, inputs: Tensor) -> Tensor:
        return (inputs - self.mean) / self.deviation

    def __call__(self, inputs: Tensor) -> Tensor:
        """Predictions."""
        said: Tensor = self._scaled(inputs) @ self.weights + self.offset
        return said


@torch.no_grad()
def representations(autoencoder: Autoencoder, x: Tensor) -> dict[str, Tensor]:
    """Tokens and latents of the blocks of crops `x`: `(B, H / 32, W / 32, D)` each, fp64."""
    tcae = autoencoder.tcae
    tokens, latents = [], []
    for part in torch.split(x, AT_ONCE):
        knots = tcae.knot_weights(torch.full((len(part),), autoencoder.setting))
        t = tcae.encoder.tokens(part, knots).float()
        t = F.avg_pool2d(t.permute(0, 3, 1, 2), CELL // tcae.cfg.stage_patch)
        tokens.append(in_blocks(t.permute(0, 2, 3, 1), 2))
        latents.append(autoencoder.encode(part))
    return {"tokens": torch.cat(tokens).double(), "latents": torch.cat(latents).double()}


def class_scores(scores: PictureScores, x: Tensor, folder: Path | None) -> Tensor:
    """EfficientNet-Lite0's logits of crops, `(B, 1000)`."""
    weights = load_weights("efficientnet_lite0.safetensors", folder, needed_by="the probe")
    features = torch.from_numpy(scores.features(x)).float()
    logits: Tensor = F.linear(features, weights["fc.weight"], weights["fc.bias"])
    return logits


def probes(
    autoencoder: Autoencoder,
    data: tuple[Crops, Crops],
    count: tuple[int, int],
    scores: PictureScores,
    *,
    backbones: Path | None,
) -> dict[str, float]:
    """Accuracy and explained variance, from tokens and from latents, in per cent.

    `data` and `count`: crops to learn from and held-out ones to judge by, and how many.
    """
    known, new = (crops_of(crops, number) for crops, number in zip(data, count, strict=True))
    logits, wanted_logits = (class_scores(scores, x, backbones) for x in (known, new))
    frequent = logits.argmax(1).bincount(minlength=1000).argsort(descending=True)[:FREQUENT]
    classes, wanted = (x[:, frequent].argmax(1) for x in (logits, wanted_logits))
    onehot = F.one_hot(classes, FREQUENT).double()
    common = float((wanted == classes.bincount().argmax()).double().mean())
    figures = {"classes_by_chance": round(100 * common, 1)}
    edges, true = (in_parts(gradients, x).double() for x in (known, new))
    inputs, tests = (representations(autoencoder, x) for x in (known, new))
    for name, blocks in inputs.items():
        test = tests[name]
        means, tested_means = blocks.mean((1, 2)), test.mean((1, 2))
        right = (Linear(means, onehot)(tested_means).argmax(1) == wanted).double().mean()
        fit = Linear(blocks.flatten(0, 2), edges.flatten(0, 2))
        error = (fit(test.flatten(0, 2)) - true.flatten(0, 2)).square().sum()
        variance = (true.flatten(0, 2) - edges.flatten(0, 2).mean(0)).square().sum()
        figures[f"classes_{name}"] = round(100 * float(right), 1)
        figures[f"gradients_{name}"] = round(100 * (1 - float(error / variance)), 1)
    return figures
