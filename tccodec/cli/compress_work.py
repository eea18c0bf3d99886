"""What `tccodec compress` does with one picture."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tccodec.cli.inputs import HEAD, Input, open_input
from tccodec.cli.jobs import Job, SkippedFile
from tccodec.cli.like import Like, Reference, target_of
from tccodec.cli.outputs import Outputs, SkipJob
from tccodec.cli.reporter import FinishedJob, Stopwatch, rate_text, refuse_losses
from tccodec.coding.effort import Tune
from tccodec.coding.search import Target
from tccodec.container.limits import Limits
from tccodec.errors import BadPicture, TccodecError
from tccodec.files.remote import AnyPath
from tccodec.files.text import size_text
from tccodec.model.registry import ModelCard

if TYPE_CHECKING:
    from tccodec.api import Codec
    from tccodec.coding.attempts import Compressed
    from tccodec.coding.requests import Progress
    from tccodec.picture import Picture
    from tccodec.picture.kinds import FileKind

# Four channels of 32 bits for each pixel, and space for metadata, previews and further frames.
_PIXEL_BYTES, _EXTRA_BYTES = 16, 1 << 26
# These hold lines and letters instead of pixels, so it is no failure to leave them out.
_DRAWINGS = {"PostScript", "SVG", "WMF", "EMF"}


class OutputLog(Protocol):
    """A list of finished outputs: for --resume, or the manifest of an archive."""

    def check(self, job: Job, data: bytes) -> Job:
        """The job, given the bytes of its input, marked as replaceable if its output is listed.

        Raises `SkipJob` if it is finished.
        """

    def record(
        self, job: Job, data: bytes, output: bytes, *, stopped: bool
    ) -> dict[str, Any] | None:
        """Called before an output is written. Returns the field `record` of its `FinishedJob`."""


@dataclass(slots=True, kw_only=True)
class CompressWork:
    """Compresses the pictures of jobs; the fields are the options of the command."""

    target: Target
    like: Like | None
    effort: int
    tune: Tune
    lossy: bool
    screen: bool
    preview: bool
    strip: frozenset[str]
    strict: bool
    verify: bool
    keep_if_smaller: bool
    limits: Limits
    outputs: Outputs
    card: ModelCard
    device: str
    threads: int | None
    log: OutputLog | None = None
    _codec: Codec | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that an output depends on, besides its input, as JSON values."""
        return {
            "model": self.card.model_id.hex(),
            **({"like": str(self.like)} if self.like else {self.target.kind: self.target.value}),
            "effort": self.effort,
            "tune": self.tune,
            "lossy": self.lossy,
            "screen": self.screen,
            "strip": sorted(self.strip),
            **({} if self.preview else {"preview": False}),
        }

    def load(self, threads: int | None) -> Codec:
        """The model, loaded at the first call.

        That is when the first picture has been read, so that a wrong path is reported at once.
        """
        if self._codec is None:
            from tccodec.api import Codec

            self._codec = Codec.from_pretrained(
                self.card.folder, device=self.device, threads=threads
            )
        return self._codec

    def __call__(self, job: Job, progress: Progress) -> tuple[FinishedJob, str]:
        """Compress one picture; its figures and the line about it."""
        with self._opened(job) as (job, source, max_bytes):
            data = source.read(max_bytes)
        picture, result, seconds, reference = self.compressed(data, progress)
        if self.keep_if_smaller and len(result.data) >= len(data):
            if job.source is None:
                raise BadPicture("its .tcz would not be smaller, nothing written")
            raise SkipJob("the .tcz would not be smaller")
        extra: dict[str, Any] = {
            "width": result.width,
            "height": result.height,
            "quality": result.quality,
            "lossless": result.exact,
            "apart": round(result.apart, 4),
            "remark": result.remark,
            "larger": len(result.data) > len(data),
            "stopped": result.stopped,
        }
        if result.part:
            extra["part"] = result.part
        if reference:
            extra["like"] = reference.as_json()
        if self.verify:
            extra["psnr"] = _verified(self.load(self.threads), picture, result)
        record = None
        if self.log and job.target is not None:
            record = self.log.record(job, data, result.data, stopped=result.stopped)
        job, _ = self.outputs.write(job, result.data, source.status)
        done = FinishedJob(
            job=job,
            before=len(data),
            after=len(result.data),
            coded=len(result.data),
            pixels=result.width * result.height,
            seconds=seconds,
            notes=result.notes,
            losses=result.losses,
            extra=extra,
            stopped=result.stopped,
            record=record,
        )
        return done, _line(done, result) + (f", {reference.text()}" if reference else "")

    @contextmanager
    def _opened(self, job: Job) -> Iterator[tuple[Job, Input, int]]:
        """`(job with its final output, open input, its most bytes)`; `SkipJob` if it is not due."""
        with open_input(job) as source:
            max_bytes = _max_picture_bytes(job, source, self.limits)
            if self.log:
                job = self.log.check(job, source.read(max_bytes))
            yield self.outputs.settle(job), source, max_bytes

    def look_at(self, job: Job) -> tuple[Job, int, bytes | None]:
        """`(job with its final output, bytes of its input, content)`, without doing the job.

        The content is None unless the input is a pipe, which can be read only once.
        """
        with self._opened(job) as (job, source, max_bytes):
            if source.status:
                return job, source.status.st_size, None
            data = source.read(max_bytes)
            return job, len(data), data if isinstance(job.source, Path) else None

    def bytes_written(self, job: Job, data: bytes | None = None) -> int:
        """Bytes of the file that a job would write, 0 if it would write none.

        To measure the time, too, the file is verified if that was asked for. data: the content of
        the input; None: it is read.
        """
        if data is None:
            with open_input(job) as source:
                data = source.read(_max_picture_bytes(job, source, self.limits))
        picture, result, *_ = self.compressed(data, lambda _: None)
        if self.verify:
            _verified(self.load(self.threads), picture, result)
        left = self.keep_if_smaller and len(result.data) >= len(data)
        return 0 if left else len(result.data)

    def compressed(
        self, data: bytes, progress: Progress
    ) -> tuple[Picture, Compressed, float, Reference | None]:
        """`(picture in a file's bytes, its .tcz file, seconds, reference)`; the last for --like."""
        from tccodec.picture import read_picture
        from tccodec.picture.strip import stripped

        picture = stripped(read_picture(data, limits=self.limits), self.strip)
        if self.strict:
            refuse_losses(picture.losses)
        codec = self.load(self.threads)
        watch = Stopwatch()
        reference = self.like.reference(picture) if self.like else None
        result = codec.compress_picture(
            picture,
            target_of(reference) if reference else self.target,
            effort=self.effort,
            tune=self.tune,
            lossy=self.lossy,
            screen=self.screen,
            preview=self.preview,
            progress=progress,
        )
        return picture, result, watch.seconds, reference


def _line(done: FinishedJob, result: Compressed) -> str:
    """`photo.jpg -> photo.tcz: 487 kB -> 31.2 kB, 0.229 bpp, 1.8 MP/s, quality 50`."""
    text = (
        f"{done.job.name} -> {done.job.output}:"
        f" {size_text(done.before)} -> {size_text(done.after)},"
        f" {rate_text(done.coded, done.pixels, done.seconds)}, "
    )
    text += "lossless" if done.extra["lossless"] else f"quality {done.extra['quality']:g}"
    if result.apart and not result.exact:
        text += f", {result.apart:.0%} as {result.method}"
    text += ", stopped early" if done.stopped else ""
    part = f" ({done.extra['part']})" if "part" in done.extra else ""
    text += f", {done.extra['psnr']:.2f} dB, verified{part}" if "psnr" in done.extra else ""
    return text + (", larger than before" if done.larger else "")


def _verified(codec: Codec, picture: Picture, result: Compressed) -> float:
    """PSNR in dB of the decoded file; `TccodecError` if metadata or alpha did not come back."""
    from tccodec.coding.scores import picture_psnr
    from tccodec.container import read
    from tccodec.picture.hidden import with_hidden_of

    wide = Limits(max_pixels=result.width * result.height)
    try:
        decoded = codec.decompress_file(read(result.data, limits=wide))
    except TccodecError as e:
        raise TccodecError(f"verification failed, nothing written: {e}") from None
    same = decoded.rgb.shape == picture.rgb.shape and decoded.grey == picture.grey
    for name in ("icc", "exif", "xmp", "comment", "source", "resolution"):
        same = same and getattr(decoded, name) == (getattr(picture, name) or _empty(name))
    if picture.alpha is not None:
        same = same and decoded.alpha is not None and bool((decoded.alpha == picture.alpha).all())
    if result.exact:
        same = same and bool((with_hidden_of(picture, decoded.rgb) == picture.rgb).all())
    if not same:
        raise TccodecError("verification failed, nothing written: the file holds other content")
    return round(min(picture_psnr(picture, decoded), 100.0), 3)


def _empty(name: str) -> str | None:
    """The value of a field that a file does not hold."""
    return "" if name == "source" else None


def not_coded(path: AnyPath) -> SkippedFile | None:
    """Why a file in a folder is skipped; None for pictures, also for damaged ones."""
    from tccodec.picture.kinds import Kind, kind_of, named_as_picture

    if isinstance(path, Path):
        kind = kind_of(path)
    elif named_as_picture(path):
        return None  # to look into each file behind a URL takes too long
    else:
        with path.open() as file:
            kind = kind_of(file.read(HEAD))
    if kind.kind is Kind.UNREADABLE:
        return SkippedFile(path, _reason(kind), failed=kind.format not in _DRAWINGS)
    if kind.kind is Kind.PICTURE or (kind.kind is not Kind.TCZ and named_as_picture(path)):
        return None
    return SkippedFile(path, kind.kind.value)


def _max_picture_bytes(job: Job, source: Input, limits: Limits) -> int:
    """Most bytes of a picture file; `BadPicture` if its first bytes are not those of one."""
    from tccodec.picture.kinds import Kind, kind_of

    kind = kind_of(source.head)
    more = kind.kind is Kind.OTHER and len(source.head) == HEAD  # a few formats need later bytes
    if more and isinstance(job.source, Path) and source.status is not None:
        kind = kind_of(job.source)
        more = False
    if kind.kind is Kind.PICTURE:
        return limits.max_pixels * _PIXEL_BYTES + _EXTRA_BYTES
    if more:  # of stdin, a pipe or a URL only the first bytes can be looked at
        return _EXTRA_BYTES
    raise BadPicture(_reason(kind) if source.head else "the file is empty")


def _reason(kind: FileKind) -> str:
    """Why a file cannot be compressed, and what would help."""
    return kind.reason + (f" (pip install {kind.package})" if kind.package else "")
