"""From the arguments of a command to pairs of input and output."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TypeVar

from tccodec.errors import BadOption
from tccodec.files.remote import AnyPath, path_of, walk
from tccodec.files.resolved import Resolver
from tccodec.files.text import shown

P = TypeVar("P", PurePath, Path, AnyPath)

STREAM = "-"
_STDOUT = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")  # written to, never replaced
_STREAMS = ("/dev", "/dev/fd", "/proc/self/fd")  # folders of names such as /dev/stdin, /dev/fd/63
# An output with such a suffix is meant as a file, even if only a folder would make sense.
_FILE_SUFFIXES = {
    *(".tcz", ".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff", ".bmp", ".gif"),
    *(".ppm", ".jp2", ".heic", ".jxl"),
}


@dataclass(frozen=True, slots=True)
class Job:
    """One input and its output; None stands for stdin and stdout.

    problem: why the job cannot be done, found while planning and reported when the job is due.
    derived: whether the output's name was made from the input's. original: a file that has the
    output's first name and is kept. replaceable: an existing output may be replaced.
    """

    source: AnyPath | None
    target: AnyPath | None
    problem: str = ""
    derived: bool = False
    original: AnyPath | None = None
    replaceable: bool = False

    @property
    def name(self) -> str:
        """The name of the input, for printing."""
        return "stdin" if self.source is None else shown(self.source)

    @property
    def output(self) -> str:
        """The name of the output, for printing."""
        return "stdout" if self.target is None else shown(self.target)


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that is not coded; None stands for stdin. failed: whether this counts as a failure."""

    path: AnyPath | None
    reason: str
    failed: bool = False

    @property
    def name(self) -> str:
        """The name of the file, for printing."""
        return "stdin" if self.path is None else shown(self.path)


@dataclass(slots=True)
class Plan:
    """The jobs of a command line, and the files that are skipped."""

    jobs: list[Job] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Advice:
    """What a command advises where an output is refused, as half a sentence.

    replace: its file exists. rename: it must be another file. alone: it must be another file than
    the output of another input.
    """

    replace: str = "-f replaces it"
    rename: str = "-o names another output"
    alone: str = "-o with this input alone names another"


DEFAULT_ADVICE = Advice()


class PlannedOutputs:
    """The outputs of jobs, to find those that are one file, also through links."""

    def __init__(self) -> None:
        self._resolved = Resolver()
        self._jobs: dict[str, Job] = {}

    def first(self, target: AnyPath, job: Job) -> Job:
        """The job that was the first with an output there; `job` itself if there was none."""
        return self._jobs.setdefault(self._resolved(target), job)


@dataclass(frozen=True, slots=True)
class Naming:
    """How outputs are named after their inputs.

    suffix: takes the place of the input's. added: text before it. full: the input's suffix stays.
    """

    suffix: str
    added: str = ""
    full: bool = False

    def __post_init__(self) -> None:
        if any(c in self.added for c in ("/", os.sep, "\0")):
            raise BadOption("--suffix is a part of a name and holds no slash")

    def __call__(self, path: P) -> P:
        """The path with the output's name; unchanged if it has no last part, as `.` and `/`."""
        stem = path.name if self.full else path.stem
        return path.with_name(f"{stem}{self.added}{self.suffix}") if path.name else path


# Returns None for a file of a folder that is a job, else why it is skipped.
FileFilter = Callable[[AnyPath], SkippedFile | None]


def output_folder(inputs: Sequence[str], output: str | None) -> AnyPath | None:
    """The folder that -o names; None if it is a file, stdout, or not given.

    Several inputs or a folder need one. Raises `BadOption` if -o cannot be a folder.
    """
    if output is None:
        return None
    if not output:
        raise BadOption("-o needs a name")
    many = len(inputs) > 1 or any(_looked_at(path_of(i))[0] for i in inputs if i != STREAM)
    if _is_stdout(output):
        if many:
            raise BadOption("-o - takes one input: several files cannot share stdout")
        return None
    folder, slash = path_of(output), output.endswith(("/", os.sep))
    if not (many or slash or folder.is_dir()):
        return None
    if folder.exists() and not folder.is_dir():
        raise BadOption(f"-o {shown(output)} is a file, but the outputs need a folder")
    if not slash and not folder.is_dir() and folder.suffix.lower() in _FILE_SUFFIXES:
        raise BadOption(
            f"-o {shown(output)} is the name of a file, but the outputs need a folder;"
            f" {shown(output)}/ makes one of that name"
        )
    return folder


def is_to_stdout(jobs: Sequence[Job]) -> bool:
    """Whether all there is to write goes to stdout."""
    return bool(jobs) and all(job.target is None for job in jobs)


def plan(
    inputs: Sequence[str],
    output: str | None,
    *,
    naming: Naming,
    recursive: bool,
    file_filter: FileFilter,
    advice: Advice = DEFAULT_ADVICE,
) -> Plan:
    """The jobs of a command line: folders are walked, output folders mirror them.

    naming: of outputs that -o does not name. file_filter: which files in folders are jobs; files
    that are named always are. advice: for outputs that are refused. Raises `BadOption` if the
    arguments contradict each other, or if a file would be read from or written to a terminal.
    """
    folder = output_folder(inputs, output)
    if output is not None and folder is None and (naming.added or naming.full):
        raise BadOption("-o names the output; --suffix and --full-names are for derived names")
    if output is not None and folder is None and naming.suffix == ".tcz":
        suffix = PurePath(output).suffix.lower()
        if suffix != ".tcz" and suffix in _FILE_SUFFIXES:
            raise BadOption(f"-o {shown(output)} is the name of a picture, not of a .tcz file")
    result = Plan()
    outputs = PlannedOutputs()
    for source, below, problem in _expand(
        inputs, result, recursive=recursive, file_filter=file_filter
    ):
        target: AnyPath | None
        if folder is not None:
            target = folder / naming(PurePath("stdin") if below is None else below)
        elif output is not None:
            target = None if _is_stdout(output) else path_of(output)
        else:
            target = None if source is None else naming(source)
            if not problem and isinstance(source, Path) and str(source.parent) in _STREAMS:
                problem = "no output can be written beside a stream; -o names one"
        job = Job(source, target, problem=problem, derived=output is None)
        if target is not None and not problem:
            other = outputs.first(target, job)
            if other is not job:
                if source is not None and _same_file(source, other.source):
                    result.skipped.append(SkippedFile(source, "named twice"))
                    continue
                hint = advice.alone
                if not naming.full and _differ_in_suffix(source, other.source):
                    hint = "--full-names keeps both apart"
                problem = f"{job.output} is already the output of {other.name}; {hint}"
                job = Job(source, target, problem=problem)
        result.jobs.append(job)
    _check_terminals(result.jobs)
    return result


def readings(inputs: Sequence[str], *, recursive: bool, file_filter: FileFilter) -> Plan:
    """The jobs of a command that only reads, without outputs."""
    result = Plan()
    for source, _, problem in _expand(inputs, result, recursive=recursive, file_filter=file_filter):
        result.jobs.append(Job(source, None, problem=problem))
    return result


def _expand(
    inputs: Sequence[str], result: Plan, *, recursive: bool, file_filter: FileFilter
) -> Iterator[tuple[AnyPath | None, PurePath | None, str]]:
    """`(file, path below the named folder, problem)` for each input.

    Files that are skipped are added to `result`.
    """
    for text in inputs:
        path = path_of(text)
        if not text:
            raise BadOption("an input needs a name")
        if text == STREAM:
            yield None, None, ""
            continue
        is_folder, problem = _looked_at(path)
        if not is_folder:
            yield path, PurePath(path.name), problem
        elif not recursive:
            yield path, PurePath(path.name), "this is a folder; -r walks it"
        else:
            empty = True
            for entry in walk(path):
                error, skipped = entry.error, None
                if entry.skipped:
                    skipped = SkippedFile(entry.path, entry.skipped)
                elif not error:
                    try:
                        skipped = file_filter(entry.path)
                    except OSError as e:
                        error = e.strerror or str(e)
                empty = empty and skipped is not None and not skipped.failed
                if skipped is not None:
                    result.skipped.append(skipped)
                else:
                    yield entry.path, entry.path.relative_to(path), error
            if empty:
                yield path, PurePath(path.name), "the folder holds nothing to do"


def is_tcz(path: AnyPath) -> SkippedFile | None:
    """The filter of commands that read `.tcz` files: a job by content or by name."""
    from tccodec.container.layout import MAGIC

    if path.suffix.lower() == ".tcz":
        return None
    with path.open("rb") as file:
        return None if file.read(len(MAGIC)) == MAGIC else SkippedFile(path, "not a .tcz file")


def _is_stdout(output: str) -> bool:
    return output == STREAM or output in _STDOUT


def _looked_at(path: AnyPath) -> tuple[bool, str]:
    """Whether a path is a folder; and why, if it is none, it cannot be read as a file, or ""."""
    try:
        if path.is_dir():
            return True, ""
        if path.exists():
            return False, ""
    except OSError as e:
        return False, e.strerror or str(e)
    link = isinstance(path, Path) and path.is_symlink()
    return False, "the link leads nowhere" if link else "there is no such file"


def _differ_in_suffix(one: AnyPath | None, other: AnyPath | None) -> bool:
    """Whether two files have one name, but for the suffix."""
    return bool(one and other and one.name != other.name and one.stem == other.stem)


def _same_file(one: AnyPath, other: AnyPath | None) -> bool:
    """Whether two paths name one file. Hard links are two files."""
    if not (isinstance(one, Path) and isinstance(other, Path)):
        return one == other
    return one.absolute() == other.absolute() or (
        one.name == other.name and one.parent.resolve() == other.parent.resolve()
    )


def _check_terminals(jobs: Sequence[Job]) -> None:
    """Refuse to read a file from a terminal or to print one to it (`BadOption`)."""
    for job in jobs:
        if job.problem:
            continue
        if job.source is None and sys.stdin.isatty():
            raise BadOption("- reads from a pipe, but stdin is a terminal")
        if job.target is None and sys.stdout.isatty():
            raise BadOption("the output is binary and stdout a terminal; name a file with -o")
