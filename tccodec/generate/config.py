"""A generator's settings: one TOML file with the section [generator]."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tccodec.errors import BadConfig
from tccodec.fields import between, check_fields, from_values, within
from tccodec.training.config import (
    BATCH,
    COUNT,
    CROP,
    DECAY,
    NOT_NEGATIVE,
    POSITIVE,
    SHARE,
    read_toml,
)

ONE_OR_MORE = between(1, 1_000_000_000)


@dataclass(frozen=True)
class GeneratorConfig:
    """Shapes and training of a generator. Raises `BadConfig` for a value outside its range."""

    dim: int = within(between(8, 4096), 160)
    blocks: int = within(between(1, 64), 6)
    head_dim: int = within(between(1, 4096), 32)
    mlp_ratio: int = within(between(1, 16), 4)
    # Clusters of the crops by EfficientNet-Lite features, as classes to choose from; 0: none.
    classes: int = within(between(0, 10_000), 0)
    drop: float = within(SHARE, 0.1)  # share of samples that are shown no class, for guidance
    crop: int = within(CROP, 128)  # pixels per side of the pictures
    crops: int = within(between(16, 10_000_000), 16384)  # whose latents are learnt
    rescale: float = within(SHARE, 0.5)  # share of crops that are reduced by 0.5..1 before
    setting: float = within(between(0, 1000), 500.0)  # of the autoencoder
    batch: int = within(BATCH, 64)
    steps: int = within(ONE_OR_MORE, 3000)
    warmup_steps: int = within(COUNT, 100)
    lr: float = within(SHARE, 1e-3)  # AdamW; constant after the warm-up
    weight_decay: float = within(NOT_NEGATIVE, 0.0)
    clip: float = within(POSITIVE, 1.0)
    ema: float = within(DECAY, 0.999)
    seed: int = within(COUNT, 1)
    held_out: int = within(COUNT, 32)  # pictures of each source, as in the autoencoder's training
    save_minutes: float = within(POSITIVE, 4.0)
    log_steps: int = within(ONE_OR_MORE, 50)

    def __post_init__(self) -> None:
        try:
            check_fields(self)
        except ValueError as e:
            raise BadConfig(str(e)) from None
        if self.dim % self.head_dim or self.dim % 4:
            raise BadConfig("dim must be a multiple of head_dim and of 4")

    @property
    def side(self) -> int:
        """Latents per side of a picture."""
        return self.crop // 32


def generator_config(values: dict[str, Any], *, where: str) -> GeneratorConfig:
    """The settings of a section, checked; `BadConfig` begins with `where`."""
    try:
        return from_values(GeneratorConfig, values, kind="setting")
    except (ValueError, BadConfig) as e:
        raise BadConfig(f"{where}: {e}") from None


def load_generator_config(path: Path) -> GeneratorConfig:
    """Read and check a TOML file; `BadConfig` in one sentence when it is wrong."""
    data = read_toml(path)
    if set(data) - {"generator"} or not isinstance(data.get("generator", {}), dict):
        raise BadConfig(f"{path}: the only section of a generator's configuration is [generator]")
    return generator_config(data.get("generator", {}), where=f"{path}, [generator]")
