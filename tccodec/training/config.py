"""A training run's settings: one TOML file with the sections [model] and [train]."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tccodec.config import ModelConfig
from tccodec.errors import BadConfig
from tccodec.fields import Range, between, check_fields, from_values, within
from tccodec.files.text import shown

POSITIVE = Range("above 0", lambda v: v > 0)
NOT_NEGATIVE = Range("0 or above", lambda v: v >= 0)
SHARE = between(0, 1)
HALF = between(0, 0.5)
DECAY = Range("from 0 to below 1", lambda v: 0 <= v < 1)
COUNT = Range("from 0 to below 2**63", lambda v: 0 <= v < 2**63)
BATCH = between(1, 65536)
CROP = Range("a multiple of 64 from 128 on", lambda v: 128 <= v < 2**31 and v % 64 == 0)
SETTING = between(0, 1000)
JSON_FILE = Range("the name of a .json file", lambda v: not v or v.endswith(".json"))


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained. Sizes in pixels, times in minutes.

    Raises `BadConfig` for a value outside its range and for settings that exclude each other.
    """

    crop: int = within(CROP, 256)
    batch: int = within(BATCH, 8)  # crops per process and step
    minutes: float = within(POSITIVE, 60.0)
    # Above 0: the run ends after so many steps, whatever time they take, so that runs on busy and
    # on idle machines can be compared.
    steps: int = within(COUNT, 0)
    seed: int = within(COUNT, 1)
    warmup_steps: int = within(COUNT, 150)
    # Share of the time in which the rates fall linearly to zero.
    decay_fraction: float = within(SHARE, 0.5)
    lr: float = within(SHARE, 1e-3)  # AdamW
    lr_basis: float = within(SHARE, 4e-5)  # the linear shortcut starts near its optimum
    lr_scale_tables: float = within(SHARE, 1e-2)  # indices, in units of one table
    lr_steps: float = within(SHARE, 1e-3)  # log2 of the quantisation steps
    lr_muon: float = within(SHARE, 0.0)  # above 0: Muon for the hidden matrices
    weight_decay: float = within(NOT_NEGATIVE, 0.02)
    clip: float = within(POSITIVE, 2.0)
    ema: float = within(DECAY, 0.999)
    # Settings 0..1000 of the crops: a share `uniform_share` of them is uniform over all settings,
    # the rest from `setting_low` to `setting_high`.
    setting_low: float = within(SETTING, 120.0)
    setting_high: float = within(SETTING, 680.0)
    uniform_share: float = within(SHARE, 0.5)
    loss_power: float = within(SHARE, 0.45)  # the cost at lambda is weighted by lambda ** -power
    # Weight of the squared jumps of the error across patch borders, relative to the squared error.
    # Without it patches are visible at low rates.
    seam: float = within(NOT_NEGATIVE, 0.0)
    # Share of the structural error (1 - SSIM) in the distortion, scaled to the squared error.
    # Losses in smooth and faint parts then count more, as they do for MS-SSIM and SSIMULACRA2.
    structure: float = within(SHARE, 0.0)
    # Strength of rate-distortion optimised quantisation while training, so that the decoder learns
    # from the symbols that the encoder will send; 0: nearest integers.
    rdoq: float = within(NOT_NEGATIVE, 0.0)
    # Weight of the part of the error that repeats from patch to patch. Without it LPIPS makes the
    # decoder fill flat parts with a regular texture.
    grid: float = within(NOT_NEGATIVE, 0.0)
    # False: an autoencoder. Latents are neither quantised nor coded, and the loss is the error.
    rate: bool = True
    # False: the linear shortcut is zero and stays zero, so that the networks do all, as in TC-AE.
    shortcut: bool = True
    selfsup: float = within(NOT_NEGATIVE, 0.0)  # weight of self-supervision (`selfsup.py`)
    mask_ratio: float = within(between(0.01, 0.99), 0.3)  # share of the cells that are hidden
    teacher_momentum: float = within(DECAY, 0.99)  # at the start; it rises to 1
    prototypes: int = within(between(2, 65536), 512)
    compile: bool = False  # takes minutes at the start; on a CPU it needs a C++ compiler
    recorded: bool = True  # on one GPU, give out each step as one recorded graph
    # Train only the decoder's parameters that depend on realism.
    decoder_only: bool = False
    rate_only: bool = False  # train only the entropy model and the quantisation steps
    # Weight of LPIPS relative to the squared error, for the decoder of realism 1. At 400 both count
    # about the same at all rates. Above 0 without `second_look`: only that decoder is trained. If
    # `rate` is false there is no such decoder, and LPIPS trains the whole autoencoder.
    perceptual: float = within(NOT_NEGATIVE, 0.0)
    # False: LPIPS is AlexNet's alone, on a quarter of the crops: a twentieth of the work.
    perceptual_vgg: bool = True
    # Above 0: both decoders are trained at once. This is the share of the crops that the decoder
    # for realism 1 decodes as well; they are taken from the half of the crops with the lower
    # settings. `perceptual` and `grid` count for that decoder alone.
    second_look: float = within(HALF, 0.0)
    # The share of its gradient that reaches the encoder and all else that both decoders share.
    shared_gradient: float = within(SHARE, 0.1)
    rescale: float = within(SHARE, 0.5)  # share of each batch downscaled by a random factor 0.5..1
    # Share of the crops that are drawn (`drawn.py`), and the weight of each: their loss is several
    # times that of photographs, and would dominate.
    drawn: float = within(SHARE, 0.0)
    drawn_weight: float = within(NOT_NEGATIVE, 0.3)
    # The path of a file of weights by picture name (`load_weights`): how often each is drawn,
    # relative to the others. Empty: all equally often.
    difficulty: str = within(JSON_FILE, "")
    held_out: int = within(COUNT, 32)  # pictures of each source that are never trained on
    save_minutes: float = within(POSITIVE, 4.0)  # between two saved states
    log_steps: int = within(Range("from 1 to below 2**63", lambda v: 1 <= v < 2**63), 50)

    def __post_init__(self) -> None:
        try:
            check_fields(self)
        except ValueError as e:
            raise BadConfig(str(e)) from None
        if self.setting_low > self.setting_high:
            raise BadConfig("setting_low must not lie above setting_high")
        for name in ("decoder_only", "perceptual"):
            if self.rate_only and getattr(self, name):
                raise BadConfig(f"rate_only keeps the decoder, which {name} trains: choose one")
        if self.second_look and (self.decoder_only or self.rate_only):
            raise BadConfig(
                "second_look trains all of the model: decoder_only and rate_only do not"
            )
        if self.second_look and not round(self.batch * self.second_look):
            raise BadConfig(
                f"second_look = {self.second_look:g} of a batch of {self.batch} is no crop: raise"
                " one of them"
            )
        if self.second_look and not self.perceptual:
            raise BadConfig("second_look needs perceptual above 0")
        if not self.rate and (self.decoder_only or self.rate_only or self.second_look):
            raise BadConfig(
                "rate = false trains an autoencoder: decoder_only, rate_only and second_look need"
                " the codec"
            )
        if self.selfsup and (self.decoder_only or self.rate_only or self.needs_model):
            raise BadConfig("selfsup trains the encoder: choose settings that do not freeze it")
        if self.rate and not self.shortcut:
            raise BadConfig("shortcut = false needs rate = false: steps follow from the shortcut")

    @property
    def needs_model(self) -> bool:
        """Whether only the decoder is trained, which needs a trained encoder to start from."""
        return self.decoder_only or (self.rate and self.perceptual > 0 and not self.second_look)


def shipped_configs() -> dict[str, Path]:
    """Name -> file of the configurations that come with the package."""
    package = Path(__file__).parents[1]
    folder = package / "configs"  # where the wheel has them
    if not folder.is_dir():
        folder = package.parent / "configs"  # a checkout
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find_config(name_or_path: str) -> Path:
    """The shipped configuration of that name, or that file; `BadConfig` if there is neither."""
    shipped = shipped_configs()
    if name_or_path in shipped:
        return shipped[name_or_path]
    path = Path(name_or_path)
    if not (name_or_path and path.exists()):
        names = ", ".join(shipped) or "none"
        raise BadConfig(
            f"there is no file {shown(name_or_path)!r}; configurations known by name: {names}"
        )
    return path


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file; `BadConfig` if it cannot be read."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as e:
        raise BadConfig(f"cannot read {path}: {e.strerror}") from None
    except RecursionError:
        raise BadConfig(f"{path} is not valid TOML: nested too deeply") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise BadConfig(f"{path} is not valid TOML: {e}") from None


def load_config(path: Path) -> tuple[ModelConfig, TrainConfig]:
    """Read and check a TOML configuration; `BadConfig` in one sentence when it is wrong."""
    data = read_toml(path)
    for key, section in data.items():
        if key not in ("model", "train"):
            raise BadConfig(f"{path}: unknown section [{key}]; [model] and [train] are known")
        if not isinstance(section, dict):
            raise BadConfig(f"{path}: [{key}] must be a section, not a value")
    try:
        model = ModelConfig.from_dict(data.get("model", {}))
    except (ValueError, TypeError) as e:
        raise BadConfig(f"{path}, [model]: {e}") from None
    try:
        return model, from_values(TrainConfig, data.get("train", {}), kind="setting")
    except (ValueError, BadConfig) as e:
        raise BadConfig(f"{path}, [train]: {e}") from None
