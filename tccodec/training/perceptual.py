"""LPIPS (Zhang et al. 2018) on VGG16 and on AlexNet as a training loss."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from tccodec.coding.devices import best_precision
from tccodec.metrics.networks import ALEX, VGG, Layers, LpipsNetwork

EVERY = 4  # samples, for the costlier network: VGG16 costs twenty times as much as AlexNet
MAX_OFFSET = 32  # pixels by which crops are shifted at random against poolings and patches


def lpips_loss(network: LpipsNetwork, x: Tensor, y: Tensor) -> Tensor:
    """Originals and reconstructions `(B, 3, H, W)` in -128..127 -> distances `(B,)`.

    Has a gradient towards `y` only. H and W are 32 at least.
    """
    x, y = (((t + 128) / 127.5 - 1).to(memory_format=torch.channels_last) for t in (x, y))
    with torch.no_grad():
        wanted = network.features(x)
    return network.distance(wanted, network.features(y))


class PerceptualDistance:
    """Mean of LPIPS on VGG16, on every fourth sample, and on AlexNet.

    Without `vgg` it is LPIPS on AlexNet alone, on every fourth sample. Raises `NotAvailable` if
    VGG16's weights are neither in `folder` nor where TCCODEC_BACKBONES points.
    """

    def __init__(
        self, folder: Path | None, where: torch.device, *, compiled: bool, vgg: bool = True
    ) -> None:
        precision = best_precision(where)

        def loss_on(file: str, layers: Layers) -> Callable[[Tensor, Tensor], Tensor]:
            needed_by = "training for realism"
            network = LpipsNetwork(
                file, layers, needed_by=needed_by, folder=folder, device=where, dtype=precision
            )

            def loss(x: Tensor, y: Tensor) -> Tensor:
                return lpips_loss(network, x, y)

            return torch.compile(loss, dynamic=False) if compiled else loss

        self.alex = loss_on("lpips_alexnet.safetensors", ALEX)
        self.vgg = loss_on("lpips_vgg16.safetensors", VGG) if vgg else None

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Pixels `(B, 3, H, W)` in -128..127 -> distances `(B,)`; their mean over B is unbiased."""
        # All random numbers stay on the device: a recorded step draws them anew.
        rows, columns = (
            torch.arange(n - MAX_OFFSET, device=x.device)
            + torch.randint(0, MAX_OFFSET, (1,), device=x.device)
            for n in x.shape[2:]
        )
        x, y = (t.index_select(2, rows).index_select(3, columns) for t in (x, y))
        some = torch.arange(0, len(x), EVERY, device=x.device)
        some = (some + torch.randint(0, len(x), (1,), device=x.device)) % len(x)
        loss = self.alex if self.vgg is None else self.vgg
        distances = loss(x.index_select(0, some), y.index_select(0, some))
        share = torch.zeros(len(y), device=y.device)
        share = share.index_copy(0, some, distances * (len(y) / len(distances)))
        return share if self.vgg is None else 0.5 * (self.alex(x, y) + share)
