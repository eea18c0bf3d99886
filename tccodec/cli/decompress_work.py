"""What `tccodec decompress` does with one file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

from tccodec.cli.codecs import Codecs
from tccodec.cli.inputs import max_file_bytes, open_input
from tccodec.cli.jobs import Job
from tccodec.cli.outputs import Outputs
from tccodec.cli.reporter import FinishedJob, Stopwatch, rate_text, refuse_losses
from tccodec.coding.quality import from_setting
from tccodec.container import Tag, TczFile, read, read_header
from tccodec.container.blocks import METHODS
from tccodec.container.limits import Limits
from tccodec.errors import TccodecError
from tccodec.files.text import size_text
from tccodec.model.registry import DEFAULT_MODEL, find_model

_SIDE = 256  # pixels of a preview that is made of the decoded picture

if TYPE_CHECKING:
    from tccodec.coding.requests import Progress
    from tccodec.picture import Loss, Pixels, Strips


@dataclass(slots=True, kw_only=True)
class DecompressWork:
    """Decompresses the files of jobs; the fields are the options of the command.

    format: "" for that of each output's suffix.
    """

    format: str
    region: tuple[int, int, int, int] | None
    scale: float
    realism: float
    preview: bool
    strict: bool
    limits: Limits
    outputs: Outputs
    codecs: Codecs

    @property
    def device(self) -> str:
        """The device that was asked for."""
        return self.codecs.device

    def load(self, threads: int | None) -> None:
        """Load the model that most files need; others when a file needs them."""
        self.codecs.threads = threads
        with suppress(TccodecError):  # each file will say which model it lacks
            self.codecs.of(find_model(DEFAULT_MODEL).file_id)

    def __call__(self, job: Job, progress: Progress) -> tuple[FinishedJob, str]:
        """Decompress one file; its figures and the line about it."""
        from tccodec.picture.save import write_strips

        with open_input(job) as source:
            header = read_header(source.head, limits=self.limits)
            job = self.outputs.settle(job)
            data = source.read(max_file_bytes(header, self.limits))
        file = read(data, limits=self.limits)
        strips, start = (
            (self._preview(file), 0.0) if self.preview else self._decoded(file, progress)
        )
        clock = _Clock(strips.rows, start)
        strips = replace(strips, rows=clock)
        kind = self.format or (job.target.suffix if job.target else "png")
        losses: list[Loss] = []

        def write(out: BinaryIO) -> None:
            losses.extend(write_strips(strips, kind, out))
            if self.strict:
                refuse_losses(losses)

        job, size = self.outputs.write(job, write, source.status)
        seconds = clock.seconds
        unchanged = job.target is not None and job.target == job.original
        finished = FinishedJob(
            job=job,
            before=len(data),
            after=size,
            coded=len(data),
            pixels=file.width * file.height,
            seconds=seconds,
            losses=tuple(losses),
            rated=not self.preview,
            extra={
                "width": strips.width,
                "height": strips.height,
                "quality": from_setting(file.setting),
                "realism": self.realism if file.payload_bytes else None,
                "remark": "" if file.payload_bytes or not self.realism else _no_texture(file),
                "unchanged": unchanged,
            },
        )
        line = f"{job.name} -> {job.output}:"
        line += f" {size_text(finished.before)} -> {size_text(finished.after)}"
        if finished.rated:
            line += f", {rate_text(finished.coded, finished.pixels, seconds)}"
        if unchanged:
            line += ", unchanged"
        return finished, line

    def _decoded(self, file: TczFile, progress: Progress) -> tuple[Strips, float]:
        """The picture, and the seconds that it took, with a loaded model, before the first row."""
        codec = self.codecs.of(file.model_id)
        watch = Stopwatch()
        strips = codec.decompress_strips(
            file, region=self.region, scale=self.scale, realism=self.realism, progress=progress
        )
        return strips, watch.seconds

    def _preview(self, file: TczFile) -> Strips:
        """The preview of a file; if it has none, the picture made as small."""
        from tccodec.picture import from_image, to_image
        from tccodec.picture.preview import stored_preview

        image = stored_preview(file)
        if image is None:
            side = max(file.width, file.height)
            scale = 1 / next((f for f in (8, 4, 2) if side >= f * _SIDE), 1)
            image = to_image(self.codecs.of(file.model_id).decompress_strips(file, scale=scale))
            image.thumbnail((_SIDE, _SIDE))
            image.info = {k: v for k, v in image.info.items() if k == "icc_profile"}
        return from_image(image).strips()


def _no_texture(file: TczFile) -> str:
    """Why a decoded file without latents is the same at every realism."""
    how = "stored without latents"
    if file.section(Tag.EXACT) is not None:
        how = "lossless"
    elif body := file.section(Tag.BLOCKS):
        how = f"stored as {METHODS[body[0]]}"
    return f"it is {how}, so --realism changes nothing"


class _Clock:
    """Strips, and the seconds that they took to decode, without the time to write them.

    seconds: what decoding took before the first strip.
    """

    def __init__(self, rows: Iterator[Pixels], seconds: float) -> None:
        self.rows, self.seconds = rows, seconds

    def __iter__(self) -> _Clock:
        return self

    def __next__(self) -> Pixels:
        watch = Stopwatch()
        try:
            return next(self.rows)
        finally:
            self.seconds += watch.seconds
