"""The result of `tccodec.report.run`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tccodec.metrics import MetricInfo
from tccodec.report.curves import TINY_PIXELS, Record
from tccodec.report.sentences import sentences
from tccodec.report.summary import Summary, without_nan

if TYPE_CHECKING:
    from tccodec.report.work.showcase import ViewerPicture

# Version of results.json; its schema is docs/reference/schema/results.json.
SCHEMA = "tccodec-report/2"


@dataclass(frozen=True)
class CodecInfo:
    """A codec of the report: version, settings, and how to repeat its work."""

    name: str
    label: str
    version: str
    settings: dict[str, Any]
    knob: str
    qualities: list[float]
    encoding_cmd: str
    decoding_cmd: str


@dataclass(frozen=True)
class PictureInfo:
    """A picture of the folder; `thumb` is a small WebP."""

    name: str
    sha256: str
    width: int
    height: int
    file_bytes: int
    thumb: bytes = field(repr=False)

    @property
    def megapixels(self) -> float:
        """Millions of pixels."""
        return self.width * self.height / 1e6

    @property
    def tiny(self) -> bool:
        """Whether a file of this picture is nearly all header, so that it does not count."""
        return self.width * self.height < TINY_PIXELS


@dataclass(frozen=True, kw_only=True)
class ShownVariant:
    """A picture in the page's viewer, coded near `wanted_bpp` bits per pixel, at `bpp`."""

    shown: ViewerPicture
    wanted_bpp: float
    bpp: float


@dataclass(frozen=True, kw_only=True)
class ShownPicture:
    """A picture in the page's viewer: the original, and by codec one variant for each rate."""

    name: str
    reason: str
    original: ViewerPicture
    variants: dict[str, list[ShownVariant]]


@dataclass
class Report:
    """A finished report, or an interrupted one (`complete` is False).

    `records` has one flat dict per point, which `pandas.DataFrame(report.records)` takes as it
    is: picture, codec, quality, sizes, bpp, seconds, and one column per metric.
    """

    records: list[Record]
    summary: Summary
    codecs: list[CodecInfo]
    metrics: list[MetricInfo]
    pictures: list[PictureInfo]
    folder: str
    out: Path | None
    complete: bool
    computed: int
    reused: int
    unreadable: list[dict[str, str]]
    failures: list[dict[str, Any]]
    skipped: list[dict[str, str]]
    environment: dict[str, Any]
    elapsed_s: float
    window: tuple[float, float] | None = None
    rates: list[float] = field(default_factory=list)
    shown: list[ShownPicture] = field(default_factory=list, repr=False)
    left_out: list[dict[str, str]] = field(default_factory=list)

    @property
    def megapixels(self) -> float:
        """Megapixels of all pictures that could be read."""
        return sum(p.megapixels for p in self.pictures)

    @property
    def file_bytes(self) -> int:
        """Bytes of the pictures on disk."""
        return sum(p.file_bytes for p in self.pictures)

    def codec(self, name: str) -> CodecInfo:
        """The codec with this name."""
        return next(c for c in self.codecs if c.name == name)

    def label(self, name: str) -> str:
        """A codec's label, or its name if it has coded nothing."""
        return next((c.label for c in self.codecs if c.name == name), name)

    def metric(self, name: str) -> MetricInfo:
        """The metric with this name."""
        return next(m for m in self.metrics if m.name == name)

    def as_dict(self) -> dict[str, Any]:
        """The content of results.json."""
        constants = {
            "folder": self.folder,
            "anchor": self.summary.anchor,
            "focus": self.summary.focus,
            "bpp_window": self.window,
            "pictures": len(self.pictures),
            "megapixels": self.megapixels,
            "file_bytes": self.file_bytes,
        }
        plain = {
            "schema": SCHEMA,
            "complete": self.complete,
            "constants": constants,
            "environment": self.environment,
            "elapsed_s": self.elapsed_s,
            "points": {"computed": self.computed, "reused": self.reused},
            "codecs": [asdict(c) for c in self.codecs],
            "metrics": [m.as_dict() for m in self.metrics],
            "field_descriptions": self.field_descriptions(),
            "pictures": [
                {
                    "name": p.name,
                    "sha256": p.sha256,
                    "width": p.width,
                    "height": p.height,
                    "file_bytes": p.file_bytes,
                    "tiny": p.tiny,
                }
                for p in self.pictures
            ],
            "records": self.records,
            "summary": self.summary.as_dict(),
            "sentences": sentences(self),
            "unreadable": self.unreadable,
            "failures": self.failures,
            "skipped": self.skipped,
            "left_out": self.left_out,
        }
        cleaned: dict[str, Any] = without_nan(plain)
        return cleaned

    def field_descriptions(self) -> dict[str, str]:
        """The meaning of each column of `records`."""
        fields = {
            "picture": "path of the picture below the folder",
            "codec": "codec as named on the command line; see codecs for version and settings",
            "quality": "the codec's own quality setting",
            "width": "pixels, after EXIF orientation",
            "height": "pixels, after EXIF orientation",
            "megapixels": "width x height / 1e6",
            "source_bytes": "the picture's file as it is in the folder",
            "bytes": "the whole coded file",
            "bpp": "8 x bytes / (width x height)",
            "encode_cpu_s": "processor seconds of the encoder, summed over its threads, in memory "
            "(external commands: with their start)",
            "decode_cpu_s": "processor seconds of the decoder, likewise",
            "encode_s": "wall seconds of the encoder while other workers and programs ran: longer "
            "than alone, by an unknown factor",
            "decode_s": "wall seconds of the decoder, likewise",
        }
        return fields | {
            m.name: f"{m.label}: {m.definition}" for m in self.metrics if m.per_picture
        }
