"""tccodec's own models as peers, reached only through the public API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from tccodec.modelfile import read_config
from tccodec.report.peers import spread


class TccodecPeer:
    """A model and its quality 0..100; every point is a real ``.tcz`` file."""

    knob = "quality"
    whole = False
    media_type: str | None = None

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.label = name
        identity = read_config(folder)["model_id"]
        self.version = f"model {identity}"
        self.settings: dict[str, Any] = {"model": name, "model id": identity}
        self._folder = folder
        self._codec: Any = None

    def _loaded(self) -> Any:
        if self._codec is None:
            from tccodec.api import Codec

            self._codec = Codec.from_pretrained(str(self._folder))
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


def _folders() -> list[Path]:
    package = Path(__file__).resolve().parent.parent
    return [package / "models", package.parent / "models"]


def find_model(name: str) -> Path | None:
    """The folder of a released model, or None."""
    if not name or Path(name).name != name:
        return None
    found = (folder / name for folder in _folders())
    return next((path for path in found if (path / "config.json").is_file()), None)


def model_names() -> list[str]:
    """Released models at hand."""
    return sorted({p.parent.name for folder in _folders() for p in folder.glob("*/config.json")})


def default_model() -> str | None:
    """The model that ``tccodec compress`` would use, if it is here."""
    names = model_names()
    return "tcae-s" if "tcae-s" in names else (names[0] if names else None)
