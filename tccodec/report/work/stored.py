"""What the store holds of a run: the keys of its results, and what is missing of each."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tccodec.report.codecs.base import Peer
from tccodec.report.plan import ReportPlan
from tccodec.report.work.pictures import READER, SourcePicture
from tccodec.report.work.showcase import CROP_PIXELS, ViewerPicture
from tccodec.report.work.store import Store, key_of, write_in_report
from tccodec.report.work.tasks import Features, PictureRead, PointMeasured


class StoredResults:
    """The results of a plan in a store, by picture, codec, and quality or rate."""

    def __init__(self, plan: ReportPlan, store: Store) -> None:
        self.plan, self.store = plan, store

    def get(self, key: str) -> dict[str, Any] | None:
        """A stored result, or None."""
        return self.store.get(key)

    def picture_key(self, picture: SourcePicture) -> str:
        """The key of what was read from a picture."""
        return key_of(kind="look", picture=picture.sha256, reader=READER)

    def point_key(self, picture: SourcePicture, peer: Peer, quality: float) -> str:
        """The key of a picture coded and measured at one quality."""
        return key_of(
            kind="point",
            picture=picture.sha256,
            reader=READER,
            codec=peer.name,
            version=peer.version,
            settings=peer.settings,
            quality=float(quality),
        )

    def viewer_key(self, picture: SourcePicture, peer: Peer | None, rate: float) -> str:
        """The key of a picture for the viewer: by a codec near a rate, or the original."""
        return key_of(
            kind="show",
            picture=picture.sha256,
            reader=READER,
            codec=peer.name if peer else "original",
            version=peer.version if peer else "",
            settings=peer.settings if peer else {},
            rate=rate,
            crop=CROP_PIXELS,
            metrics=[self.versioned(n) for n in self.plan.picture_metrics] if peer else [],
        )

    def versioned(self, metric: str) -> str:
        """A metric's name with its version, as the store has it."""
        info = next(i for i in self.plan.infos if i.name == metric)
        return f"{metric}@{info.version}"

    def missing_metrics(self, key: str) -> list[str]:
        """The metrics that a point lacks."""
        stored = (self.store.get(key) or {}).get("metrics", {})
        wanted = self.plan.picture_metrics
        if self.store.get(key) is None and not wanted:
            return ["psnr"]  # a point needs at least its bytes; PSNR costs nothing
        return [name for name in wanted if self.versioned(name) not in stored]

    def missing_features(self, key: str) -> list[str]:
        """The metrics of sets whose features a picture or a point lacks."""
        return [n for n in self.plan.set_metrics if not self._feature_path(key, n).is_file()]

    def _feature_path(self, key: str, metric: str) -> Path:
        return self.store.blob_path(key, f".{self.versioned(metric)}.f16")

    def _add_features(self, key: str, features: Features) -> None:
        for name, values in features.items():
            write_in_report(self._feature_path(key, name), values.tobytes())

    def add_picture(self, key: str, read: PictureRead) -> dict[str, Any]:
        """Store what was read from a picture; returns the stored result."""
        self._add_features(key, read.features)
        thumb = base64.b64encode(read.thumb).decode()
        return self.store.add(key, {"width": read.width, "height": read.height, "thumb": thumb})

    def add_point(self, key: str, point: PointMeasured) -> None:
        """Store a measured point."""
        # features first, so that a stored point has all that it needs
        self._add_features(key, point.features)
        known = {i.name for i in self.plan.infos}
        scores = {self.versioned(n): v for n, v in point.scores.items() if n in known}
        entry = {"bytes": point.file_bytes, "metrics": scores} | asdict(point.seconds)
        self.store.add(key, entry)

    def add_viewer_picture(self, key: str, shown: ViewerPicture) -> None:
        """Store a picture for the viewer."""
        write_in_report(self.store.blob_path(key, ".media"), shown.media)
        entry = {
            "quality": shown.quality,
            "bytes": shown.file_bytes,
            "media_type": shown.media_type,
            "exact": shown.exact,
            "crop": list(shown.crop),
            "metrics": shown.scores,
        }
        self.store.add(key, entry)

    def has_viewer_picture(self, key: str) -> bool:
        """Whether a picture for the viewer is there, with its file."""
        return self.store.get(key) is not None and self.store.blob_path(key, ".media").is_file()

    def viewer_picture(
        self, picture: SourcePicture, peer: Peer | None, rate: float
    ) -> ViewerPicture | None:
        """A picture for the viewer, by a codec near a rate or the original; None if not stored."""
        key = self.viewer_key(picture, peer, rate)
        entry, media = self.store.get(key), self.store.blob(key, ".media")
        if entry is None or media is None:
            return None
        left, top, right, bottom = entry["crop"]
        return ViewerPicture(
            quality=entry["quality"],
            file_bytes=entry["bytes"],
            media=media,
            media_type=entry["media_type"],
            exact=entry["exact"],
            crop=(left, top, right, bottom),
            scores=entry["metrics"],
        )

    def features(self, metric: str, keys: Sequence[str]) -> NDArray[np.float16]:
        """The features of many pictures or points, `(n, 1280)`."""
        parts = [self._feature_path(key, metric).read_bytes() for key in keys]
        rows = [np.frombuffer(p, np.float16).reshape(-1, 1280) for p in parts]
        return np.concatenate(rows) if rows else np.zeros((0, 1280), np.float16)
