"""A pool of worker processes that survives their crashes.

`concurrent.futures` gives up the whole pool when one process dies; a codec's library may kill it.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tccodec.coding.threads import processors, share_cores
from tccodec.report.work.worker import Answer, Task

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
# Not `-m`: so a checkout need not be installed, and PYTHONPATH need not be set, which the programs
# of external codecs would inherit.
_PROGRAM = (
    "import sys; root = sys.argv[1]; root in sys.path or sys.path.insert(0, root); "
    "from tccodec.report.work.worker import main; main()"
)
_DIED = "the process died while coding this picture (out of memory, or a crash in a library)"


def choose_jobs(jobs: int | None, largest_megapixels: float, per_megapixel: float) -> int:
    """Number of workers: as asked, else one per processor, or fewer if memory is short.

    `per_megapixel` is the gigabytes that one worker takes per megapixel of a picture.
    """
    if jobs:
        return jobs
    wanted = processors()
    free = _free_gigabytes()
    if free is not None:
        each = 0.7 + per_megapixel * largest_megapixels
        wanted = max(1, min(wanted, int(0.8 * free / each)))
    return wanted


def choose_threads(jobs: int) -> int:
    """Threads of each worker: its share of the processors, at most OMP_NUM_THREADS."""
    share = max(1, processors() // jobs)
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(share, int(asked)) if asked.isdecimal() and int(asked) else share


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

    Leaving the block kills the workers. Finished answers have been given out before.
    """

    def __init__(self, jobs: int, *, externals: list[str], backbones: Path | None) -> None:
        self.jobs = jobs
        self.threads = choose_threads(jobs)
        self.backbones = backbones
        self._setup = json.dumps(
            {"externals": externals, "backbones": str(backbones) if backbones else None}
        )
        self._workers: list[subprocess.Popen[str]] = []
        self._idle: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            self._kill(worker)

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Answer]]:
        """Answers as they come, in no fixed order. If a worker dies, its task fails.

        The dead worker is replaced. If the iterator is closed early, running tasks are killed with
        the pool.
        """
        pending = iter(tasks)
        done: queue.Queue[tuple[subprocess.Popen[str], Task, Answer]] = queue.Queue()
        running = 0

        def feed() -> bool:
            task = next(pending, None)
            if task is None:
                return False
            worker = self._idle.pop() if self._idle else self._start()
            threading.Thread(target=self._ask, args=(worker, task, done), daemon=True).start()
            return True

        while running < self.jobs and feed():
            running += 1
        while running:
            worker, task, answer = done.get()
            if worker.poll() is None:
                self._idle.append(worker)
            else:
                self._workers.remove(worker)
                self._kill(worker)
            running -= 1
            running += feed()
            yield task, answer

    def _start(self) -> subprocess.Popen[str]:
        environment = dict(os.environ)
        for name in _THREAD_VARIABLES:
            environment[name] = str(self.threads)
        share_cores(environment)
        root = str(Path(__file__).resolve().parents[3])
        worker = subprocess.Popen(
            # -P: nothing is imported from the working folder, which may hold anybody's files
            [sys.executable, "-P", "-c", _PROGRAM, root],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env=environment,
            # Ctrl-C goes to the parent only, which ends its workers itself
            start_new_session=True,
        )
        self._workers.append(worker)
        assert worker.stdin is not None
        with contextlib.suppress(OSError):
            worker.stdin.write(self._setup + "\n")
            worker.stdin.flush()
        return worker

    @staticmethod
    def _ask(
        worker: subprocess.Popen[str],
        task: Task,
        done: queue.Queue[tuple[subprocess.Popen[str], Task, Answer]],
    ) -> None:
        answer: Answer = {"error": _DIED}
        assert worker.stdin is not None
        assert worker.stdout is not None
        try:
            worker.stdin.write(json.dumps(task) + "\n")
            worker.stdin.flush()
            line = worker.stdout.readline()
            if line:
                answer = json.loads(line)
            else:
                worker.wait(timeout=10)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            Pool._kill(worker)
        done.put((worker, task, answer))

    @staticmethod
    def _kill(worker: subprocess.Popen[str]) -> None:
        # only while it runs: a dead process's number may belong to another one
        if worker.poll() is None:
            with contextlib.suppress(OSError):
                if hasattr(os, "killpg"):
                    # the worker's session, with the programs of external codecs
                    os.killpg(worker.pid, signal.SIGKILL)
                else:
                    worker.kill()
        worker.wait()
        for pipe in (worker.stdin, worker.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()


def describe(pool: Pool) -> dict[str, Any]:
    """How the times were taken, for the report."""
    return {"jobs": pool.jobs, "threads_per_job": pool.threads, "processors": processors()}
