"""From the arguments of a command to pairs of input and output."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tccodec.errors import BadOption
from tccodec.files.text import shown
from tccodec.files.walk import walk

STREAM = "-"
_STDOUT = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")  # written to, never replaced
# An output with such a suffix is meant as a file, even if only a folder would make sense.
_FILE_SUFFIXES = {
    *(".tcz", ".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff", ".bmp", ".gif"),
    *(".ppm", ".jp2", ".heic", ".jxl"),
}


@dataclass(frozen=True, slots=True)
class Job:
    """One input and its output; None stands for stdin and stdout.

    problem: why the job cannot be done, found while planning and reported when its turn comes.
    derived: whether the output's name was made from the input's. original: a file that has the
    output's first name and is kept.
    """

    source: Path | None
    target: Path | None
    problem: str = ""
    derived: bool = False
    original: Path | None = None

    @property
    def name(self) -> str:
        """The name of the input, for printing."""
        return "stdin" if self.source is None else shown(self.source)

    @property
    def output(self) -> str:
        """The name of the output, for printing."""
        return "stdout" if self.target is None else shown(self.target)


@dataclass(frozen=True, slots=True)
class Passed:
    """A file of a folder that is not coded. failed: whether the user would expect it to be."""

    path: Path
    reason: str
    failed: bool = False


@dataclass(slots=True)
class Plan:
    """The jobs of a command line, and the files that are passed over."""

    jobs: list[Job] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)


# Why a file in a folder is passed over, or None if it is a job.
Sieve = Callable[[Path], Passed | None]


def output_folder(inputs: Sequence[str], output: str | None) -> Path | None:
    """The folder that -o names; None if it is a file, stdout, or not given.

    Several inputs or a folder need one. Raises `BadOption` if -o cannot be a folder.
    """
    many = len(inputs) > 1 or any(Path(i).is_dir() for i in inputs if i != STREAM)
    if output is None:
        return None
    if not output:
        raise BadOption("-o needs a name")
    if _is_stdout(output):
        if many:
            raise BadOption("-o - takes one input: several files cannot share stdout")
        return None
    folder, slash = Path(output), output.endswith(("/", os.sep))
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


def plan(
    inputs: Sequence[str], output: str | None, *, suffix: str, recursive: bool, sieve: Sieve
) -> Plan:
    """The jobs of a command line: folders are walked, output folders mirror them.

    suffix: of derived output names. sieve: decides about files in folders; files that are named
    are always jobs. Raises `BadOption` if the arguments contradict each other, or if a file would
    be read from or written to a terminal.
    """
    folder = output_folder(inputs, output)
    made = Plan()
    taken: dict[str, Job] = {}  # by absolute path
    for source, below, problem in _expand(inputs, made, recursive=recursive, sieve=sieve):
        target: Path | None
        if folder is not None:
            target = folder / _renamed(Path("stdin") if below is None else below, suffix)
        elif output is not None:
            target = None if _is_stdout(output) else Path(output)
        else:
            target = None if source is None else _renamed(source, suffix)
        job = Job(source, target, problem, derived=output is None)
        if target is not None and not problem:
            other = taken.setdefault(os.path.abspath(target), job)
            if other is not job:
                if source is not None and _same_file(source, other.source):
                    made.passed.append(Passed(source, "named twice"))
                    continue
                problem = (
                    f"{job.output} is already the output of {other.name};"
                    " -o with this input alone names another"
                )
                job = Job(source, target, problem)
        made.jobs.append(job)
    _check_terminals(made.jobs)
    return made


def readings(inputs: Sequence[str], *, recursive: bool, sieve: Sieve) -> Plan:
    """The jobs of a command that only reads, without outputs."""
    made = Plan()
    for source, _, problem in _expand(inputs, made, recursive=recursive, sieve=sieve):
        made.jobs.append(Job(source, None, problem))
    return made


def _expand(
    inputs: Sequence[str], made: Plan, *, recursive: bool, sieve: Sieve
) -> Iterator[tuple[Path | None, Path | None, str]]:
    """`(file, path below the named folder, problem)` for each input.

    Files that are passed over are added to `made`.
    """
    for text in inputs:
        path = Path(text)
        if not text:
            raise BadOption("an input needs a name")
        if text == STREAM:
            yield None, None, ""
        elif not path.is_dir():
            yield path, Path(path.name), "" if path.exists() else _missing(path)
        elif not recursive:
            yield path, Path(path.name), "this is a folder; -r walks it"
        else:
            idle = True
            for found in walk(path):
                error, passed = found.error, None
                if found.passed:
                    passed = Passed(found.path, found.passed)
                elif not error:
                    try:
                        passed = sieve(found.path)
                    except OSError as e:
                        error = e.strerror or str(e)
                idle = idle and passed is not None and not passed.failed
                if passed is not None:
                    made.passed.append(passed)
                else:
                    yield found.path, found.path.relative_to(path), error
            if idle:
                yield path, Path(path.name), "the folder holds nothing to do"


def is_tcz(path: Path) -> Passed | None:
    """The sieve of commands that read `.tcz` files: a job by content or by name."""
    from tccodec.container.layout import MAGIC

    if path.suffix.lower() == ".tcz":
        return None
    with path.open("rb") as file:
        return None if file.read(len(MAGIC)) == MAGIC else Passed(path, "no .tcz file")


def _is_stdout(output: str) -> bool:
    return output == STREAM or output in _STDOUT


def _renamed(path: Path, suffix: str) -> Path:
    """The path with another suffix; unchanged if it has no last part, such as `.` and `/`."""
    return path.with_suffix(suffix) if path.name else path


def _missing(path: Path) -> str:
    return "the link leads nowhere" if path.is_symlink() else "there is no such file"


def _same_file(one: Path, other: Path | None) -> bool:
    """Whether two paths name one file. Hard links are two files."""
    if other is None:
        return False
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
