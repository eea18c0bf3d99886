"""Points of a rate-distortion curve for one picture: AVIF, and tccodec with given options.

Both are measured as `tccodec report` does it: whole files, decoded again, scores of the RGB pixels.
Points lie in a report's store under a hash of all that they depend on. For tccodec that is its
source code, too: a change of the program is measured anew, and AVIF is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

import tccodec
from benchmarks.common import Array8, open_rgb
from tccodec.metrics import Metric, picture_metric
from tccodec.model.registry import find_model
from tccodec.report.codecs.base import Peer
from tccodec.report.codecs.catalogue import find_peer
from tccodec.report.work.store import Store, key_of

PSNR = "psnr"
SCORES = {PSNR: "PSNR", "ssimulacra2": "SSIMULACRA2"}
WINDOW = (0.05, 1.0)  # bits per pixel between which curves are compared
ANCHOR_QUALITIES = (5, 15, 25, 35, 45, 55, 65, 75, 85, 95, 100)
QUALITIES = (5, 20, 35, 50, 65, 80, 100)  # of tccodec: its curves bend less
EXACT = 100.0  # PSNR of a decode that equals the original
ROOT = Path(tccodec.__file__).parent

Options = Mapping[str, Any]  # keyword arguments of `Codec.compress`
Point = dict[str, float]  # quality, bpp, and scores


class Task(NamedTuple):
    """One curve: a picture, and a codec of the report or (with options) a model of tccodec."""

    picture: Path
    codec: str
    options: Options | None
    key: str
    goal: Mapping[str, float]  # the scores that are measured, and how high is high enough


def source_hash() -> str:
    """A hash of the Python files of the package."""
    digest = hashlib.sha256()
    for path in sorted(ROOT.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def anchor_key(picture: Path, peer: Peer) -> str:
    """Where the store has a picture's curve by a codec of the report."""
    return key_of(
        kind="curve",
        picture=hashlib.sha256(picture.read_bytes()).hexdigest(),
        codec=peer.name,
        version=peer.version,
        settings=peer.settings,
        qualities=ANCHOR_QUALITIES,
    )


def own_key(picture: Path, model: str, options: Options, goal: Mapping[str, float]) -> str:
    """Where the store has a picture's curve by this version of tccodec."""
    return key_of(
        kind="curve",
        picture=hashlib.sha256(picture.read_bytes()).hexdigest(),
        code=source_hash(),
        model=find_model(model).model_id.hex(),
        options=dict(options),
        qualities=QUALITIES,
        goal=dict(goal),
    )


@cache
def peer_of(name: str) -> Peer:
    """A codec of the report, kept."""
    return find_peer(name)


@cache
def codec_of(model: str) -> tccodec.Codec:
    """A model of tccodec, kept."""
    return tccodec.Codec.from_pretrained(model, threads=1)


@cache
def metrics() -> dict[str, Metric]:
    """The metrics of SCORES, kept."""
    return {name: picture_metric(name) for name in SCORES}


def scorer(original: Array8, names: Iterable[str]) -> Callable[[Image.Image], Point]:
    """A function from a decoded picture to its scores."""
    prepared = {name: metrics()[name].prepare(original) for name in names}

    def scores(image: Image.Image) -> Point:
        pixels = np.asarray(image.convert("RGB"))
        raw = {n: metrics()[n].score(original, pixels, p) for n, p in prepared.items()}
        return {name: float("nan") if score is None else score for name, score in raw.items()}

    return scores


def curve(task: Task) -> list[Point]:
    """The points of a task, from the lowest quality up to the goal or past WINDOW."""
    image = open_rgb(task.picture)
    scores = scorer(np.asarray(image), task.goal)
    points: list[Point] = []
    for quality in ANCHOR_QUALITIES if task.options is None else QUALITIES:
        if task.options is None:
            peer = peer_of(task.codec)
            data = peer.encode(image, quality)
            decoded = peer.decode(data, image.size)
        else:
            codec = codec_of(task.codec)
            data = codec.compress(image, quality=quality, preview=False, **task.options)
            decoded = codec.decompress(data)
        bpp = 8 * len(data) / (image.width * image.height)
        points.append({"quality": quality, "bpp": bpp} | scores(decoded))
        high_enough = all(points[-1][name] >= goal for name, goal in task.goal.items())
        if points[-1][PSNR] == EXACT or high_enough or (task.options is None and bpp > WINDOW[1]):
            break
    return points


def run(store: Store, tasks: Sequence[Task], jobs: int) -> Iterator[tuple[Task, list[Point]]]:
    """Each task's points, from the store or computed in `jobs` processes and stored."""
    missing = [task for task in tasks if store.get(task.key) is None]
    for task in tasks:
        if (stored := store.get(task.key)) is not None:
            yield task, stored["points"]
    if not missing:
        return
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        futures = {pool.submit(curve, task): task for task in missing}
        for future in as_completed(futures):
            task, points = futures[future], future.result()
            store.add(task.key, {"points": points})
            yield task, points
