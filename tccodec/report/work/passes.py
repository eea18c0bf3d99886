"""The three passes of a run over its pictures: read, code and measure, prepare the viewer.

Each pass looks in the store first, sends what is missing to the pool, and stores every result at
once.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tccodec.files.text import escaped
from tccodec.metrics import set_metric
from tccodec.report.codecs.base import Peer, plain_number
from tccodec.report.curves import Record, SetScores
from tccodec.report.plan import ReportPlan
from tccodec.report.progress import ReportProgress
from tccodec.report.result import PictureInfo, ShownPicture, ShownVariant
from tccodec.report.select import Choice
from tccodec.report.work.cluster_pool import ClusterPool
from tccodec.report.work.pictures import SourcePicture
from tccodec.report.work.pool import Pool
from tccodec.report.work.showcase import ViewerPicture, WantedSize
from tccodec.report.work.stored import StoredResults
from tccodec.report.work.tasks import (
    Failure,
    MeasurePoint,
    PointMeasured,
    ReadPicture,
    ShowCoded,
    ShowOriginal,
    Task,
)


@dataclass
class PointJob:
    """One point: picture, codec, quality, its key, and what is still missing of it."""

    picture: SourcePicture
    peer: Peer
    quality: float
    key: str
    megapixels: float
    metrics: list[str]
    features: list[str]

    @property
    def missing(self) -> bool:
        """Whether there is anything to compute."""
        return bool(self.metrics or self.features)


@dataclass
class Passes:
    """The passes of a run, and their results so far."""

    plan: ReportPlan
    stored: StoredResults
    pool: Pool | ClusterPool
    progress: ReportProgress
    pictures: list[SourcePicture]
    infos: dict[str, PictureInfo] = field(default_factory=dict)
    unreadable: list[dict[str, str]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    computed: int = 0
    reused: int = 0

    def read_pictures(self) -> None:
        """Read every picture once, for size and thumbnail. Unreadable ones are listed."""
        tasks: list[ReadPicture] = []
        for picture in self.pictures:
            key = self.stored.picture_key(picture)
            stored = self.stored.get(key)
            features = self.stored.missing_features(key)
            if stored and not features:
                self._add_info(picture, stored)
            else:
                tasks.append(ReadPicture(picture=picture, key=key, features=features))
        if not tasks:
            return
        self.progress.phase("Reading pictures", total=len(self.pictures), done=len(self.infos))
        for task, result in self.pool.run(tasks):
            self.progress.advance(1, task.picture.name)
            if isinstance(result, Failure):
                self._mark_unreadable(task.picture, result.reason)
            else:
                self._add_info(task.picture, self.stored.add_picture(task.key, result))

    def measure_points(self) -> None:
        """Code and measure every picture with every codec at every quality."""
        jobs = self.jobs()
        missing = [job for job in jobs if job.missing]
        self.reused = len(jobs) - len(missing)
        if not missing:
            return
        total = sum(job.megapixels for job in jobs)
        done = total - sum(job.megapixels for job in missing)
        self.progress.phase("Coding and measuring", total=total, done=done)
        by_key: dict[str, list[PointJob]] = {}  # pictures of one content have one key
        for job in missing:
            by_key.setdefault(job.key, []).append(job)
        unreadable: set[str] = set()

        def tasks() -> Iterator[Task[PointMeasured]]:
            for job, *_ in by_key.values():
                if job.picture.name not in unreadable:
                    yield MeasurePoint(
                        picture=job.picture,
                        key=job.key,
                        codec=job.peer.spec,
                        quality=job.quality,
                        metrics=job.metrics,
                        features=job.features,
                    )

        for task, result in self.pool.run(tasks()):
            same = by_key[task.key]
            for job in same:
                self.progress.advance(
                    job.megapixels,
                    f"{job.picture.name}, {job.peer.name} {plain_number(job.quality)}",
                )
            if not isinstance(result, Failure):
                self.stored.add_point(task.key, result)
                self.computed += len(same)
                continue
            for job in same:
                if not result.unreadable:
                    self._fail(job, result.reason)
                elif job.picture.name not in unreadable:
                    unreadable.add(job.picture.name)
                    self._mark_unreadable(job.picture, result.reason)

    def records(self) -> list[Record]:
        """All points of this run in the store, as flat records."""
        records = []
        names = self.plan.picture_metrics
        for job in self.jobs():
            point = self.stored.get(job.key)
            # a point counts once it has all metrics; an interrupted run may have added only some
            if point is None or job.metrics:
                continue
            info = self.infos[job.picture.name]
            record: Record = {
                "picture": info.name,
                "codec": job.peer.name,
                "quality": job.quality,
                "width": info.width,
                "height": info.height,
                "megapixels": info.megapixels,
                "source_bytes": info.file_bytes,
                "bytes": point["bytes"],
                "bpp": 8 * point["bytes"] / (info.width * info.height),
            }
            record |= {name: point["metrics"][self.stored.versioned(name)] for name in names}
            record |= {
                "encode_cpu_s": point["encode_cpu_s"],
                "decode_cpu_s": point["decode_cpu_s"],
                "encode_s": point["encode_s"],
                "decode_s": point["decode_s"],
            }
            records.append(record)
        return records

    def set_scores(self, pictures: set[str]) -> dict[str, SetScores]:
        """Metrics of sets over `pictures`, or over those of them that it can measure."""
        found: dict[str, SetScores] = {}
        backbones = self.pool.backbones
        for name in self.plan.set_metrics:
            metric = set_metric(name, backbones)
            measured = SetScores(set())
            groups: dict[tuple[str, float], list[PointJob]] = {}
            for job in self.jobs():
                if job.picture.name in pictures and not job.features:
                    groups.setdefault((job.peer.name, job.quality), []).append(job)
            for at, jobs in groups.items():
                of_pictures = [
                    self.stored.features(name, [self.stored.picture_key(j.picture)]) for j in jobs
                ]
                named = zip(jobs, of_pictures, strict=True)
                measured.pictures.update(j.picture.name for j, rows in named if len(rows))
                decoded = self.stored.features(name, [j.key for j in jobs])
                value = metric.distance(np.concatenate(of_pictures), decoded)
                if value is not None:
                    measured.scores[at] = value
            found[name] = measured
        return found

    def prepare_viewer(self, choices: Sequence[Choice], rates: Sequence[float]) -> None:
        """Prepare the viewer: the chosen pictures by every codec at every rate."""
        tasks: list[Task[ViewerPicture]] = []
        for picture, _ in self._chosen(choices):
            info = self.infos[picture.name]
            key = self.stored.viewer_key(picture, None, 0.0)
            if not self.stored.has_viewer_picture(key):
                tasks.append(ShowOriginal(picture=picture, key=key))
            for peer in self.plan.peers:
                known = self._known_sizes(picture, peer)
                for rate in rates if known else ():
                    key = self.stored.viewer_key(picture, peer, rate)
                    if not self.stored.has_viewer_picture(key):
                        size = WantedSize(rate * info.width * info.height / 8, known)
                        tasks.append(
                            ShowCoded(
                                picture=picture,
                                key=key,
                                codec=peer.spec,
                                size=size,
                                metrics=self.plan.picture_metrics,
                            )
                        )
        if not tasks:
            return
        self.progress.phase("Preparing the viewer", total=len(tasks), done=0)
        for task, result in self.pool.run(tasks):
            self.progress.advance(1, task.picture.name)
            if isinstance(result, Failure):
                continue  # the point was reported as failed, or works at other rates
            self.stored.add_viewer_picture(task.key, result)

    def viewer_pictures(
        self, choices: Sequence[Choice], rates: Sequence[float]
    ) -> list[ShownPicture]:
        """The pictures of the viewer in the store, if their original is there, too."""
        shown = []
        for picture, choice in self._chosen(choices):
            original = self.stored.viewer_picture(picture, None, 0.0)
            if original is None:
                continue
            info = self.infos[picture.name]
            variants: dict[str, list[ShownVariant]] = {}
            for peer in self.plan.peers:
                for rate in rates:
                    coded = self.stored.viewer_picture(picture, peer, rate)
                    if coded is not None:
                        bpp = 8 * coded.file_bytes / (info.width * info.height)
                        variant = ShownVariant(shown=coded, wanted_bpp=rate, bpp=bpp)
                        variants.setdefault(peer.name, []).append(variant)
            shown.append(
                ShownPicture(
                    name=choice.name,
                    reason=choice.reason,
                    original=original,
                    variants=variants,
                )
            )
        return shown

    def _chosen(self, choices: Sequence[Choice]) -> list[tuple[SourcePicture, Choice]]:
        by_name = {p.name: p for p in self.pictures}
        return [(by_name[choice.name], choice) for choice in choices]

    def jobs(self) -> list[PointJob]:
        """All points of the run, picture by picture, with what is missing of each."""
        jobs = []
        for picture in self.pictures:
            info = self.infos.get(picture.name)
            if info is None:
                continue
            for peer in self.plan.peers:
                for quality in self.plan.qualities[peer.name]:
                    key = self.stored.point_key(picture, peer, quality)
                    jobs.append(
                        PointJob(
                            picture=picture,
                            peer=peer,
                            quality=quality,
                            key=key,
                            megapixels=info.megapixels,
                            metrics=self.stored.missing_metrics(key),
                            features=self.stored.missing_features(key),
                        )
                    )
        return jobs

    def _known_sizes(self, picture: SourcePicture, peer: Peer) -> list[tuple[float, float]]:
        known = []
        for quality in self.plan.qualities[peer.name]:
            point = self.stored.get(self.stored.point_key(picture, peer, quality))
            if point:
                known.append((quality, float(point["bytes"])))
        return known

    def _add_info(self, picture: SourcePicture, stored: dict[str, Any]) -> None:
        self.infos[picture.name] = PictureInfo(
            name=picture.name,
            sha256=picture.sha256,
            width=stored["width"],
            height=stored["height"],
            file_bytes=picture.file_bytes,
            thumb=base64.b64decode(stored["thumb"]),
        )

    def _mark_unreadable(self, picture: SourcePicture, reason: str) -> None:
        self.infos.pop(picture.name, None)
        reason = f"{picture.name}: {escaped(reason)}"
        self.unreadable.append({"picture": picture.name, "reason": reason})
        self.progress.say(f"cannot read {reason}")

    def _fail(self, job: PointJob, reason: str) -> None:
        entry = {
            "picture": job.picture.name,
            "codec": job.peer.name,
            "quality": job.quality,
            "reason": escaped(reason),
        }
        self.failures.append(entry)
        if sum(f["codec"] == job.peer.name for f in self.failures) <= 3:
            self.progress.say(
                f"{job.picture.name}, {job.peer.name} {plain_number(job.quality)}: {reason}"
            )
