"""The latents of a picture as tensors, group by group, for machine learning and for research.

torch is not imported: the type is there where torch is not installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tccodec.container import Setting

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Latents:
    """The latents of a picture.

    groups: by name, `group0` and so on, fp32 `(c, h, w)` on the CPU, in quantisation steps. A
    coarse group has a site for each 32 x 32 pixels, a fine one has four. A file holds roughly the
    nearest integers. setting: of the steps, 0 .. 1000. width, height: of the picture, in pixels.

    Two are equal if all of that is, tensors by their values.
    """

    groups: Mapping[str, Tensor]
    setting: Setting
    width: int
    height: int

    def __eq__(self, other: object) -> bool:  # a dataclass's own wants one truth value of tensors
        if not isinstance(other, Latents):
            return NotImplemented
        mine, yours = self.groups, other.groups
        return (
            (self.setting, self.width, self.height) == (other.setting, other.width, other.height)
            and mine.keys() == yours.keys()
            and all(
                a is b or ((a.dtype, a.device) == (b.dtype, b.device) and a.equal(b))
                for a, b in ((mine[name], yours[name]) for name in mine)
            )
        )
