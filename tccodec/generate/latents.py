"""What a generator learns: an autoencoder, and the normalised latents of many crops."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from tccodec.config import ModelConfig
from tccodec.errors import BadModel, TccodecError
from tccodec.metrics.frechet import FrechetEffnet
from tccodec.model.folder import CONFIG, read_model
from tccodec.model.weights import part_of
from tccodec.training.data import Crops
from tccodec.training.export import load_released, load_run
from tccodec.training.folder import has_state
from tccodec.training.precision import mixed_precision
from tccodec.training.state import load_shards, save_shards, using_state
from tccodec.transform.tcae import TCAE

AT_ONCE = 32  # crops
ROUNDS = 20  # of k-means
HELD_OUT = 1024  # crops

Counted = Callable[[int, int], None]  # called with the number done and the number of all


class Autoencoder:
    """The transforms of a model at one setting, and the scale of its latents.

    Latents are normalised: each channel has mean 0 and deviation 1 over the training crops.
    """

    def __init__(self, tcae: TCAE, setting: float) -> None:
        self.tcae, self.setting = tcae.eval().requires_grad_(False), setting
        self.mean = torch.zeros(tcae.cfg.latents)
        self.deviation = torch.ones(tcae.cfg.latents)
        self.centres = torch.zeros(0, 1280)  # of the classes, in EfficientNet-Lite features

    @classmethod
    def from_training(cls, source: Path, setting: float) -> Autoencoder:
        """The autoencoder in the folder of a training run or of a released model.

        `BadModel` if it holds neither.
        """
        if has_state(source / "last"):
            model, _ = load_run(source)
        elif (source / CONFIG).is_file():
            _, cfg, tensors = read_model(source)
            model = load_released(cfg, tensors)
        else:
            raise BadModel(f"{source} is neither a training run nor a model's folder")
        return cls(model.tcae, setting)

    def to(self, device: torch.device) -> Autoencoder:
        """Move the transforms and the scale to a device."""
        self.tcae.to(device)
        self.mean, self.deviation = self.mean.to(device), self.deviation.to(device)
        return self

    def _knot_weights(self, count: int) -> Tensor:
        return self.tcae.knot_weights(torch.full((count,), self.setting, device=self.mean.device))

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """Pixels `(B, 3, H, W)` in -128..127 -> normalised latents `(B, H / 32, W / 32, C)`."""
        with mixed_precision(x.device):
            y = self.tcae.analyse(x, self._knot_weights(len(x)))
        return (y.float() - self.mean) / self.deviation

    @torch.no_grad()
    def decode(self, y: Tensor) -> Tensor:
        """Normalised latents -> pixels `(B, 3, H, W)` in -128..127, rounded."""
        with mixed_precision(y.device):
            x = self.tcae.synthesise(y * self.deviation + self.mean, self._knot_weights(len(y)))
        return x.float().round().clamp(-128, 127)

    def save(self, folder: Path) -> None:
        """Write what `load` reads."""
        tensors = {f"tcae.{k}": v for k, v in self.tcae.state_dict().items()}
        tensors |= {"mean": self.mean, "deviation": self.deviation, "centres": self.centres}
        save_shards(folder, tensors, {"model": self.tcae.cfg.to_dict(), "setting": self.setting})

    @classmethod
    def load(cls, folder: Path) -> Autoencoder:
        """Inverse of `save`."""
        tensors, meta = load_shards(folder)
        with using_state(folder):
            tcae = TCAE(ModelConfig.from_dict(meta["model"]))
            tcae.load_state_dict(part_of(tensors, "tcae"))
            made = cls(tcae, meta["setting"])
            made.mean, made.deviation = tensors["mean"], tensors["deviation"]
            made.centres = tensors["centres"]
        return made


class Classes:
    """Classes of crops: clusters of their EfficientNet-Lite features."""

    def __init__(self, backbones: Path | None) -> None:
        self.network = FrechetEffnet(backbones)

    @torch.no_grad()
    def features(self, x: Tensor) -> Tensor:
        """Pixels `(B, 3, H, W)` in -128..127 -> `(B, 1280)`, on the CPU."""
        pooled: Tensor = self.network.head((x.cpu() + 1) / 128).mean((2, 3))
        return pooled


def nearest(features: Tensor, centres: Tensor) -> Tensor:
    """The nearest centre of each row; zeros if there are no centres."""
    if not len(centres):
        return torch.zeros(len(features), dtype=torch.long)
    return torch.cdist(features, centres).argmin(1)


def cluster(features: Tensor, count: int, *, seed: int) -> Tensor:
    """Centres `(count, D)` of rows `(n, D)`, by k-means; an empty cluster keeps its centre.

    The first centres are far apart, as in k-means++ (Arthur & Vassilvitskii 2007).
    """
    if count > len(features):
        raise TccodecError(f"{len(features)} crops cannot be of {count} classes")
    generator = torch.Generator().manual_seed(seed)
    centres = features[:0]
    far = torch.ones(len(features))
    for _ in range(count):
        chosen = torch.multinomial(far + 1e-12, 1, generator=generator)
        centres = torch.cat([centres, features[chosen]])
        far = torch.cdist(features, centres).amin(1).square()
    for _ in range(ROUNDS if count else 0):
        label = nearest(features, centres)
        sums = torch.zeros_like(centres).index_add_(0, label, features)
        sizes = label.bincount(minlength=count)[:, None]
        centres = torch.where(sizes > 0, sums / sizes.clamp_min(1), centres)
    return centres


def encode_crops(
    autoencoder: Autoencoder,
    crops: Crops,
    count: int,
    *,
    rescale: float,
    classes: Classes | None,
    done: Counted,
) -> tuple[Tensor, Tensor]:
    """Latents `(count, h, w, C)` and features `(count, 1280)`, `(count, 0)` without `classes`."""
    latents, features = [], []
    for first in range(0, count, AT_ONCE):
        x = crops.batch(first // AT_ONCE, min(AT_ONCE, count - first), rescale=rescale)
        latents.append(autoencoder.encode(x).cpu())
        features.append(classes.features(x) if classes else torch.zeros(len(x), 0))
        done(min(first + AT_ONCE, count), count)
    return torch.cat(latents), torch.cat(features)


def normalise(autoencoder: Autoencoder, latents: Tensor) -> Tensor:
    """Set the scale of an autoencoder that has none from its latents; these, normalised."""
    flat = latents.flatten(0, 2)
    autoencoder.mean = flat.mean(0)
    autoencoder.deviation = flat.std(0).clamp_min(1e-4)
    return (latents - autoencoder.mean) / autoencoder.deviation
