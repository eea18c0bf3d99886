"""A training run's settings: one TOML file with the sections [model] and [train]."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tccodec.errors import TccodecError
from tccodec.transform.config import ModelConfig


class BadConfig(TccodecError):
    """The configuration file cannot be used."""


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained. Sizes in pixels, times in minutes."""

    crop: int = 256
    batch: int = 8  # crops per process and step
    minutes: float = 60.0
    seed: int = 1
    warmup_steps: int = 150
    decay_fraction: float = 0.5  # share of the time in which the rates fall linearly to zero
    lr: float = 1e-3  # AdamW: biases, tables, embeddings
    lr_basis: float = 4e-5  # the linear shortcut starts near its optimum
    lr_scale_tables: float = 1e-2  # indices, in units of one table
    lr_steps: float = 1e-3  # log2 of the quantisation steps
    lr_muon: float = 5e-3  # hidden matrices
    weight_decay: float = 0.02
    clip: float = 2.0
    ema: float = 0.999
    # A share `quality_wide` of the qualities uniform over all, the rest from low to high.
    quality_low: float = 120.0
    quality_high: float = 680.0
    quality_wide: float = 0.5
    loss_power: float = 0.45  # the cost at lambda is weighted by lambda ** -power
    # Weight of the squared jumps of the error across patch borders, beside the squared error:
    # low rates would show the patches.
    seam: float = 0.0
    # Share of the structural error (1 - SSIM) in the distortion, scaled to the squared error: what
    # is lost in smooth and faint parts counts more, as it does for MS-SSIM and SSIMULACRA2.
    structure: float = 0.0
    # Strength of rate-distortion optimised quantisation while training, so that the decoder learns
    # what the encoder will send; 0: nearest integers.
    rdoq: float = 0.0
    # Weight of what the error repeats from patch to patch: LPIPS alone rewards a woven texture.
    grid: float = 0.0
    compile: float = 0.0  # 1: compile the model on a CPU as well (needs a C++ compiler)
    # 1: of the decoder only what depends on the realism is trained, as for realism 1.
    decoder_only: float = 0.0
    rate_only: float = 0.0  # 1: all of both transforms stays, but for the quantisation steps
    # Above 0: trains the decoder for realism 1 only. Weight of LPIPS beside the squared error;
    # at 400 both weigh the same at all rates, about.
    perceptual: float = 0.0
    rescale: float = 0.5  # share of each batch downscaled by a random factor 0.5..1
    # Share of the crops that are drawn (`drawn.py`), and what each counts: they cost several times
    # as much as photographs, and must not take over.
    drawn: float = 0.0
    drawn_weight: float = 0.3
    held_out: int = 32  # pictures never trained on
    save_minutes: float = 4.0
    log_steps: int = 50

    def check(self) -> None:
        """Refuse settings that cannot work, each with one sentence (`BadConfig`)."""
        if self.crop % 64 or self.crop < 128:
            raise BadConfig(f"crop must be a multiple of 64 from 128 on, not {self.crop}")
        if self.batch < 1 or self.minutes <= 0:
            raise BadConfig("batch and minutes must be positive")
        if not 0 <= self.structure <= 1:
            raise BadConfig("structure must lie between 0 and 1")
        if not 0 <= self.drawn <= 1:
            raise BadConfig("drawn must lie between 0 and 1")
        if not 0 <= self.decay_fraction <= 1:
            raise BadConfig("decay_fraction must lie between 0 and 1")


def load_config(path: Path) -> tuple[ModelConfig, TrainConfig]:
    """Read and check a TOML configuration; `BadConfig` in one sentence when it is wrong."""
    try:
        data: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except OSError as e:
        raise BadConfig(f"cannot read {path}: {e.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise BadConfig(f"{path} is not valid TOML: {e}") from None
    extra = sorted(set(data) - {"model", "train"})
    if extra:
        raise BadConfig(f"{path}: unknown section [{extra[0]}]; [model] and [train] are known")
    try:
        model = ModelConfig.from_dict(data.get("model", {}))
    except (ValueError, TypeError) as e:
        raise BadConfig(f"{path}, [model]: {e}") from None
    values = data.get("train", {})
    fields = {f.name: f for f in dataclasses.fields(TrainConfig)}
    for key, value in values.items():
        if key not in fields:
            raise BadConfig(f"{path}, [train]: unknown setting {key!r}")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise BadConfig(f"{path}, [train]: {key} must be a number, not {value!r}")
    train = TrainConfig(**values)
    train.check()
    return model, train
