"""Configuration of one model: every number that changes a tensor's shape or the format."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tccodec.fields import between, check_fields, check_names, within

if TYPE_CHECKING:
    from torch import Tensor

Scalar = TypeVar("Scalar", float, "Tensor")

MAX_GROUPS = 16  # a bit each, in the first bytes of a tile group
_LISTS = ("groups", "start", "spacing")  # tuples here, lists in files


@dataclass(frozen=True)
class ModelConfig:
    """Shapes of TC-AE with a rate. The defaults are the released `tcae-s`, but for `blend`.

    Sizes are in pixels where they say so, otherwise in channels or blocks. Ranges are wide: no
    useful value lies outside, and no value inside takes all memory before it is refused.
    """

    name: str = "tcae-s"
    # Tokens: patch 8 is the paper's point (more tokens at a fixed latent budget).
    patch: int = within(between(4, 16), 8)
    # True: two stages with a 2x2 merge between them; False: all blocks at the patch's scale.
    staged: bool = True
    dim1: int = within(between(1, 4096), 96)
    dim2: int = within(between(1, 4096), 256)
    enc_blocks1: int = within(between(0, 64), 1)
    enc_blocks2: int = within(between(0, 64), 2)
    dec_blocks1: int = within(between(0, 64), 2)
    dec_blocks2: int = within(between(0, 64), 3)
    head_dim: int = within(between(1, 4096), 32)
    window: int = within(between(1, 16), 8)
    mlp_ratio: int = within(between(1, 16), 3)
    # A 5x5 depthwise convolution costs seven times as much on a CPU as 3x3.
    dw_kernel: int = within(between(1, 31), 3)
    # Latents per 32x32 pixels, in groups in order of importance; their sum is a bit over one latent
    # per pixel. The first `coarse` groups describe the whole 32x32 pixels. Of the others, each
    # quadrant has a quarter: fine detail has a place inside 32 pixels, and one network for all
    # four quadrants learns from four times as many samples.
    groups: tuple[int, ...] = (32, 32, 64, 128, 256, 512, 384)
    coarse: int = within(between(1, MAX_GROUPS), 2)
    # Side of a depthwise convolution before the decoder's last layer, 0 for none: without it the
    # patches see each other's corrections only in earlier layers, and their borders are visible.
    blend: int = within(between(0, 31), 0)
    bottleneck: int = within(between(1, 8192), 256)  # hidden width of the MLPs around the latents
    gated: bool = False  # MLPs of width mlp_ratio with a gate as wide (Shazeer 2020)
    # Every n-th block of a scale has attention (the last one if there are fewer); 0: none.
    enc_attention: int = within(between(0, 64), 1)
    dec_attention: int = within(between(0, 64), 1)
    # Width of the renderer on the 1/4 grid, which takes the place of the decoder's blocks at the
    # patch's scale; 0: those blocks.
    renderer: int = within(between(0, 1024), 0)
    renderer_hidden: int = within(between(1, 4096), 64)
    # Entropy model
    hyper: int = within(between(1, 4096), 64)  # hyper-latents per 64x64 pixels
    hidden: int = within(between(4, 4096), 256)  # width of the integer context networks at 1/32
    fine_hidden: int = within(between(1, 4096), 192)  # and of those of the quadrants
    # The first groups, of which signs as well as magnitudes are context.
    signed_groups: int = within(between(0, MAX_GROUPS), 3)
    # From this group on all sites of a group are coded in one pass, and the previous group enters
    # as the mean of the site's four neighbours; 0: no group.
    one_pass: int = within(between(0, MAX_GROUPS), 0)
    centroids: bool = False  # symbols stand for learned points of their bins, by table
    # The first table whose symbols have two quantisers (`entropy.trellis`); 0: no table.
    trellis: int = within(between(0, 63), 0)
    # Distances between the points of a quantiser, in sixteenths of a step: below `trellis`, from it
    # on.
    spacing: tuple[int, ...] = (16, 16)
    # Lowest setting (0..1000) at which each group may be present; empty: all, at any setting.
    start: tuple[int, ...] = ()
    # Rate: setting 0..1000 -> lambda on 0..255 squared error, log-linear.
    # Tables have a row at each knot; knots are a whole number of settings apart.
    knots: int = within(between(2, 101), 9)
    lambda_min: float = within(between(1e-9, 1e6), 1.0e-4)
    lambda_max: float = within(between(1e-9, 1e6), 0.6)

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
        """Channels at one site of each group: those of the quadrants count once."""
        return sum(self.sizes)

    @property
    def low(self) -> int:
        """Coefficients of each quadrant that the coarse latents hold."""
        return sum(self.groups[: self.coarse]) // 4

    def scale(self, group: int) -> int:
        """Sites of a group per side of 32 pixels: 1, or 2 if it describes quadrants."""
        return 1 if group < self.coarse else 2

    def attending(self, count: int, every: int) -> tuple[int, ...]:
        """The blocks, of `count`, that have attention; every second has shifted windows."""
        if not every or not count:
            return ()
        return tuple(range(min(every, count) - 1, count, every))

    @property
    def stage_patch(self) -> int:
        """Pixels per side of a token in the wide stage: 2 x patch when staged."""
        return self.patch * 2 if self.staged else self.patch

    def lam(self, setting: Scalar) -> Scalar:
        """Lagrange multiplier of the squared error at a setting 0..1000."""
        growth: Scalar = (self.lambda_max / self.lambda_min) ** (setting / 1000.0)
        return self.lambda_min * growth

    def rdoq_weight(self, setting: Scalar, rdoq: float) -> Scalar:
        """The bits that a squared error of one in a latent costs.

        The cost per 32x32 block is bits + 1024 * lambda * squared error per sample, and the
        transform is close to orthonormal over the block's 3 * 1024 samples. The strength `rdoq`
        scales the bits. It counts less at low settings, where a latent set to zero takes more
        from the context of others.
        """
        return self.lam(setting) / (3 * rdoq * (0.5 + setting / 1000.0))

    def can_start_from(self, other: ModelConfig) -> bool:
        """Whether a model of these shapes can start from the weights of `other`.

        It may have more blocks, more groups at the end, a `blend` that `other` has not, or another
        trellis.
        """
        blocks = ("enc_blocks1", "enc_blocks2", "dec_blocks1", "dec_blocks2")
        same = dataclasses.replace(
            other,
            name=self.name,
            **{name: getattr(self, name) for name in blocks},
            groups=self.groups,
            blend=other.blend or self.blend,
            trellis=self.trellis,
            spacing=self.spacing,
        )
        return (
            same == self
            and all(getattr(self, name) >= getattr(other, name) for name in blocks)
            and self.groups[: len(other.groups)] == other.groups
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        d = dataclasses.asdict(self)
        for key in _LISTS:
            d[key] = list(d[key])
        return d

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ModelConfig:
        """Inverse of `to_dict`, checked; a key that is no field is a `ValueError` naming it."""
        check_names(cls, values, kind="model setting")
        v = dict(values)
        for key in _LISTS:
            if isinstance(v.get(key), list):
                v[key] = tuple(v[key])
        cfg = cls(**v)
        cfg.check()
        return cfg

    def check(self) -> None:
        """Refuse shapes that cannot work, each with one sentence (`ValueError`)."""
        check_fields(self)
        if self.patch not in (4, 8, 16):
            raise ValueError(f"patch must be 4, 8 or 16, not {self.patch}")
        if self.stage_patch not in (4, 8, 16):
            raise ValueError(f"tokens of {self.stage_patch} pixels do not divide a quadrant")
        if self.dim1 % self.head_dim or self.dim2 % self.head_dim:
            raise ValueError("dim1 and dim2 must be multiples of head_dim")
        if not self.groups or min(self.groups) < 1:
            raise ValueError("groups must be positive channel counts")
        if len(self.groups) > MAX_GROUPS:
            raise ValueError(f"at most {MAX_GROUPS} groups, not {len(self.groups)}")
        if self.latents > 3 * 32 * 32:
            raise ValueError(
                "groups of more latents than there are colour samples in a 32x32 block"
            )
        if not 0 < self.coarse < len(self.groups) or any(
            n % 4 for n in (sum(self.groups[: self.coarse]), *self.groups[self.coarse :])
        ):
            raise ValueError("coarse must leave groups for quadrants, in multiples of four")
        if self.blend and self.blend % 2 == 0:
            raise ValueError("blend must be 0 or odd")
        if self.start and len(self.start) != len(self.groups):
            raise ValueError("start must have a setting for each group")
        if self.start and not all(0 <= setting <= 1000 for setting in self.start):
            raise ValueError("start must be settings from 0 to 1000")
        if list(self.start) != sorted(self.start):
            raise ValueError("start must not fall from one group to the next")
        if self.one_pass and self.one_pass <= self.coarse:
            raise ValueError("one_pass must name a group of the quadrants after their first")
        if self.trellis and (self.trellis < 2 or self.centroids):
            raise ValueError("trellis must be 0 or 2 to 63, and not together with centroids")
        if len(self.spacing) != 2 or not all(2 <= n <= 64 for n in self.spacing):
            raise ValueError("spacing must be two numbers from 2 to 64")
        if self.trellis and self.spacing[1] % 2:
            raise ValueError("the second spacing must be even")
        if not self.trellis and self.spacing != (16, 16):
            raise ValueError("spacing other than 16 needs a trellis")
        if self.renderer and (self.dec_blocks1 or self.blend or self.stage_patch == 4):
            raise ValueError("a renderer needs dec_blocks1 0, blend 0 and tokens of 8 or 16 pixels")
        if self.dw_kernel % 2 == 0:
            raise ValueError("dw_kernel must be odd")
        if 1000 % (self.knots - 1):
            raise ValueError(f"knots - 1 must divide 1000, not be {self.knots - 1}")
        if self.lambda_min >= self.lambda_max:
            raise ValueError("lambda_min must be below lambda_max")
