"""A trained generator: noise to latents to pictures, and sheets of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tccodec.errors import BadModel, BadOption
from tccodec.generate.config import generator_config
from tccodec.generate.flow import FlowTransformer, guided, integrate
from tccodec.generate.latents import Autoencoder
from tccodec.model.weights import part_of
from tccodec.training.folder import has_state
from tccodec.training.state import load_shards, using_state

AT_ONCE = 16  # pictures; fixed, so that a picture depends on seed and number alone
GAP = 4  # pixels between the pictures of a sheet


class Generator:
    """The averaged weights of a generator's run, and its autoencoder."""

    def __init__(self, model: FlowTransformer, autoencoder: Autoencoder) -> None:
        self.model, self.autoencoder = model.eval(), autoencoder
        self.device = autoencoder.mean.device

    @classmethod
    def load(cls, folder: Path, *, device: str = "cpu") -> Generator:
        """The generator of the run in `folder`; `BadModel` if it holds none."""
        if not has_state(folder / "last"):
            raise BadModel(f"{folder} holds no trained generator")
        tensors, meta = load_shards(folder / "last")
        if "generator" not in meta or not has_state(folder / "autoencoder"):
            raise BadModel(f"{folder} holds no trained generator")
        with using_state(folder / "last"):
            cfg = generator_config(meta["generator"], where=str(folder))
            model = FlowTransformer(cfg, meta["channels"])
            model.load_state_dict(part_of(tensors, "ema"))
        autoencoder = Autoencoder.load(folder / "autoencoder")
        return cls(model.to(device), autoencoder.to(torch.device(device)))

    @torch.no_grad()
    def latents(
        self,
        numbers: range,
        *,
        seed: int,
        label: int | None,
        steps: int,
        method: str,
        guidance: float,
    ) -> Tensor:
        """Normalised latents `(n, side, side, C)` of the samples with these numbers."""
        cfg = self.model.cfg
        shape = (cfg.side, cfg.side, self.autoencoder.tcae.cfg.latents)
        noise, chosen = [], []
        for number in numbers:  # each has noise of its own, whatever is sampled beside it
            generator = torch.Generator().manual_seed(seed * 1_000_003 + number)
            noise.append(torch.randn(shape, generator=generator))
            drawn = int(torch.randint(max(1, cfg.classes), (), generator=generator))
            chosen.append(drawn if label is None else label)
        labels = torch.tensor(chosen if cfg.classes else [0] * len(chosen), device=self.device)
        velocity = guided(self.model, labels, guidance=guidance)
        return integrate(velocity, torch.stack(noise).to(self.device), steps=steps, method=method)

    def pictures(
        self,
        count: int,
        *,
        seed: int = 0,
        label: int | None = None,
        steps: int = 25,
        method: str = "heun",
        guidance: float = 1.0,
        done: Callable[[int], None] = lambda count: None,
    ) -> NDArray[np.uint8]:
        """`count` samples, `(count, crop, crop, 3)`, the same for the same seed.

        `label`: the class of all of them; by default classes are drawn. `done` is called with the
        number of those that are ready. `BadOption` for a class or a guidance that this generator
        does not have.
        """
        classes = self.model.cfg.classes
        if label is not None and not 0 <= label < classes:
            has = f"classes from 0 to {classes - 1}" if classes else "no classes"
            raise BadOption(f"this generator has {has}, so not class {label}")
        if guidance != 1 and not classes:
            raise BadOption("guidance needs a generator that was trained with classes")
        batches = []
        for first in range(0, count, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, count))
            y = self.latents(
                numbers, seed=seed, label=label, steps=steps, method=method, guidance=guidance
            )
            pixels = (self.autoencoder.decode(y) + 128).byte().permute(0, 2, 3, 1)
            batches.append(pixels.cpu().numpy())
            done(numbers.stop)
        return np.concatenate(batches)


def sheet_columns(count: int) -> int:
    """Pictures in a row of a sheet of `count`; it has no more rows than that."""
    return math.ceil(math.sqrt(count))


def sheet(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pictures `(n, H, W, 3)` in rows, white between them, as one picture."""
    n, h, w, _ = pictures.shape
    columns = sheet_columns(n)
    rows = math.ceil(n / columns)
    out = np.full((rows * (h + GAP) - GAP, columns * (w + GAP) - GAP, 3), 255, np.uint8)
    for i, picture in enumerate(pictures):
        y, x = (i // columns) * (h + GAP), (i % columns) * (w + GAP)
        out[y : y + h, x : x + w] = picture
    return out
