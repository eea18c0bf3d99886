"""The tasks of a worker process, and their results.

Tasks and results are pickled between the processes of one run.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from tccodec.metrics import Scores
from tccodec.report.work.pictures import SourcePicture, thumbnail
from tccodec.report.work.showcase import ViewerPicture, WantedSize, show_coded, show_original

if TYPE_CHECKING:
    from tccodec.report.work.worker import Worker

Result = TypeVar("Result")
Features = dict[str, NDArray[np.float16]]  # (patches, dimensions) by metric of sets


@dataclass(frozen=True, kw_only=True)
class Task(ABC, Generic[Result]):
    """Work on one picture. `key`: of its result in the store."""

    picture: SourcePicture
    key: str

    @abstractmethod
    def do(self, worker: Worker) -> Result:
        """The result, computed in a worker; raises what a picture, codec or metric raises."""


@dataclass(frozen=True)
class Failure:
    """The result of a task that failed."""

    reason: str
    unreadable: bool = False  # the picture itself could not be read


@dataclass(frozen=True, kw_only=True)
class PictureRead:
    """A picture's size in pixels, a small WebP of it, and its features."""

    width: int
    height: int
    thumb: bytes
    features: Features


@dataclass(frozen=True, kw_only=True)
class ReadPicture(Task[PictureRead]):
    """Decode a picture once. `features`: the metrics of sets that need some of it."""

    features: list[str]

    def do(self, worker: Worker) -> PictureRead:
        """Size, small picture and features."""
        rgb = worker.rgb(self.picture)
        height, width = rgb.shape[:2]
        features = worker.features(self.features, rgb)
        return PictureRead(width=width, height=height, thumb=thumbnail(rgb), features=features)


@dataclass(frozen=True, kw_only=True)
class Seconds:
    """Wall and CPU seconds of an encoder and a decoder."""

    encode_s: float
    decode_s: float
    encode_cpu_s: float
    decode_cpu_s: float


@dataclass(frozen=True, kw_only=True)
class PointMeasured:
    """A picture coded at one quality: bytes of the file, seconds, scores and features."""

    file_bytes: int
    seconds: Seconds
    scores: Scores
    features: Features


@dataclass(frozen=True, kw_only=True)
class MeasurePoint(Task[PointMeasured]):
    """Code a picture at one quality and measure it.

    codec: a peer's `spec`. metrics, features: metrics of pictures, and of sets.
    """

    codec: str
    quality: float
    metrics: list[str]
    features: list[str]

    def do(self, worker: Worker) -> PointMeasured:
        """Encode, decode, measure."""
        rgb = worker.rgb(self.picture)
        data, decoded, seconds = worker.code(worker.peer(self.codec), rgb, self.quality)
        return PointMeasured(
            file_bytes=len(data),
            seconds=seconds,
            scores=worker.scores(self.metrics, self.picture, decoded),
            features=worker.features(self.features, decoded),
        )


@dataclass(frozen=True, kw_only=True)
class ShowOriginal(Task[ViewerPicture]):
    """Make the file that the viewer shows of an original."""

    def do(self, worker: Worker) -> ViewerPicture:
        """The original, for the viewer."""
        return show_original(worker.rgb(self.picture))


@dataclass(frozen=True, kw_only=True)
class ShowCoded(Task[ViewerPicture]):
    """Code a picture as near to a size as possible, for the viewer.

    codec: a peer's `spec`. metrics: of pictures.
    """

    codec: str
    size: WantedSize
    metrics: list[str]

    def do(self, worker: Worker) -> ViewerPicture:
        """The coded picture, with its scores."""
        shown, decoded = show_coded(worker.rgb(self.picture), worker.peer(self.codec), self.size)
        return replace(shown, scores=worker.scores(self.metrics, self.picture, decoded))
