"""The three passes of a run over its pictures: read, code and measure, prepare the viewer.

Each pass looks in the store first, sends what is missing to the pool, and stores every answer at
once.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tccodec.files.text import escaped
from tccodec.metrics import SetMetric, make_metric
from tccodec.report.codecs.base import Peer, as_setting
from tccodec.report.curves import Record
from tccodec.report.plan import Plan
from tccodec.report.progress import Progress
from tccodec.report.result import PictureInfo, ShownPicture
from tccodec.report.select import Choice
from tccodec.report.work.pictures import READER, Picture
from tccodec.report.work.pool import Pool
from tccodec.report.work.showcase import CROP_PIXELS
from tccodec.report.work.store import Store, key_of, write_atomically
from tccodec.report.work.worker import Answer, Task


@dataclass
class Job:
    """One point: picture, codec, quality, its key, and what is still missing of it."""

    picture: Picture
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
class Work:
    """The passes and their results."""

    plan: Plan
    store: Store
    pool: Pool
    progress: Progress
    pictures: list[Picture]
    infos: dict[str, PictureInfo] = field(default_factory=dict)
    unreadable: list[dict[str, str]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    computed: int = 0
    reused: int = 0

    def look(self) -> None:
        """Read every picture once, for size and thumbnail. Unreadable ones are listed."""
        tasks = []
        for picture in self.pictures:
            key = self._look_key(picture)
            stored = self.store.get(key)
            features = self._features_missing(key)
            if stored and not features:
                self._keep_look(picture, stored)
            else:
                tasks.append(self._task("look", picture, key) | {"features": features})
        if not tasks:
            return
        self.progress.phase("Reading pictures", len(self.pictures), len(self.infos))
        by_name = {p.name: p for p in self.pictures}
        for task, answer in self.pool.run(tasks):
            picture = by_name[task["name"]]
            self.progress.advance(1, picture.name)
            if "error" in answer:
                self._set_aside(picture, answer["error"])
                continue
            self._keep_features(task["key"], answer)
            self._keep_look(picture, self.store.add(task["key"], answer))

    def points(self) -> None:
        """Code and measure every picture with every codec at every quality."""
        jobs = self.jobs()
        missing = [job for job in jobs if job.missing]
        self.reused = len(jobs) - len(missing)
        if not missing:
            return
        total = sum(job.megapixels for job in jobs)
        done = total - sum(job.megapixels for job in missing)
        self.progress.phase("Coding and measuring", total, done)
        by_key = {job.key: job for job in missing}
        gone: set[str] = set()

        def tasks() -> Iterator[Task]:
            for job in by_key.values():
                if job.picture.name in gone:
                    continue
                more = {
                    "codec": job.peer.spec,
                    "quality": job.quality,
                    "metrics": job.metrics,
                    "features": job.features,
                }
                yield self._task("point", job.picture, job.key) | more

        for task, answer in self.pool.run(tasks()):
            job = by_key[task["key"]]
            self.progress.advance(
                job.megapixels, f"{job.picture.name}, {job.peer.name} {as_setting(job.quality)}"
            )
            if answer.get("unreadable"):
                if job.picture.name not in gone:
                    gone.add(job.picture.name)
                    self._set_aside(job.picture, answer["error"])
            elif "error" in answer:
                self._fail(job, answer["error"])
            else:
                self._keep_point(job, answer)
                self.computed += 1

    def records(self) -> list[Record]:
        """All points of this run in the store, as flat records."""
        records = []
        names = self.plan.picture_metrics
        for job in self.jobs():
            point = self.store.get(job.key)
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
            record |= {name: point["metrics"][self._versioned(name)] for name in names}
            record |= {
                "encode_cpu_s": point["encode_cpu_s"],
                "decode_cpu_s": point["decode_cpu_s"],
                "encode_s": point["encode_s"],
                "decode_s": point["decode_s"],
            }
            records.append(record)
        return records

    def set_scores(self, pictures: set[str]) -> dict[tuple[str, float], dict[str, float]]:
        """Metrics of sets of pictures, for each (codec, quality), over `pictures`."""
        scores: dict[tuple[str, float], dict[str, float]] = {}
        backbones = self.pool.backbones
        for name in self.plan.set_metrics:
            metric = make_metric(name, backbones)
            assert not hasattr(metric, "prepare")
            groups: dict[tuple[str, float], list[Job]] = {}
            for job in self.jobs():
                if job.picture.name in pictures and not job.features:
                    groups.setdefault((job.peer.name, job.quality), []).append(job)
            for (codec, quality), jobs in groups.items():
                originals = self._stacked(name, [self._look_key(j.picture) for j in jobs])
                decoded = self._stacked(name, [j.key for j in jobs])
                value = _distance(metric, originals, decoded)
                if value is not None:
                    scores.setdefault((codec, quality), {})[name] = value
        return scores

    def show(self, choices: Sequence[Choice], rates: Sequence[float]) -> None:
        """Prepare the viewer: the chosen pictures by every codec at every rate."""
        tasks: list[Task] = []
        for choice in choices:
            picture = next(p for p in self.pictures if p.name == choice.name)
            info = self.infos[picture.name]
            for peer, rate in [(None, 0.0)] + [(p, r) for p in self.plan.peers for r in rates]:
                key = self._show_key(picture, peer, rate)
                if self.store.get(key):
                    continue
                task = self._task("show", picture, key) | {"codec": peer.spec if peer else None}
                if peer:
                    known = self._known_sizes(picture, peer)
                    if not known:
                        continue
                    task |= {
                        "bytes": rate * info.width * info.height / 8,
                        "known": known,
                        "metrics": self.plan.picture_metrics,
                    }
                tasks.append(task)
        if not tasks:
            return
        self.progress.phase("Preparing the viewer", len(tasks), 0)
        for task, answer in self.pool.run(tasks):
            self.progress.advance(1, task["name"])
            if "error" in answer:
                continue  # the point was reported as failed, or works at other rates
            media = base64.b64decode(answer.pop("media"))
            write_atomically(self.store.blob_path(task["key"], ".media"), media)
            self.store.add(task["key"], answer)

    def shown(self, choices: Sequence[Choice], rates: Sequence[float]) -> list[ShownPicture]:
        """The pictures of the viewer in the store, if their original is there, too."""
        found = []
        for choice in choices:
            picture = next(p for p in self.pictures if p.name == choice.name)
            original = self._stored_show(picture, None, 0.0)
            if original is None:
                continue
            variants = {}
            for peer in self.plan.peers:
                entries = [self._stored_show(picture, peer, rate) for rate in rates]
                usable = [e for e in entries if e is not None]
                if usable:
                    variants[peer.name] = usable
            found.append(
                ShownPicture(
                    choice.name, choice.reason, tuple(original["crop"]), original, variants
                )
            )
        return found

    def jobs(self) -> list[Job]:
        """All points of the run, picture by picture, with what is missing of each."""
        jobs = []
        for picture in self.pictures:
            info = self.infos.get(picture.name)
            if info is None:
                continue
            for peer in self.plan.peers:
                for quality in self.plan.qualities[peer.name]:
                    key = self._point_key(picture, peer, quality)
                    jobs.append(
                        Job(
                            picture,
                            peer,
                            quality,
                            key,
                            info.megapixels,
                            self._metrics_missing(key),
                            self._features_missing(key),
                        )
                    )
        return jobs

    def _known_sizes(self, picture: Picture, peer: Peer) -> list[tuple[float, float]]:
        known = []
        for quality in self.plan.qualities[peer.name]:
            point = self.store.get(self._point_key(picture, peer, quality))
            if point:
                known.append((quality, float(point["bytes"])))
        return known

    def _stored_show(
        self, picture: Picture, peer: Peer | None, rate: float
    ) -> dict[str, Any] | None:
        key = self._show_key(picture, peer, rate)
        entry, media = self.store.get(key), self.store.blob(key, ".media")
        if entry is None or media is None:
            return None
        info = self.infos[picture.name]
        bpp = 8 * entry["bytes"] / (info.width * info.height)
        return entry | {"media": media, "bpp": bpp, "wanted_bpp": rate}

    def _task(self, kind: str, picture: Picture, key: str) -> Task:
        return {
            "kind": kind,
            "name": picture.name,
            "path": str(picture.path),
            "sha256": picture.sha256,
            "key": key,
        }

    def _look_key(self, picture: Picture) -> str:
        return key_of(kind="look", picture=picture.sha256, reader=READER)

    def _point_key(self, picture: Picture, peer: Peer, quality: float) -> str:
        return key_of(
            kind="point",
            picture=picture.sha256,
            reader=READER,
            codec=peer.name,
            version=peer.version,
            settings=peer.settings,
            quality=float(quality),
        )

    def _show_key(self, picture: Picture, peer: Peer | None, rate: float) -> str:
        return key_of(
            kind="show",
            picture=picture.sha256,
            reader=READER,
            codec=peer.name if peer else "original",
            version=peer.version if peer else "",
            settings=peer.settings if peer else {},
            rate=rate,
            crop=CROP_PIXELS,
            metrics=[self._versioned(n) for n in self.plan.picture_metrics] if peer else [],
        )

    def _versioned(self, metric: str) -> str:
        info = next(i for i in self.plan.infos if i.name == metric)
        return f"{metric}@{info.version}"

    def _metrics_missing(self, key: str) -> list[str]:
        stored = (self.store.get(key) or {}).get("metrics", {})
        wanted = self.plan.picture_metrics
        if self.store.get(key) is None and not wanted:
            return ["psnr"]  # a point needs at least its bytes; PSNR costs nothing
        return [name for name in wanted if self._versioned(name) not in stored]

    def _features_missing(self, key: str) -> list[str]:
        return [n for n in self.plan.set_metrics if not self._feature_path(key, n).is_file()]

    def _feature_path(self, key: str, metric: str) -> Any:
        return self.store.blob_path(key, f".{self._versioned(metric)}.f16")

    def _keep_features(self, key: str, answer: Answer) -> None:
        for name, data in answer.pop("features", {}).items():
            write_atomically(self._feature_path(key, name), base64.b64decode(data))

    def _keep_point(self, job: Job, answer: Answer) -> None:
        # features first, so that a stored point has all that it needs
        self._keep_features(job.key, answer)
        scores = answer.pop("metrics")
        known = {i.name for i in self.plan.infos}
        answer["metrics"] = {self._versioned(n): v for n, v in scores.items() if n in known}
        self.store.add(job.key, answer)

    def _keep_look(self, picture: Picture, stored: dict[str, Any]) -> None:
        self.infos[picture.name] = PictureInfo(
            picture.name,
            picture.sha256,
            stored["width"],
            stored["height"],
            picture.file_bytes,
            base64.b64decode(stored["thumb"]),
        )

    def _set_aside(self, picture: Picture, reason: str) -> None:
        self.infos.pop(picture.name, None)
        reason = escaped(reason)
        self.unreadable.append({"picture": picture.name, "reason": reason})
        self.progress.say(f"cannot read {reason}")

    def _fail(self, job: Job, reason: str) -> None:
        entry = {
            "picture": job.picture.name,
            "codec": job.peer.name,
            "quality": job.quality,
            "reason": escaped(reason),
        }
        self.failures.append(entry)
        if sum(f["codec"] == job.peer.name for f in self.failures) <= 3:
            self.progress.say(
                f"{job.picture.name}, {job.peer.name} {as_setting(job.quality)}: {reason}"
            )

    def _stacked(self, metric: str, keys: Sequence[str]) -> NDArray[np.float16]:
        parts = [self._feature_path(key, metric).read_bytes() for key in keys]
        rows = [np.frombuffer(p, np.float16).reshape(-1, 1280) for p in parts]
        return np.concatenate(rows) if rows else np.zeros((0, 1280), np.float16)


def _distance(
    metric: SetMetric, originals: NDArray[np.float16], decoded: NDArray[np.float16]
) -> float | None:
    return metric.distance(originals, decoded)
