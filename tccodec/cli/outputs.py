"""Where outputs go, what they may replace, and how they are written."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from tccodec.cli.jobs import DEFAULT_ADVICE, Advice, Job, PlannedOutputs, is_to_stdout
from tccodec.cli.streams import StdoutError, silence_stdout
from tccodec.container.layout import MAGIC
from tccodec.errors import BadOption, OutputExists
from tccodec.files.atomic import check_writable, is_special, replacing
from tccodec.files.remote import AnyPath, RemotePath, exists

Writer = Callable[[BinaryIO], None]
_Id = tuple[int, ...] | str  # device and inode, of a file under all its names; or a URL


class SkipJob(Exception):
    """Raised for a job that is skipped at the user's request. Not an error."""


class _Unchanged(Exception):
    """Raised while writing, if the original has the same bytes."""


@dataclass(slots=True)
class Outputs:
    """The outputs of one run.

    force: replace existing files. skip_existing: leave out jobs whose output exists.
    originals: whether a picture with a derived name may be replaced. advice: for outputs that are
    refused.
    """

    jobs: Sequence[Job]
    force: bool
    skip_existing: bool
    preserve_times: bool
    originals: bool = False
    advice: Advice = DEFAULT_ADVICE
    _written: dict[_Id, str] = field(default_factory=dict)
    _inputs: dict[_Id, str] = field(default_factory=dict)
    _first: dict[_Id, Job] = field(default_factory=dict)  # job of each output that exists already
    _planned: PlannedOutputs | None = None

    def __post_init__(self) -> None:
        if self.skip_existing and (self.force or self.originals):
            option = "-f" if self.force else "--overwrite-originals"
            raise BadOption(f"--skip-existing keeps what {option} would replace")
        if (self.skip_existing or self.preserve_times) and is_to_stdout(self.jobs):
            option = "--skip-existing" if self.skip_existing else "--preserve-times"
            raise BadOption(f"{option} is for output files, but the output is stdout")
        if self.preserve_times and any(isinstance(job.target, RemotePath) for job in self.jobs):
            raise BadOption("--preserve-times: files behind URLs have the time of their upload")

    def __reduce__(self) -> tuple[Callable[[], Outputs], tuple[()]]:
        # Other processes need all jobs only to look, before they replace a file, for other names of
        # it; there may be millions.
        copy = partial(
            Outputs,
            self.jobs if self.force or self.originals else (),
            force=self.force,
            skip_existing=self.skip_existing,
            preserve_times=self.preserve_times,
            originals=self.originals,
            advice=self.advice,
        )
        return copy, ()

    def settle(self, job: Job) -> Job:
        """The job with its final output, before any work is done for it.

        Raises `OutputExists` if the output must not be written, `OSError` if it cannot be, and
        `SkipJob` if the job is skipped.
        """
        if job.target is None or _is_special(job.target):
            return job
        if isinstance(job.target, RemotePath):
            job.target.check_writable()
        job = self._settled(job)
        if isinstance(job.target, Path):
            check_writable(job.target)
        return job

    def _settled(self, job: Job) -> Job:
        assert job.target is not None
        if isinstance(job.target, Path) and job.target.is_dir():
            raise OutputExists(f"{job.output} is a folder")
        if not exists(job.target):
            return job
        self._check_other(job)
        if self.skip_existing:
            raise SkipJob("the output exists")
        if job.replaceable:
            return job
        if job.derived and job.target.suffix == ".tcz" and not may_be_tcz(job.target):
            raise OutputExists(
                f"{job.output} exists and is not one of this program's files; {self.advice.rename}"
            )
        if job.derived and job.target.suffix != ".tcz":
            if self.originals:
                return job
            job = replace(job, target=_decoded(job.target), original=job.target)
            assert job.target is not None
            self._check_planned(job)
            if not exists(job.target):
                return job
            self._check_other(job)
        if not self.force:
            raise OutputExists(f"{job.output} exists; {self.advice.replace}")
        return job

    def write(self, job: Job, data: bytes | Writer, like: os.stat_result | None) -> tuple[Job, int]:
        """Write an output completely or not at all; `(job with its final output, bytes)`.

        data: the bytes, or a function that writes them to an open file. like: the status of the
        input.
        """
        if job.target is None:
            return job, _to_stdout(data)
        overwrite = self.force or job.replaceable or (self.originals and job.derived)
        try:
            with self._opened(job.target, overwrite=overwrite, like=like) as file:
                _fill(file, data)
                size = file.tell()
                if job.original is not None and _same_bytes(file, job.original):
                    raise _Unchanged
        except _Unchanged:
            return replace(job, target=job.original), size
        if not _is_special(job.target):
            self._written[_content_identity(job.target)] = job.name
        return job, size

    def _opened(
        self, target: AnyPath, *, overwrite: bool, like: os.stat_result | None
    ) -> AbstractContextManager[BinaryIO]:
        """A new file that becomes `target` at the end of the block."""
        if isinstance(target, RemotePath):
            return target.uploading(overwrite=overwrite, advice=self.advice.replace)
        return replacing(
            target,
            overwrite=overwrite,
            advice=self.advice.replace,
            like=like,
            times=self.preserve_times,
        )

    def _check_planned(self, job: Job) -> None:
        """Refuse a decoded name that another input may write to, whichever process comes first."""
        if self._planned is None:
            self._planned = PlannedOutputs()
            jobs = [(j, j.target) for j in self.jobs if j.target is not None and not j.problem]
            for other, target in jobs:
                self._planned.first(target, other)
            for other, target in jobs:
                if other.derived:
                    self._planned.first(_decoded(target), other)
        assert job.target is not None
        first = self._planned.first(job.target, job)
        if first.source != job.source:
            raise OutputExists(f"{job.output} is the output of {first.name}; {self.advice.alone}")

    def _check_other(self, job: Job) -> None:
        """Refuse an output that is also an input, or another output under a different name."""
        assert job.target is not None
        if isinstance(job.target, Path) and not job.target.exists():
            return  # a link that leads nowhere
        target, noted = _identity(job.target), _content_identity(job.target)
        if job.source is not None and target == _identity(job.source):
            raise OutputExists(f"input and output are the same file; {self.advice.rename}")
        if noted in self._written:
            raise OutputExists(
                f"{job.output} is already the output of {self._written[noted]}; {self.advice.alone}"
            )
        if not self._inputs:
            self._find_existing()
        first = self._first.get(noted, job)
        if first.target != job.target:
            raise OutputExists(
                f"{job.output} is {first.output} under another name, the output of {first.name};"
                f" {self.advice.alone}"
            )
        if target in self._inputs:
            raise OutputExists(f"{job.output} is itself an input; {self.advice.rename}")

    def _find_existing(self) -> None:
        """Note which inputs and outputs exist before the first output is written."""
        for job in self.jobs:
            # One that cannot be looked at is reported by its own job.
            with suppress(OSError):
                if job.source is not None:
                    self._inputs[_identity(job.source)] = job.name
            with suppress(OSError):
                if job.target is not None and not job.problem:
                    self._first.setdefault(_content_identity(job.target), job)


def _is_special(path: AnyPath) -> bool:
    return isinstance(path, Path) and is_special(path)


def _decoded(target: AnyPath) -> AnyPath:
    """The name of a picture that must not replace the one at `target`."""
    return target.with_suffix(f".decoded{target.suffix}")


def _identity(path: AnyPath) -> _Id:
    if isinstance(path, RemotePath):
        return path.url
    status = path.stat()
    return status.st_dev, status.st_ino


def _content_identity(path: AnyPath) -> _Id:
    """Like `_identity`, but of a file with this content only.

    If another process replaces a file, the next file of all may get its inode.
    """
    if isinstance(path, RemotePath):
        return path.url
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def may_be_tcz(path: AnyPath) -> bool:
    """Whether a file is a `.tcz` file, or empty."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) in (MAGIC, b"")


def _fill(file: BinaryIO, data: bytes | Writer) -> None:
    if callable(data):
        data(file)
    else:
        file.write(data)


def _to_stdout(data: bytes | Writer) -> int:
    """Write a complete output to stdout; returns the bytes. `StdoutError` if that fails."""
    buffer = io.BytesIO()
    _fill(buffer, data)
    try:
        sys.stdout.buffer.write(buffer.getbuffer())
        sys.stdout.buffer.flush()
    except StdoutError:
        silence_stdout()
        raise
    return buffer.tell()


def _same_bytes(file: BinaryIO, other: AnyPath) -> bool:
    """Whether a file that was just written has the content of another one."""
    file.flush()
    with ExitStack() as stack:
        a = file if file.readable() else stack.enter_context(open(file.name, "rb"))
        b = stack.enter_context(other.open("rb"))
        a.seek(0)
        while True:
            block = a.read(1 << 20)
            if block != b.read(1 << 20):
                return False
            if not block:
                return True
