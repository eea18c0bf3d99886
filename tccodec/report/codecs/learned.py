"""tccodec's own models as peers, through the public API only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image

import tccodec
from tccodec.errors import BadModel, PeerFailed, UnknownModel
from tccodec.model import registry
from tccodec.model.registry import ModelCard
from tccodec.report.codecs.base import even_steps

REALISM = "-realism"


class TccodecPeer:
    """A model and its quality, 0..100; every point is a real `.tcz` file.

    With `realism`, the same files are decoded to natural texture instead of the least error.
    """

    knob = "quality"
    whole = False
    media_type: str | None = None

    def __init__(self, card: ModelCard, *, realism: bool = False) -> None:
        # a model folder may be named by its path, which must not get into the report
        self.name = card.name + (REALISM if realism else "")
        self.label = card.name + (", realism 1" if realism else "")
        self.realism = float(realism)
        identity = card.model_id.hex()
        self.version = f"tccodec {tccodec.__version__}, model {identity}"
        self.settings: dict[str, Any] = {"model": card.name, "model id": identity}
        if realism:
            self.version += f", realism {card.config['realism']['id']}"
            self.settings["realism"] = 1
        self.spec = str(card.folder) + (REALISM if realism else "")
        self._model = card
        self._codec: Any = None

    def _loaded(self) -> Any:
        if self._codec is None:
            from tccodec.api import Codec

            self._codec = Codec.from_pretrained(self._model.folder)
        return self._codec

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """The whole `.tcz` file, without a preview: other codecs add none either."""
        with self._without_folders():
            data: bytes = self._loaded().compress(image, quality=quality, preview=False)
        return data

    def decode(self, data: bytes, size: tuple[int, int]) -> Image.Image:
        """The picture in the file, from its bytes alone."""
        with self._without_folders():
            image: Image.Image = self._loaded().decompress(data, realism=self.realism)
        return image

    @contextmanager
    def _without_folders(self) -> Iterator[None]:
        """Failures are published, so a damaged model's folder is named without where it is."""
        try:
            yield
        except BadModel as error:
            folder = self._model.folder
            raise PeerFailed(str(error).replace(str(folder), folder.name)) from error

    def ladder(self, points: int) -> list[float]:
        """Even steps from 0 to 100: log rate is nearly linear in quality."""
        return even_steps((0, 100), points)

    def commands(self, quality: float) -> tuple[str, str]:
        """The command lines of encode and decode."""
        return (
            f"tccodec compress IN -o FILE.tcz -q {quality:g} --no-preview"
            f" --model {self._model.name}",
            "tccodec decompress FILE.tcz -o OUT.png" + (" --realism 1" if self.realism else ""),
        )


def find_model(name: str) -> ModelCard | None:
    """The card of a model, or None when no model has that name."""
    try:
        return registry.find_model(name)
    except UnknownModel:
        return None


def model_names() -> list[str]:
    """Names of the installed models."""
    return sorted(card.name for card in registry.models())


def default_models() -> list[str]:
    """The model that `tccodec compress` uses by default, if installed, with both its looks."""
    card = find_model(registry.DEFAULT_MODEL)
    if card is None:
        return []
    return [card.name] + ([card.name + REALISM] if card.has_realism else [])
