"""A picture as the neural codec writes and reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tccodec.container import Setting, TczFile, tile_grid


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedPicture:
    """What `NeuralCodec` encodes a picture to, and decodes.

    width, height: pixels. setting: 0 .. 1000. payloads: one per tile group, raster order.
    """

    width: int
    height: int
    setting: Setting
    payloads: Sequence[bytes]

    @classmethod
    def of(cls, file: TczFile) -> CodedPicture:
        """The coded picture that a file holds."""
        return cls(width=file.width, height=file.height, setting=file.setting, payloads=file.tiles)

    @classmethod
    def blank(cls, width: int, height: int, setting: Setting) -> CodedPicture:
        """A coded picture without latents."""
        columns, rows = tile_grid(width, height)
        payloads = [b""] * (columns * rows)
        return cls(width=width, height=height, setting=setting, payloads=payloads)
