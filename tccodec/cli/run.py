"""The jobs of a command, one after the other or elsewhere, and what becomes of each."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click

from tccodec.cli.engine import Engine, Executor
from tccodec.cli.jobs import Job, Plan, SkippedFile, is_tcz, readings
from tccodec.cli.outputs import SkipJob
from tccodec.cli.reporter import (
    FinishedJob,
    Messages,
    Reporter,
    failure,
    is_reader_gone,
    skipped_lines,
)
from tccodec.cli.streams import message
from tccodec.cluster import Work
from tccodec.errors import TccodecError
from tccodec.files.atomic import is_special
from tccodec.files.remote import AnyPath
from tccodec.files.text import json_name


def run_jobs(
    plan: Plan,
    work: Work[Job],
    *,
    engine: Engine,
    threads: int | None,
    messages: Messages,
    starting: Callable[[Job], None] | None = None,
    finished: Callable[[FinishedJob], None] | None = None,
    also_skipped: Callable[[], Iterable[SkippedFile]] = tuple,
) -> int:
    """Do all jobs and return the exit status. A job that fails does not stop the others.

    work: does one job, given a progress function, and returns its figures and its line. engine:
    where that is done. threads: of each process. starting: called in this process before each job.
    finished: called here after each job; if it raises, the job counts as failed. also_skipped:
    called after the last job; gives further files that were not coded.
    """
    report = Reporter(plan, messages)
    line = ""
    with contextlib.ExitStack() as stack:
        own, shared = _divided(plan.jobs)
        executor = engine.executor(work, shared, threads)
        if executor:  # before the threads of the progress bar are there
            stack.enter_context(executor)
        else:
            own, shared = plan.jobs, []
        update = stack.enter_context(report.progress())
        try:
            for job, answer in _answers(
                own, shared, work=work, executor=executor, update=update, starting=starting
            ):
                if isinstance(answer, SkipJob):
                    report.skip(job, str(answer))
                elif isinstance(answer, Exception):
                    if is_reader_gone(answer):
                        raise answer
                    report.problem(job, answer)
                else:
                    done, line = answer
                    try:
                        if finished:
                            finished(done)
                    except Exception as e:
                        report.problem(job, e)
                    else:
                        report.succeeded(done, line=line)
                    if done.stopped:
                        raise KeyboardInterrupt
        except KeyboardInterrupt:
            report.close(line=line)
            raise
    report.skipped_files += also_skipped()
    return report.close(line=line)


def _answers(
    own: Sequence[Job],
    shared: Sequence[Job],
    *,
    work: Work[Job],
    executor: Executor | None,
    update: Callable[[float], None],
    starting: Callable[[Job], None] | None,
) -> Iterator[tuple[Job, tuple[FinishedJob, str] | Exception]]:
    """Each job with its figures and its line, or with the exception that ended it."""
    for job in own:
        update(0.0)
        try:
            if job.problem:
                raise TccodecError(job.problem)
            if starting:
                starting(job)
            answer = work(job, update)
        except Exception as e:
            answer = e
        yield job, answer
    if executor:
        update(0.0)
        for job, answer in executor.run(_begun(shared, starting)):
            yield job, answer
            update(0.0)


def _begun(jobs: Iterable[Job], starting: Callable[[Job], None] | None) -> Iterator[Job]:
    """The jobs, each of them begun when it is asked for."""
    for job in jobs:
        if starting:
            starting(job)
        yield job


def _divided(jobs: Iterable[Job]) -> tuple[list[Job], list[Job]]:
    """Jobs that only this process can do, because they use its streams or fail, and the others."""
    own: list[Job] = []
    shared: list[Job] = []
    for job in jobs:
        here = job.problem or _is_stream(job.source) or _is_stream(job.target)
        (own if here else shared).append(job)
    return own, shared


def _is_stream(path: AnyPath | None) -> bool:
    """Whether a path may mean something else, or nothing, in another process: /dev/fd/63."""
    return path is None or (isinstance(path, Path) and is_special(path))


def read_jobs(
    inputs: Sequence[str],
    work: Callable[[Job], str],
    *,
    recursive: bool,
    as_json: bool,
    quiet: bool = False,
    failure_fields: Mapping[str, Any] = MappingProxyType({}),
) -> int:
    """Do the jobs of a command that reads `.tcz` files; returns the exit status.

    work: reads one file and returns the answer for stdout, or "". failure_fields: further
    fields of the JSON object of a failure.
    """
    plan = readings(inputs, recursive=recursive, file_filter=is_tcz)
    failed = 0
    for job in plan.jobs:
        try:
            if job.problem:
                raise TccodecError(job.problem)
            answer = work(job)
        except Exception as e:
            failed += 1
            name, text = failure(job, e)
            message(f"tccodec: {name}: {text}")
            named = json_name("file", job.source or "stdin")
            answer = json.dumps({**named, **failure_fields, "error": text}) if as_json else ""
        if answer:
            click.echo(answer)
    for line in skipped_lines(plan.skipped, whole=False, quiet=quiet, names_all="--json"):
        message(line)
    if as_json:
        for file in plan.skipped:
            named = json_name("file", file.path or "stdin")
            click.echo(json.dumps(named | {"skipped": file.reason}))
    return 1 if failed else 0
