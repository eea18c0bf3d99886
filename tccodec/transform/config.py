"""Configuration of one model: every number that changes a tensor's shape or the format."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

Number = TypeVar("Number", float, "Tensor")


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
    dec_blocks2: int = 3
    head_dim: int = 32
    window: int = 8
    mlp_ratio: int = 3
    dw_kernel: int = 3  # a 5x5 depthwise convolution costs seven times as much on a CPU
    # Nested latents per 32x32 pixels: groups in order of importance; their sum is a bit over one
    # latent per pixel. The first `coarse` groups tell of the 32x32 pixels as a whole, the others
    # of its quadrants, a quarter of the group each: fine detail has a place inside 32 pixels,
    # and one network for the four quadrants learns from four times as many samples.
    groups: tuple[int, ...] = (32, 32, 64, 128, 256, 512, 384)
    coarse: int = 2
    # Side of a depthwise convolution before the decoder's last layer, 0 for none: without it the
    # patches see each other's corrections only through earlier layers, and their borders show.
    blend: int = 0
    bottleneck: int = 256  # hidden width of the MLPs around the latents
    # Entropy model
    hyper: int = 64  # hyper-latents per 64x64 pixels
    hidden: int = 256  # width of the integer context networks at 1/32
    fine_hidden: int = 192  # and of those of the quadrants
    signed_groups: int = 3  # groups whose signs, not only magnitudes, are context
    # Rate: quality 0..100 -> lambda on 0..255 squared error, log-linear.
    knots: int = 9
    lambda_min: float = 1.0e-4
    lambda_max: float = 0.6

    @property
    def latents(self) -> int:
        """Channels at 1/32, all groups together."""
        return sum(self.groups)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Channels of each group at one of its own sites (see `scale`)."""
        return tuple(n // self.scale(g) ** 2 for g, n in enumerate(self.groups))

    @property
    def channels(self) -> int:
        """Channels that differ in kind: those of the quadrants count once."""
        return sum(self.sizes)

    @property
    def low(self) -> int:
        """Coefficients of a quadrant that go into the coarse latents."""
        return sum(self.groups[: self.coarse]) // 4

    def scale(self, group: int) -> int:
        """Sites of a group per side of 32 pixels: 1, or 2 where it tells of quadrants."""
        return 1 if group < self.coarse else 2

    @property
    def stage_patch(self) -> int:
        """Pixels per side of a token in the wide stage: 2 x patch when staged."""
        return self.patch * 2 if self.staged else self.patch

    def lam(self, quality: Number) -> Number:
        """Lagrange multiplier of the squared error for qualities in 0..1000."""
        growth: Number = (self.lambda_max / self.lambda_min) ** (quality / 1000.0)
        return self.lambda_min * growth

    def worth(self, quality: Number, rdoq: float) -> Number:
        """Bits that a squared error of one in a latent is worth where symbols are chosen.

        The cost per 32x32 block is bits + 1024 * lambda * squared error per sample, and the
        transform is close to orthonormal over the block's 3 * 1024 samples. The strength `rdoq`
        scales the bits, and counts less at low qualities, where a zero takes more from the
        context of others.
        """
        return self.lam(quality) / (3 * rdoq * (0.5 + quality / 1000.0))

    def extends(self, other: ModelConfig) -> bool:
        """Whether these shapes are those of `other`, or have more blocks, more groups at the end,
        or a blend where it has none."""
        blocks = ("enc_blocks1", "enc_blocks2", "dec_blocks1", "dec_blocks2")
        same = dataclasses.replace(
            other,
            name=self.name,
            **{name: getattr(self, name) for name in blocks},
            groups=self.groups,
            blend=other.blend or self.blend,
        )
        return (
            same == self
            and all(getattr(self, name) >= getattr(other, name) for name in blocks)
            and self.groups[: len(other.groups)] == other.groups
        )

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
        if self.stage_patch not in (4, 8, 16):
            raise ValueError(f"tokens of {self.stage_patch} pixels do not divide a quadrant")
        if self.dim1 % self.head_dim or self.dim2 % self.head_dim:
            raise ValueError("dim1 and dim2 must be multiples of head_dim")
        if not self.groups or min(self.groups) < 1:
            raise ValueError("groups must be positive channel counts")
        if self.latents > 3 * 32 * 32:
            raise ValueError("more latents than colour samples in a 32x32 block")
        if not 0 < self.coarse < len(self.groups) or any(
            n % 4 for n in (sum(self.groups[: self.coarse]), *self.groups[self.coarse :])
        ):
            raise ValueError("coarse must leave groups for quadrants, in multiples of four")
        if self.blend and self.blend % 2 == 0:
            raise ValueError("blend must be 0 or odd")
        if self.dw_kernel % 2 == 0 or self.knots < 2:
            raise ValueError("dw_kernel must be odd and knots at least 2")
        if not 0 < self.lambda_min < self.lambda_max:
            raise ValueError("lambda_min must be positive and below lambda_max")
