"""tccodec's own models as peers, reached only through the public API."""

from __future__ import annotations

from typing import Any

from PIL import Image

import tccodec
from tccodec import registry
from tccodec.errors import UnknownModel
from tccodec.registry import ModelCard
from tccodec.report.peers import spread


class TccodecPeer:
    """A model and its quality 0..100; every point is a real ``.tcz`` file."""

    knob = "quality"
    whole = False
    media_type: str | None = None

    def __init__(self, card: ModelCard) -> None:
        # a model folder may be named by its path, which must not get into the report
        self.name = card.name
        self.label = card.name
        identity = card.model_id.hex()
        self.version = f"tccodec {tccodec.__version__}, model {identity}"
        self.settings: dict[str, Any] = {"model": card.name, "model id": identity}
        self.spec = str(card.folder)
        self._codec: Any = None

    def _loaded(self) -> Any:
        if self._codec is None:
            from tccodec.api import Codec

            self._codec = Codec.from_pretrained(self.spec)
        return self._codec

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """The whole ``.tcz`` file."""
        data: bytes = self._loaded().compress(image, quality=quality)
        return data

    def decode(self, data: bytes, size: tuple[int, int]) -> Image.Image:
        """The picture in the file, from its bytes alone."""
        image: Image.Image = self._loaded().decompress(data)
        return image

    def ladder(self, points: int) -> list[float]:
        """0 to 100 in even steps: the quality is linear in log rate by design."""
        return spread((0, 100), points)

    def commands(self, quality: float) -> tuple[str, str]:
        """Command lines."""
        return (
            f"tccodec compress IN -o FILE.tcz -q {quality:g} --model {self.name}",
            "tccodec decompress FILE.tcz -o OUT.png",
        )


def find_model(name: str) -> ModelCard | None:
    """The card of a model, or None when no model has that name."""
    try:
        return registry.find_model(name)
    except UnknownModel:
        return None


def model_names() -> list[str]:
    """Models at hand."""
    return sorted(card.name for card in registry.models())


def default_model() -> str | None:
    """The model that ``tccodec compress`` would use, if it is here."""
    return registry.DEFAULT_MODEL if find_model(registry.DEFAULT_MODEL) else None
