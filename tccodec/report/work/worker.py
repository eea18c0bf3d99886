"""A worker process: reads pickled tasks on stdin, and answers with pickled results on stdout.

`pool.py` starts it. As a process of its own it has the right number of torch threads from the
start, a crash in a codec's library costs one point only, and a program that calls
`tccodec.report.run` needs no `__main__` guard. When the parent dies, its end of the pipe closes,
and the worker ends at once.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import sys
import threading
import time
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
from tccodec.metrics import Array8, Metric, Scores, SetMetric, picture_metric, set_metric
from tccodec.report.codecs.base import Peer
from tccodec.report.codecs.catalogue import find_peer
from tccodec.report.codecs.programs import end_programs
from tccodec.report.work.pictures import SourcePicture, read_rgb
from tccodec.report.work.tasks import Failure, Features, Result, Seconds, Task

_KEPT_PICTURES = 2


class Worker:
    """Does tasks, and keeps codecs, metrics and the last pictures for the next one."""

    def __init__(self, externals: list[str], backbones: Path | None) -> None:
        """externals: lines that define external codecs. backbones: the folder of networks."""
        self._externals = externals
        self._backbones = backbones
        self._peers: dict[str, Peer] = {}
        self._metrics: dict[str, Metric] = {}
        self._set_metrics: dict[str, SetMetric] = {}
        self._pictures: OrderedDict[str, Array8] = OrderedDict()
        self._prepared: dict[tuple[str, str], Any] = {}

    def do(self, task: Task[Result]) -> Result | Failure:
        """Do one task. Whatever a picture or a codec raises becomes a `Failure`."""
        try:
            return task.do(self)
        except UnreadablePicture as error:
            return Failure(str(error), unreadable=True)
        except TccodecError as error:
            return Failure(str(error))
        except (KeyboardInterrupt, SystemExit):
            raise
        # Rust plugins panic with a BaseException; whatever it is, it costs this point only
        except BaseException as error:
            return Failure(f"{type(error).__name__}: {error}"[:300])

    def rgb(self, picture: SourcePicture) -> Array8:
        """The pixels of a picture."""
        sha256 = picture.sha256
        if sha256 in self._pictures:
            self._pictures.move_to_end(sha256)
            return self._pictures[sha256]
        rgb = read_rgb(picture.path)
        self._pictures[sha256] = rgb
        while len(self._pictures) > _KEPT_PICTURES:
            self._pictures.popitem(last=False)
        return rgb

    def peer(self, spec: str) -> Peer:
        """The codec that `spec` describes."""
        if spec not in self._peers:
            peer = find_peer(spec, self._externals)
            # the first call loads libraries and weights, which is not part of coding a picture;
            # a codec that cannot code 64 x 64 pixels fails again on the real picture
            grey = Image.new("RGB", (64, 64), "grey")
            with contextlib.suppress(Exception):
                self.code(peer, np.asarray(grey), peer.ladder(1)[0])
            self._peers[spec] = peer
        return self._peers[spec]

    def code(self, peer: Peer, rgb: Array8, quality: float) -> tuple[bytes, Array8, Seconds]:
        """Encode and decode: the file, the decoded pixels, and how long both took."""
        image = Image.fromarray(rgb)
        start = _clocks()
        data = peer.encode(image, quality)
        middle = _clocks()
        result = peer.decode(data, image.size)
        end = _clocks()
        if result.size != image.size:
            raise PeerFailed(f"{peer.name} returned {result.size}, not {image.size} pixels")
        seconds = Seconds(
            encode_s=middle[0] - start[0],
            decode_s=end[0] - middle[0],
            encode_cpu_s=middle[1] - start[1],
            decode_cpu_s=end[1] - middle[1],
        )
        return data, np.asarray(result.convert("RGB")), seconds

    def scores(self, names: list[str], picture: SourcePicture, decoded: Array8) -> Scores:
        """Scores of a picture's decoded pixels. What a metric prepares of an original is kept."""
        rgb, sha256 = self.rgb(picture), picture.sha256
        scores: Scores = {}
        for name in names:
            if name not in self._metrics:
                self._metrics[name] = picture_metric(name, self._backbones)
            metric, key = self._metrics[name], (name, sha256)
            if key not in self._prepared:
                stale = [k for k in self._prepared if k[1] != sha256]
                for k in stale:
                    del self._prepared[k]
                self._prepared[key] = metric.prepare(rgb)
            scores[name] = metric.score(rgb, decoded, self._prepared[key])
        return scores

    def features(self, names: list[str], rgb: Array8) -> Features:
        """What metrics of sets need of a picture."""
        for name in names:
            if name not in self._set_metrics:
                self._set_metrics[name] = set_metric(name, self._backbones)
        return {name: self._set_metrics[name].features(rgb) for name in names}


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
    """Do tasks until the input ends. The first object there is the `Worker`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not break the protocol
    objects: queue.Queue[Any] = queue.Queue()

    def read() -> None:
        try:
            while True:
                objects.put(pickle.load(sys.stdin.buffer))
        finally:
            # the parent has ended or is done: end now, with the programs of external codecs, and
            # with what libraries have started
            end_programs()
            if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
                os.killpg(0, signal.SIGKILL)
            os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    worker: Worker = objects.get()
    while True:
        pickle.dump(worker.do(objects.get()), results)
        results.flush()
