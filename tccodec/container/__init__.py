"""Bytes <-> `.tcz` file: header, tile groups, sections, checksums, limits.

Pure Python on the standard library: no torch, no numpy. `docs/reference/format.md` describes the
same format in prose; the docstring of each module holds the part of the layout that it implements.
"""

from tccodec.container.layout import (
    MAGIC,
    MAX_SETTING,
    MODEL_ID_BYTES,
    TILE_SIDE,
    VERSION,
    Header,
    Setting,
    read_header,
    tile_box,
    tile_grid,
)
from tccodec.container.limits import DEFAULT_LIMITS, MAX_PIXELS, MAX_SIDE, Limits
from tccodec.container.sections import Section, Tag, make_section
from tccodec.container.tcz import TczFile, read, write

__all__ = [
    "DEFAULT_LIMITS",
    "MAGIC",
    "MAX_PIXELS",
    "MAX_SETTING",
    "MAX_SIDE",
    "MODEL_ID_BYTES",
    "TILE_SIDE",
    "VERSION",
    "Header",
    "Limits",
    "Section",
    "Setting",
    "Tag",
    "TczFile",
    "make_section",
    "read",
    "read_header",
    "tile_box",
    "tile_grid",
    "write",
]
