"""From the arguments of a command to pairs of input and output; reading and writing them."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tccodec.errors import BadOption, OutputExists, TccodecError

STREAM = "-"


@dataclass(frozen=True, slots=True)
class Job:
    """One input and its output; None stands for stdin and stdout.

    problem: why the job cannot be done, found while planning; it is reported in its turn.
    """

    source: Path | None
    target: Path | None
    problem: str = ""

    @property
    def name(self) -> str:
        """The input as a person would call it; printable even if its bytes are no text."""
        if self.source is None:
            return "stdin"
        return os.fsencode(self.source).decode("utf-8", "replace")


def plan(
    inputs: Sequence[str],
    output: str | None,
    *,
    suffix: str,
    recursive: bool,
    accepts: Callable[[Path], bool],
) -> list[Job]:
    """The jobs of a command line, folders walked and outputs mirrored.

    suffix: of output names that are derived. accepts: which files of a folder count; files
    that are named themselves always do. Raises `BadOption` where the arguments contradict
    each other.
    """
    found = list(expand(inputs, recursive=recursive, accepts=accepts))
    many = len(found) > 1 or any(Path(i).is_dir() for i in inputs if i != STREAM)
    if output == STREAM and many:
        raise BadOption("-o - takes one input: several files cannot share stdout")
    folder = None
    if output is not None and output != STREAM:
        if many or Path(output).is_dir() or output.endswith(("/", os.sep)):
            folder = Path(output)
        if folder is not None and folder.exists() and not folder.is_dir():
            raise BadOption(f"-o {output} is a file, but the outputs need a folder")
    jobs: list[Job] = []
    taken: dict[Path, Job] = {}
    for source, below, problem in found:
        target: Path | None
        if folder is not None:
            target = folder / (Path("stdin") if below is None else below).with_suffix(suffix)
        elif output is not None:
            target = None if output == STREAM else Path(output)
        else:
            target = None if source is None else source.with_suffix(suffix)
        job = Job(source, target, problem)
        if target is not None and not problem:
            if target in taken:
                other = taken[target].name
                job = Job(source, target, f"{target} is already the output of {other}")
            else:
                taken[target] = job
        jobs.append(job)
    return jobs


def readings(
    inputs: Sequence[str], *, recursive: bool, accepts: Callable[[Path], bool]
) -> list[Job]:
    """The jobs of a command that only reads: no outputs."""
    found = expand(inputs, recursive=recursive, accepts=accepts)
    return [Job(source, None, problem) for source, _, problem in found]


def expand(
    inputs: Sequence[str], *, recursive: bool, accepts: Callable[[Path], bool]
) -> Iterator[tuple[Path | None, Path | None, str]]:
    """`(file, its path below the folder that was named, problem)` for each input."""
    for text in inputs:
        path = Path(text)
        if text == STREAM:
            yield None, None, ""
        elif not path.is_dir():
            yield path, Path(path.name), "" if path.exists() else "there is no such file"
        elif not recursive:
            yield path, Path(path.name), "this is a folder; -r walks it"
        else:
            closed: list[OSError] = []
            files = [f for f in _walk(path, closed) if accepts(f)]
            for error in closed:
                yield Path(error.filename), Path(path.name), error.strerror or "cannot be read"
            if not files and not closed:
                yield path, Path(path.name), "the folder holds nothing to do"
            for file in files:
                yield file, file.relative_to(path), ""


def _walk(folder: Path, closed: list[OSError]) -> Iterator[Path]:
    """Files below `folder` in a fixed order, hidden ones and hidden folders left out.

    Folders that cannot be listed are added to `closed`.
    """
    for root, folders, files in os.walk(folder, onerror=closed.append):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield Path(root, name)


def read_input(job: Job) -> bytes:
    """The bytes of a job's input."""
    if job.source is not None:
        return job.source.read_bytes()
    if sys.stdin.isatty():
        raise BadOption("- reads from a pipe, but stdin is a terminal")
    return sys.stdin.buffer.read()


def check_output(job: Job, *, force: bool) -> None:
    """Refuse an output that must not be written, before any work is done for it."""
    if job.target is None:
        if sys.stdout.isatty():
            raise BadOption("the output is binary and stdout a terminal; name a file with -o")
    elif job.target.is_dir():
        raise OutputExists(f"{job.target} is a folder")
    elif job.target.exists():
        if job.source is not None and job.source.exists() and job.target.samefile(job.source):
            raise OutputExists("input and output are the same file; -o names another output")
        if not force:
            raise OutputExists(f"{job.target} exists; -f replaces it, -o names another output")


def write_output(
    job: Job, data: bytes | Callable[[BinaryIO], None], *, preserve_times: bool = False
) -> int:
    """Write a job's output whole or not at all; folders are made as needed.

    `data` is the output or what writes it into an open file. Returns its bytes.
    """

    def write(file: BinaryIO) -> None:
        if callable(data):
            data(file)
        else:
            file.write(data)

    if job.target is None:
        buffer = io.BytesIO()
        write(buffer)
        sys.stdout.buffer.write(buffer.getbuffer())
        sys.stdout.buffer.flush()
        return buffer.tell()
    try:
        job.target.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise TccodecError(f"{job.target.parent} is not a folder") from None
    part = job.target.with_name(f".{job.target.name[:200]}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            write(file)
            size = file.tell()
        if preserve_times and job.source is not None:
            times = job.source.stat()
            os.utime(part, ns=(times.st_atime_ns, times.st_mtime_ns))
        os.replace(part, job.target)
    finally:
        part.unlink(missing_ok=True)
    return size
