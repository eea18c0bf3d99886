"""How a picture is coded, besides its target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from tccodec.arguments import check_choice, check_flag, check_integer
from tccodec.coding.effort import MAX_EFFORT, TUNES, Tune
from tccodec.coding.search import Target
from tccodec.errors import BadOption


@dataclass(frozen=True, slots=True)
class CodingOptions:
    """How a picture is coded: arguments of `Codec.compress`.

    Raises `WrongType` or `BadOption` for invalid values.
    """

    effort: int
    tune: Tune
    lossy: bool
    screen: bool
    preview: bool

    def __post_init__(self) -> None:
        check_choice("tune", self.tune, TUNES)
        effort = check_integer("effort", self.effort, low=1, high=MAX_EFFORT)
        object.__setattr__(self, "effort", effort)
        for name in ("lossy", "screen", "preview"):
            object.__setattr__(self, name, check_flag(name, getattr(self, name)))

    def checked_for(self, target: Target) -> Self:
        """These options; `BadOption` if they contradict each other or the target."""
        if self.lossy and self.screen:
            raise BadOption("a picture is coded by latents only or without them, not both")
        if target.kind == "lossless" and (self.lossy or self.screen):
            raise BadOption("a lossless picture is coded neither as latents nor as a screen")
        return self
