"""The codecs of Pillow and its plugins, with fixed settings, which the report prints."""

from __future__ import annotations

import importlib
import importlib.metadata
import io
from dataclasses import dataclass, field
from typing import Any

from PIL import Image, features
from PIL import __version__ as pillow_version

from tccodec.errors import NotAvailable, PeerFailed
from tccodec.picture.pillow import ANY_SIZE, guarded
from tccodec.report.codecs.base import even_steps, plain_number


@dataclass
class PillowPeer:
    """A codec behind `Image.save` and `Image.open`."""

    name: str
    label: str
    format: str
    version: str
    options: dict[str, Any]
    anchors: tuple[float, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    knob: str = "quality"
    whole: bool = True
    media_type: str | None = None

    def __post_init__(self) -> None:
        self.spec = self.name

    def encode(self, image: Image.Image, quality: float) -> bytes:
        """The bytes that `Image.save` writes."""
        file = io.BytesIO()
        try:
            image.save(file, format=self.format, **self._options(quality))
        except (OSError, ValueError, RuntimeError) as error:
            raise PeerFailed(f"{self.name} could not encode: {error}") from error
        return file.getvalue()

    def decode(self, data: bytes, size: tuple[int, int]) -> Image.Image:
        """The picture, decoded by the same library."""
        try:
            with guarded(ANY_SIZE), Image.open(io.BytesIO(data), formats=[self._reader()]) as image:
                return image.convert("RGB")
        except (OSError, ValueError, RuntimeError) as error:
            raise PeerFailed(f"{self.name} could not decode its own file: {error}") from error

    def ladder(self, points: int) -> list[float]:
        """Qualities with which the codec covers about 0.05 to 2 bits per pixel."""
        return even_steps(self.anchors, points)

    def commands(self, quality: float) -> tuple[str, str]:
        """Encode and decode as lines of Python."""
        options = ", ".join(f"{k}={v!r}" for k, v in self._options(quality).items())
        return f"image.save(file, format={self.format!r}, {options})", "PIL.Image.open(file)"

    def _options(self, quality: float) -> dict[str, Any]:
        value = plain_number(quality)
        knob: dict[str, Any] = (
            {"quality_layers": [value]} if self.format == "JPEG2000" else {"quality": int(value)}
        )
        return knob | self.options

    def _reader(self) -> str:
        return self.format


# The ladders are the settings of the anchors that were measured on Kodak. AVIF: libavif cuts large
# pictures into as many tiles as it has threads, so the number of threads is fixed to get the same
# bytes on every machine.
def _jpeg() -> PillowPeer:
    turbo = features.version("libjpeg_turbo")
    return PillowPeer(
        name="jpeg",
        label="JPEG",
        format="JPEG",
        version=f"Pillow {pillow_version}, "
        + (f"libjpeg-turbo {turbo}" if turbo else f"libjpeg {features.version('jpg')}"),
        options={"optimize": True, "progressive": True, "subsampling": "4:2:0"},
        anchors=(5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90, 95),
        settings={"optimised tables": True, "progressive": True, "chroma": "4:2:0"},
        media_type="image/jpeg",
    )


def _webp() -> PillowPeer:
    _need("webp", "WebP")
    return PillowPeer(
        name="webp",
        label="WebP",
        format="WEBP",
        version=f"Pillow {pillow_version}, libwebp {features.version('webp')}",
        options={"method": 6},
        anchors=(0, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95),
        settings={"method": 6, "chroma": "4:2:0"},
        media_type="image/webp",
    )


def _avif(name: str = "avif", chroma: str = "4:2:0") -> PillowPeer:
    _need("avif", "AVIF")
    return PillowPeer(
        name=name,
        label="AVIF" if chroma == "4:2:0" else f"AVIF {chroma}",
        format="AVIF",
        version=f"Pillow {pillow_version}, libavif {features.version('avif')}",
        options={"speed": 4, "subsampling": chroma, "max_threads": 2},
        anchors=(10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90),
        settings={"speed": 4, "chroma": chroma, "threads (tiles)": 2},
        media_type="image/avif",
    )


def _jp2() -> PillowPeer:
    _need("jpg_2000", "JPEG 2000")
    return PillowPeer(
        name="jp2",
        label="JPEG 2000",
        format="JPEG2000",
        version=f"Pillow {pillow_version}, OpenJPEG {features.version('jpg_2000')}",
        options={"quality_mode": "dB", "irreversible": True, "mct": 1},
        anchors=(24, 26, 28, 30, 32, 34, 36, 38, 40, 42),
        settings={"wavelet": "9/7", "colour transform": True, "layers": 1, "chroma": "4:4:4"},
        knob="dB",
        whole=False,
    )


def _jxl() -> PillowPeer:
    version = _plugin(
        "jxl",
        module="pillow_jxl",
        distribution="pillow-jxl-plugin",
        licence="GPL-3.0-or-later",
    )
    return PillowPeer(
        name="jxl",
        label="JPEG XL",
        format="JXL",
        version=f"pillow-jxl-plugin {version}",
        options={"effort": 7},
        anchors=(5, 10, 20, 30, 40, 50, 60, 70, 80, 90),
        settings={"effort": 7, "mode": "VarDCT"},
    )


class _HeifPeer(PillowPeer):
    def _reader(self) -> str:
        return "HEIF"


def _heic() -> PillowPeer:
    version = _plugin(
        "heic",
        module="pillow_heif",
        distribution="pillow-heif",
        licence="GPL-2.0 in its wheels",
    )
    heif = importlib.import_module("pillow_heif")
    heif.register_heif_opener()
    return _HeifPeer(
        name="heic",
        label="HEIC",
        format="HEIF",
        version=f"pillow-heif {version}, libheif {heif.libheif_version()}",
        options={},
        anchors=(10, 20, 30, 40, 50, 60, 70),
        settings={"encoder": "x265, as libheif sets it", "chroma": "4:2:0"},
    )


CLASSICAL = {
    "jpeg": _jpeg,
    "webp": _webp,
    "avif": _avif,
    "avif-444": lambda: _avif("avif-444", "4:4:4"),
    "jxl": _jxl,
    "heic": _heic,
    "jp2": _jp2,
}


def _need(feature: str, label: str) -> None:
    if not features.check(feature):
        hint = "pip install --upgrade 'pillow>=11.3'"
        raise NotAvailable(label, "this Pillow was built without it", hint)


def _plugin(name: str, *, module: str, distribution: str, licence: str) -> str:
    try:
        importlib.import_module(module)
    except ImportError as error:
        hint = f"pip install {distribution} ({licence}, which is why tccodec does not bring it)"
        raise NotAvailable(name, f"the plugin {distribution} is missing", hint) from error
    return importlib.metadata.version(distribution)
