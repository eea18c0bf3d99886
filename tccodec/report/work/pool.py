"""A pool of worker processes that survives their crashes.

`concurrent.futures` gives up the whole pool when one process dies; a codec's library may kill it.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from tccodec.coding.threads import choose_threads, processors, share_cores
from tccodec.report.work.tasks import Failure, Result, Task
from tccodec.report.work.worker import Worker

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
# Not `-m`, which needs an installed package or PYTHONPATH. The programs of external codecs would
# inherit PYTHONPATH.
_PROGRAM = (
    "import sys; root = sys.argv[1]; root in sys.path or sys.path.insert(0, root); "
    "from tccodec.report.work.worker import main; main()"
)
_GRACE = 5.0  # seconds that a worker has to end by itself
_DIED = "the process died while coding this picture (out of memory, or a crash in a library)"


def choose_jobs(jobs: int | None, *, megapixels: float, gigabytes_each: float) -> int:
    """Number of workers: as asked, else one per processor, or fewer if memory is short.

    megapixels: of the largest picture. gigabytes_each: memory of one worker for each of them.
    """
    if jobs:
        return jobs
    wanted = processors()
    free = _free_gigabytes()
    if free is not None:
        each = 0.7 + gigabytes_each * megapixels
        wanted = max(1, min(wanted, int(0.8 * free / each)))
    return wanted


def _free_gigabytes() -> float | None:
    try:
        text = Path("/proc/meminfo").read_text()
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) / 2**20
    return None


class Pool:
    """`jobs` workers with `processors() // jobs` threads each; a context manager.

    Leaving the block kills the workers.
    """

    def __init__(self, jobs: int, *, externals: list[str], backbones: Path | None) -> None:
        self.jobs = jobs
        self.threads = choose_threads(jobs)
        self.backbones = backbones
        self._worker = Worker(externals, backbones)
        self._processes: list[subprocess.Popen[bytes]] = []
        self._idle: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            self._kill(process)

    def run(self, tasks: Iterable[Task[Result]]) -> Iterator[tuple[Task[Result], Result | Failure]]:
        """Results as they come, in no fixed order. If a worker dies, its task fails.

        The dead worker is replaced. If the iterator is closed early, running tasks are killed with
        the pool.
        """
        pending = iter(tasks)
        done: queue.Queue[tuple[subprocess.Popen[bytes], Task[Result], Result | Failure]]
        done = queue.Queue()
        running = 0

        def ask(process: subprocess.Popen[bytes], task: Task[Result]) -> None:
            result = self._ask(process, task)
            done.put((process, task, result))

        def feed() -> bool:
            task = next(pending, None)
            if task is None:
                return False
            process = self._idle.pop() if self._idle else self._start()
            threading.Thread(target=ask, args=(process, task), daemon=True).start()
            return True

        while running < self.jobs and feed():
            running += 1
        while running:
            process, task, result = done.get()
            if process.poll() is None:
                self._idle.append(process)
            else:
                self._processes.remove(process)
                self._kill(process)
            running -= 1
            running += feed()
            yield task, result

    def describe(self) -> dict[str, Any]:
        """How the times were taken, for the report."""
        return {
            "jobs": self.jobs,
            "threads_per_job": self.threads,
            "processors": processors(),
        }

    def _start(self) -> subprocess.Popen[bytes]:
        environment = dict(os.environ)
        for name in _THREAD_VARIABLES:
            environment[name] = str(self.threads)
        share_cores(environment)
        root = str(Path(__file__).resolve().parents[3])
        process = subprocess.Popen(
            # -P: nothing is imported from the working folder, which may hold anybody's files
            [sys.executable, "-P", "-c", _PROGRAM, root],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            # Ctrl-C goes to the parent only, which ends its workers itself
            start_new_session=True,
        )
        self._processes.append(process)
        with contextlib.suppress(OSError):
            _send(self._worker, process.stdin)
        return process

    @staticmethod
    def _ask(process: subprocess.Popen[bytes], task: Task[Result]) -> Result | Failure:
        assert process.stdout is not None
        try:
            _send(task, process.stdin)
            result: Result | Failure = pickle.load(process.stdout)
        except Exception:  # half a result can be anything
            Pool._kill(process)
            return Failure(_DIED)
        return result

    @staticmethod
    def _kill(process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.close()  # then it ends, with the programs of external codecs
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
        # only while it runs: a dead process's number may belong to another one
        if process.poll() is None:
            with contextlib.suppress(OSError):
                if hasattr(os, "killpg"):
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
        process.wait()
        with contextlib.suppress(OSError):
            process.stdout.close()


def _send(value: Any, pipe: IO[bytes] | None) -> None:
    assert pipe is not None
    pickle.dump(value, pipe)
    pipe.flush()
