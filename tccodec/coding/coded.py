"""A picture as the neural codec writes and reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tccodec.config import ModelConfig
from tccodec.container import TILE_SIDE, Setting, TczFile, tile_grid
from tccodec.errors import BadFile
from tccodec.transform.blank import Folded, folded


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

    def tile_rows(self) -> list[Sequence[bytes]]:
        """The payloads by row of tile groups; `BadFile` if there are too few or too many."""
        columns, rows = tile_grid(self.width, self.height)
        if len(self.payloads) != columns * rows:
            raise BadFile(f"{len(self.payloads)} tile groups where {columns * rows} are needed")
        return [self.payloads[at : at + columns] for at in range(0, columns * rows, columns)]

    def folded(self, cfg: ModelConfig) -> tuple[CodedPicture, Folded, Folded]:
        """`(picture, down, across)`: the picture without most of its blank rows and columns of
        tile groups, and how its height and its width are folded.
        """
        payloads = self.tile_rows()
        blank_rows = [not any(row) for row in payloads]
        blank_columns = [not any(column) for column in zip(*payloads, strict=True)]
        down = folded(self.height, blank_rows, cfg, side=TILE_SIDE)
        across = folded(self.width, blank_columns, cfg, side=TILE_SIDE)
        picture = CodedPicture(
            width=across.size,
            height=down.size,
            setting=self.setting,
            payloads=[payloads[y][x] for y in down.tiles for x in across.tiles],
        )
        return picture, down, across
