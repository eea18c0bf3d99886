"""tccodec: a learned image codec.

    import tccodec
    from PIL import Image

    data = tccodec.compress(Image.open("photo.jpg"), quality=50)    # bytes of a .tcz file
    picture = tccodec.decompress(data)                              # PIL.Image.Image

    codec = tccodec.Codec.from_pretrained("tcae-s", device="auto")  # for many pictures
    data = codec.compress("photo.jpg", size=20_000)

Importing this package imports neither torch nor numpy nor Pillow: the names below are loaded
when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tccodec.errors import (
    BadFile,
    BadModel,
    BadOption,
    BadPicture,
    BadTarget,
    LimitExceeded,
    MissingFile,
    OutputExists,
    TccodecError,
    UnknownModel,
    UnreadableFile,
    WrongType,
)

if TYPE_CHECKING:
    from tccodec import report
    from tccodec.api import Codec
    from tccodec.arguments import FileSource
    from tccodec.coding.attempts import Compressed
    from tccodec.coding.effort import Tune
    from tccodec.coding.quality import Quality
    from tccodec.coding.requests import PictureSource, Progress
    from tccodec.coding.search import Target, TargetKind
    from tccodec.coding.tensors import Latents
    from tccodec.container import Limits, Section, Setting, Tag, TczFile
    from tccodec.functions import compress, decompress, preview
    from tccodec.model.registry import ModelCard
    from tccodec.picture import Loss, Picture, Pixels, Strips
    from tccodec.picture.region import Region
    from tccodec.pillow import register_pillow

__version__ = "0.1.0.dev0"

__all__ = [
    "BadFile",
    "BadModel",
    "BadOption",
    "BadPicture",
    "BadTarget",
    "Codec",
    "Compressed",
    "FileSource",
    "Latents",
    "LimitExceeded",
    "Limits",
    "Loss",
    "MissingFile",
    "ModelCard",
    "OutputExists",
    "Picture",
    "PictureSource",
    "Pixels",
    "Progress",
    "Quality",
    "Region",
    "Section",
    "Setting",
    "Strips",
    "Tag",
    "Target",
    "TargetKind",
    "TccodecError",
    "TczFile",
    "Tune",
    "UnknownModel",
    "UnreadableFile",
    "WrongType",
    "__version__",
    "compress",
    "decompress",
    "preview",
    "register_pillow",
    "report",
]

_LAZY = {
    "Codec": "tccodec.api",
    "Compressed": "tccodec.coding.attempts",
    "FileSource": "tccodec.arguments",
    "Latents": "tccodec.coding.tensors",
    "Limits": "tccodec.container",
    "Loss": "tccodec.picture",
    "ModelCard": "tccodec.model.registry",
    "Picture": "tccodec.picture",
    "PictureSource": "tccodec.coding.requests",
    "Pixels": "tccodec.picture",
    "Progress": "tccodec.coding.requests",
    "Quality": "tccodec.coding.quality",
    "Region": "tccodec.picture.region",
    "Section": "tccodec.container",
    "Setting": "tccodec.container",
    "Strips": "tccodec.picture",
    "Tag": "tccodec.container",
    "Target": "tccodec.coding.search",
    "TargetKind": "tccodec.coding.search",
    "TczFile": "tccodec.container",
    "Tune": "tccodec.coding.effort",
    "compress": "tccodec.functions",
    "decompress": "tccodec.functions",
    "preview": "tccodec.functions",
    "register_pillow": "tccodec.pillow",
}


def __getattr__(name: str) -> Any:
    """Load a public name on first use, so that `import tccodec` stays cheap."""
    if name == "report":
        return importlib.import_module("tccodec.report")
    if name in _LAZY:
        value = getattr(importlib.import_module(_LAZY[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'tccodec' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
