"""Processes that share the jobs of a command among them (--jobs).

On Linux they are forked after the model is loaded, so its weights are in memory once. Elsewhere, on
a GPU, and without torch, each process starts anew and loads its own model. If a process dies, its
job has failed, and another process takes its place. If the parent dies, they end.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any, cast

from tccodec.cli.jobs import Job
from tccodec.cluster import Work, sendable
from tccodec.coding.surroundings import has_torch, set_threads
from tccodec.coding.threads import choose_threads
from tccodec.errors import TccodecError

_DIED = "the process that worked on it died (out of memory, or a crash in a library)"
_GRACE = 5.0  # seconds that a process has to tidy up


class Workers:
    """`count` processes, each with its share of the processors; a context manager.

    threads: of each process; None: its share of the processors. Leaving the block ends the
    processes; files that they were writing are deleted.
    """

    def __init__(self, work: Work[Job], count: int, *, threads: int | None) -> None:
        self._work, self._count = work, count
        self._threads = threads or choose_threads(count)
        self._running: dict[Connection, BaseProcess] = {}
        self._context: BaseContext = multiprocessing.get_context("spawn")
        if _may_fork(work.device):
            self._context = multiprocessing.get_context("fork")
            set_threads(1)  # threads of this process would be missing in the others
            work.load(1)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            process.terminate()
        for pipe, process in self._running.items():
            pipe.close()
            _end(process)

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Any]]:
        """Each job with what came of it, a result or an exception, in the order they finish."""
        waiting = iter(jobs)
        current: dict[Connection, Job] = {}
        while len(current) < self._count and (job := next(waiting, None)) is not None:
            current[self._given(self._start(), job)] = job
        while current:
            for pipe in cast("list[Connection]", wait(list(current))):
                job = current.pop(pipe)
                try:
                    answer = pipe.recv()
                except (EOFError, OSError):
                    answer = TccodecError(_DIED)
                    _end(self._running.pop(pipe))
                    pipe.close()
                following = next(waiting, None)
                if following is not None:
                    free = self._start() if pipe.closed else pipe
                    current[self._given(free, following)] = following
                yield job, answer

    @staticmethod
    def _given(pipe: Connection, job: Job) -> Connection:
        """Send a job through a pipe and return the pipe; if its process is dead, reading fails."""
        with contextlib.suppress(OSError):
            pipe.send(job)
        return pipe

    def _start(self) -> Connection:
        """Start a process; the pipe that leads to it."""
        pipe, other = self._context.Pipe()
        ours = [pipe, *self._running] if self._context.get_start_method() == "fork" else []
        process = self._context.Process(  # type: ignore[attr-defined]
            target=_serve, args=(other, self._work, self._threads, ours), daemon=True
        )
        with _threads_of_libraries(self._threads):
            process.start()
        other.close()
        self._running[pipe] = process
        return pipe


@contextlib.contextmanager
def _threads_of_libraries(count: int) -> Iterator[None]:
    """Processes that start in the block have `count` threads in numpy's matrix products.

    Only the environment tells that library. A number that the user has set there is kept.
    """
    name = "OMP_NUM_THREADS"
    if name in os.environ:
        yield
        return
    os.environ[name] = str(count)
    try:
        yield
    finally:
        del os.environ[name]


def _may_fork(device: str) -> bool:
    """Whether a process can be forked when the model is loaded."""
    if sys.platform != "linux" or not has_torch():
        return False
    from tccodec.coding.devices import choose_device

    return choose_device(device).type == "cpu"


def _serve(pipe: Connection, work: Work[Job], threads: int, inherited: list[Connection]) -> None:
    """Do the jobs that come through a pipe until it is closed.

    inherited: the ends of pipes that belong to the parent, and would stay open here.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends this one
    signal.signal(signal.SIGTERM, _exit)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for other in inherited:
        other.close()
    if has_torch():
        set_threads(threads)
    loaded = False
    with contextlib.suppress(EOFError, OSError):
        while True:
            job = pipe.recv()
            answer: Any
            try:
                if not loaded:
                    work.load(threads)
                    loaded = True
                answer = work(job, lambda _: None)
            except Exception as e:
                answer = sendable(e)
            pipe.send(answer)


def _end_with_parent() -> None:
    """End this process when its parent has: what it would write nobody waits for."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    if hasattr(signal, "pthread_kill"):  # in the main thread, which a signal wakes up
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
    else:
        os.kill(os.getpid(), signal.SIGTERM)


def _exit(number: int, _: object) -> None:
    raise SystemExit(128 + number)


def _end(process: BaseProcess) -> None:
    """Wait for a process that is about to end; if it takes too long, kill it."""
    process.join(_GRACE)
    if process.is_alive():
        process.kill()
        process.join()
