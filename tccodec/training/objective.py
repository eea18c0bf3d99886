"""The objective of training: rate plus lambda times distortion, over a batch of crops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from tccodec.training.config import TrainConfig
from tccodec.training.losses import distortion
from tccodec.training.model import CodecModel, ModelOutput
from tccodec.training.perceptual import PerceptualDistance
from tccodec.training.precision import mixed_precision
from tccodec.transform.reference import CELL

# Weight of the error of the picture reduced by four. It trains only the layer of that output.
CELL_WEIGHT = 0.05


class Objective:
    """Computes the loss of a batch, and its parts for the log."""

    def __init__(
        self, model: CodecModel, cfg: TrainConfig, *, distance: PerceptualDistance | None
    ) -> None:
        """`distance`: LPIPS, for a run with `perceptual` above 0."""
        self.model, self.cfg, self.distance = model, cfg, distance
        self.distortion: Callable[..., tuple[Tensor, Tensor]] = distortion
        # With two decoders, the repetition of the error counts for the second one alone.
        self.first_cfg = replace(cfg, grid=0.0) if cfg.second_look else cfg

    def compile(self) -> None:
        """Compile the distortion for training."""
        self.distortion = torch.compile(distortion, dynamic=False)

    def __call__(
        self,
        model: Callable[..., ModelOutput],
        x: Tensor,
        setting: Tensor,
        *,
        weights: Tensor | None = None,
        counts: tuple[int, ...] | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted Lagrangian of crops `x (B, 3, H, W)` at settings `(B,)`, a scalar.

        `model` is the model itself, or a wrapper of it for several processes. Also returns, per
        crop: `bpp`, `mse`, and `lpips` if it is part of the loss; and what `SelfSupervision.loss`
        returns.
        """
        cfg, lam = self.cfg, self.model.cfg.lam(setting)
        with mixed_precision(x.device):
            y, bits, small, second = model(x, setting, counts)
        error, mse = self.errors(y, x, small, cfg=self.first_cfg)
        parts = {"bpp": bits.sum(1) / (x.shape[2] * x.shape[3]), "mse": mse}
        if self.distance is not None and not cfg.second_look:
            parts["lpips"] = self.distance(x, y)
            error = error + cfg.perceptual * parts["lpips"]
        loss = (parts["bpp"] + lam * error) / lam**cfg.loss_power
        total = (loss if weights is None else loss * weights).mean()
        if second is not None and self.distance is not None:
            crops = self.model.second_crops
            error, _ = self.errors(second[0], x[crops], second[1], cfg=cfg)
            parts["lpips"] = self.distance(x[crops], second[0])
            loss = (error + cfg.perceptual * parts["lpips"]) * lam[crops] ** (1 - cfg.loss_power)
            total = total + (loss if weights is None else loss * weights[crops]).sum() / len(x)
        selfsup = self.model.selfsup
        if selfsup is not None and self.model.training:
            tcae = self.model.tcae
            knot_weights = tcae.knot_weights(setting)
            value, logged = selfsup.loss(tcae.encoder, x, knot_weights, ratio=cfg.mask_ratio)
            total = total + cfg.selfsup * value
            parts |= logged
        return total, parts

    def errors(
        self, y: Tensor, x: Tensor, small: Tensor | None, *, cfg: TrainConfig
    ) -> tuple[Tensor, Tensor]:
        """Distortion and squared error of reconstructions `y` of `x`, `(B,)` each.

        The distortion includes that of the reduced pictures `small`, if there are any.
        """
        c = self.model.cfg
        measure = self.distortion if self.model.training else distortion
        patch, token = (CELL, c.stage_patch) if c.renderer else (c.patch, c.patch)
        error, mse = measure(y, x, cfg, patch=patch, token=token)
        if small is not None:
            wanted = F.avg_pool2d(x, CELL)
            error = error + CELL_WEIGHT * (small - wanted).square().mean((1, 2, 3))
        return error, mse


class RunningMeans:
    """Means over the steps since they were last taken; summed on the device of the model."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.sums, self.count = device, dict[str, Tensor](), 0

    def add(self, loss: Tensor, parts: dict[str, Tensor]) -> None:
        """Add a step: its loss, and the parts that `Objective` returns."""
        values = {name: value.detach().mean() for name, value in parts.items()}
        values["psnr"] = (10 * torch.log10(255**2 / parts["mse"].detach())).mean()
        values["loss"] = loss.detach()
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, torch.zeros((), device=self.device)) + value
        self.count += 1

    def take(self) -> dict[str, float]:
        """The means, rounded; starts again from nothing."""
        logged = ("loss", "bpp", "psnr", "lpips", "selfsup", "information")
        names: list[str] = [n for n in logged if n in self.sums]
        row: dict[str, float] = {
            name: round(float(self.sums[name]) / self.count, 4) for name in names
        }
        self.sums, self.count = {}, 0
        return row
