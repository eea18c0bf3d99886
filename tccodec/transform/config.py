"""Configuration of one model: every number that changes a tensor's shape or the format."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ModelConfig:
    """Shapes of TC-AE with a rate. The defaults are the released `tcae-s`.

    Sizes are in pixels where they say so, otherwise in channels or blocks.
    """

    name: str = "tcae-s"
    # Tokens: patch 8 is the paper's point (more tokens at a fixed latent budget).
    patch: int = 8
    # True: two stages with a 2x2 merge between them; False: all blocks at the patch's scale.
    staged: bool = True
    dim1: int = 96
    dim2: int = 256
    enc_blocks1: int = 1
    enc_blocks2: int = 2
    dec_blocks1: int = 2
    dec_blocks2: int = 2
    head_dim: int = 32
    window: int = 8
    mlp_ratio: int = 3
    dw_kernel: int = 3  # a 5x5 depthwise convolution costs seven times as much on a CPU
    # Nested latents: groups in order of importance; their sum is about one latent per pixel.
    groups: tuple[int, ...] = (32, 96, 128, 256, 512)
    # Side of a depthwise convolution before the decoder's last layer, 0 for none: without it the
    # patches see each other's corrections only through earlier layers, and their borders show.
    blend: int = 0
    bottleneck: int = 512  # hidden width of the MLPs at 1/32
    # Entropy model
    hyper: int = 64  # hyper-latents per 64x64 pixels
    hidden: int = 256  # width of the integer context networks
    signed_groups: int = 2  # groups whose signs, not only magnitudes, are context
    # Rate: quality 0..100 -> lambda on 0..255 squared error, log-linear.
    knots: int = 9
    lambda_min: float = 1.0e-4
    lambda_max: float = 0.6

    @property
    def latents(self) -> int:
        """Channels at 1/32, all groups together."""
        return sum(self.groups)

    @property
    def stage_patch(self) -> int:
        """Pixels per side of a token in the wide stage: 2 x patch when staged."""
        return self.patch * 2 if self.staged else self.patch

    def lam(self, quality: float) -> float:
        """Lagrange multiplier of the squared error for `quality` in 0..1000."""
        span = math.log(self.lambda_max / self.lambda_min)
        return self.lambda_min * math.exp(span * quality / 1000.0)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        d = dataclasses.asdict(self)
        d["groups"] = list(self.groups)
        return d

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelConfig:
        """Inverse of `to_dict`; a key that is no field is a `ValueError` naming it."""
        known = {f.name for f in dataclasses.fields(cls)}
        extra = sorted(set(values) - known)
        if extra:
            raise ValueError(f"unknown model setting {extra[0]!r}")
        v = dict(values)
        if "groups" in v:
            v["groups"] = tuple(int(g) for g in v["groups"])
        cfg = cls(**v)
        cfg.check()
        return cfg

    def check(self) -> None:
        """Refuse shapes that cannot work, each with one sentence (`ValueError`)."""
        if self.patch not in (4, 8, 16):
            raise ValueError(f"patch must be 4, 8 or 16, not {self.patch}")
        if 32 % self.stage_patch:
            raise ValueError(f"patch {self.patch} does not divide a 32-pixel latent")
        if self.dim1 % self.head_dim or self.dim2 % self.head_dim:
            raise ValueError("dim1 and dim2 must be multiples of head_dim")
        if not self.groups or min(self.groups) < 1:
            raise ValueError("groups must be positive channel counts")
        if self.latents > 3 * 32 * 32:
            raise ValueError("more latents than colour samples in a 32x32 block")
        if self.blend and self.blend % 2 == 0:
            raise ValueError("blend must be 0 or odd")
        if self.dw_kernel % 2 == 0 or self.knots < 2:
            raise ValueError("dw_kernel must be odd and knots at least 2")
        if not 0 < self.lambda_min < self.lambda_max:
            raise ValueError("lambda_min must be positive and below lambda_max")
