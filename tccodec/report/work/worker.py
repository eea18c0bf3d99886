"""A worker process: reads tasks as JSON lines on stdin, and answers on stdout.

`pool.py` starts it. As a process of its own it has the right number of torch threads from the
start, a crash in a codec's library costs one point only, and a program that calls
`tccodec.report.run` needs no `__main__` guard. When the parent dies, its end of the pipe closes,
and the worker ends at once.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

try:
    import resource
except ImportError:  # Windows: CPU seconds of external codecs are not known
    resource = None  # type: ignore[assignment]

from tccodec.errors import PeerFailed, TccodecError, UnreadablePicture
from tccodec.metrics import Array8, Metric, SetMetric, picture_metric, set_metric
from tccodec.report.codecs.base import Peer
from tccodec.report.codecs.catalogue import find_peer
from tccodec.report.work.pictures import read_rgb, thumbnail
from tccodec.report.work.showcase import WantedSize, make_viewer_picture

Task = dict[str, Any]
Answer = dict[str, Any]
_KEPT_PICTURES = 2


class Worker:
    """Answers tasks, and keeps codecs, metrics and the last pictures for the next one."""

    def __init__(self, externals: list[str], backbones: Path | None) -> None:
        self._externals = externals
        self._backbones = backbones
        self._peers: dict[str, Peer] = {}
        self._metrics: dict[str, Metric] = {}
        self._set_metrics: dict[str, SetMetric] = {}
        self._pictures: OrderedDict[str, Array8] = OrderedDict()
        self._prepared: dict[tuple[str, str], Any] = {}

    def answer(self, task: Task) -> Answer:
        """Do one task. A failure of a picture or a codec is returned as `error`."""
        try:
            return getattr(self, "_" + task["kind"])(task)  # type: ignore[no-any-return]
        except UnreadablePicture as error:
            return {"error": str(error), "unreadable": True}
        except TccodecError as error:
            return {"error": str(error)}
        except (KeyboardInterrupt, SystemExit):
            raise
        # Rust plugins panic with a BaseException; whatever it is, it costs this point only
        except BaseException as error:
            return {
                "error": f"{type(error).__name__}: {error}"[:300],
                "traceback": traceback.format_exc(),
            }

    def _look(self, task: Task) -> Answer:
        """Decode a picture once: its size, a thumbnail, and features for set metrics."""
        picture = self._picture(task)
        height, width = picture.shape[:2]
        thumb = base64.b64encode(thumbnail(picture)).decode()
        return {"width": width, "height": height, "thumb": thumb} | self._features(task, picture)

    def _point(self, task: Task) -> Answer:
        """Code a picture at one quality and measure it."""
        picture = self._picture(task)
        peer = self._peer(task["codec"])
        data, decoded, times = self.code(peer, picture, task["quality"])
        answer: Answer = {"bytes": len(data)} | times
        answer["metrics"] = self.measure(task["metrics"], picture, decoded, sha256=task["sha256"])
        return answer | self._features(task, decoded)

    def _show(self, task: Task) -> Answer:
        """A coded picture for the viewer, as near to the wanted rate as possible."""
        picture = self._picture(task)
        peer = self._peer(task["codec"]) if task["codec"] else None
        size = WantedSize(task["bytes"], task["known"]) if peer else None
        shown = make_viewer_picture(picture, peer, size)
        answer: Answer = {
            "quality": shown.quality,
            "bytes": shown.coded_bytes,
            "media_type": shown.media_type,
            "exact": shown.exact,
            "media": base64.b64encode(shown.media).decode(),
            "crop": list(shown.crop),
            "metrics": {},
        }
        if peer:
            answer["metrics"] = self.measure(
                task["metrics"], picture, np.asarray(shown.decoded), sha256=task["sha256"]
            )
        return answer

    def code(
        self, peer: Peer, picture: Array8, quality: float
    ) -> tuple[bytes, Array8, dict[str, float]]:
        """Encode and decode: the file, the decoded pixels, and seconds."""
        image = Image.fromarray(picture)
        start = _clocks()
        data = peer.encode(image, quality)
        middle = _clocks()
        result = peer.decode(data, image.size)
        end = _clocks()
        if result.size != image.size:
            raise PeerFailed(f"{peer.name} returned {result.size}, not {image.size} pixels")
        times = {
            "encode_s": middle[0] - start[0],
            "decode_s": end[0] - middle[0],
            "encode_cpu_s": middle[1] - start[1],
            "decode_cpu_s": end[1] - middle[1],
        }
        return data, np.asarray(result.convert("RGB")), times

    def measure(
        self, names: list[str], picture: Array8, decoded: Array8, *, sha256: str
    ) -> dict[str, float | None]:
        """Scores by metric name. What a metric prepares of an original is kept."""
        scores: dict[str, float | None] = {}
        for name in names:
            metric = self._metric(name)
            key = (name, sha256)
            if key not in self._prepared:
                stale = [k for k in self._prepared if k[1] != sha256]
                for k in stale:
                    del self._prepared[k]
                self._prepared[key] = metric.prepare(picture)
            scores[name] = metric.score(picture, decoded, self._prepared[key])
        return scores

    def _features(self, task: Task, picture: Array8) -> Answer:
        wanted = task.get("features", {})
        encoded = {}
        for name in wanted:
            values = self._set_metric(name).features(picture)
            encoded[name] = base64.b64encode(values.tobytes()).decode()
        return {"features": encoded} if encoded else {}

    def _picture(self, task: Task) -> Array8:
        sha256 = task["sha256"]
        if sha256 in self._pictures:
            self._pictures.move_to_end(sha256)
            return self._pictures[sha256]
        picture = read_rgb(Path(task["path"]))
        self._pictures[sha256] = picture
        while len(self._pictures) > _KEPT_PICTURES:
            self._pictures.popitem(last=False)
        return picture

    def _peer(self, name: str) -> Peer:
        if name not in self._peers:
            peer = find_peer(name, self._externals)
            # the first call loads libraries and weights, which is not part of coding a picture;
            # a codec that cannot code 64 x 64 pixels fails again on the real picture
            grey = Image.new("RGB", (64, 64), "grey")
            with contextlib.suppress(Exception):
                self.code(peer, np.asarray(grey), peer.ladder(1)[0])
            self._peers[name] = peer
        return self._peers[name]

    def _metric(self, name: str) -> Metric:
        if name not in self._metrics:
            self._metrics[name] = picture_metric(name, self._backbones)
        return self._metrics[name]

    def _set_metric(self, name: str) -> SetMetric:
        if name not in self._set_metrics:
            self._set_metrics[name] = set_metric(name, self._backbones)
        return self._set_metrics[name]


def _clocks() -> tuple[float, float]:
    """Wall seconds, and CPU seconds of all threads and of programs that have ended.

    Workers share the machine with each other and with other programs. That can stretch wall time
    to any length, but hardly changes CPU time.
    """
    cpu = time.process_time()
    if resource:
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu += ended.ru_utime + ended.ru_stime
    return time.perf_counter(), cpu


def main() -> None:
    """Answer tasks until the input ends. The first line holds the settings."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # a library that prints must not break the protocol
    tasks: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in sys.stdin:
            tasks.put(line)
        # the parent has ended or is done: end now, with the programs of external codecs
        if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    setup = json.loads(tasks.get())
    backbones = Path(setup["backbones"]) if setup["backbones"] else None
    worker = Worker(setup["externals"], backbones)
    while True:
        task = json.loads(tasks.get())
        answers.write(json.dumps(worker.answer(task)) + "\n")
