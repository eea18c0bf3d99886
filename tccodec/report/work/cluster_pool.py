"""Workers on a Ray cluster, in the place of those of `pool.Pool`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from tccodec.cluster import Cluster
from tccodec.report.work.tasks import Failure, Result, Task
from tccodec.report.work.worker import Worker


class ClusterPool:
    """Like `Pool`, on the nodes of a cluster; a context manager.

    address, jobs: of `Cluster`. tasks: how many a run may have. say: prints a line for the user.
    """

    def __init__(
        self,
        jobs: int | None,
        *,
        address: str | None,
        externals: list[str],
        backbones: Path | None,
        tasks: int,
        say: Callable[[str], None],
    ) -> None:
        self.backbones = backbones
        self._cluster: Cluster[Task[Any]] = Cluster(
            _Measuring(externals, backbones.absolute() if backbones else None),
            address=address,
            count=jobs,
            threads=None,
            tasks=tasks,
            folder=str(Path.cwd()),
            retry=lambda task: task,
            say=say,
        )
        self.jobs, self.threads = self._cluster.count, self._cluster.threads

    def __enter__(self) -> ClusterPool:
        return self

    def __exit__(self, *_: object) -> None:
        self._cluster.__exit__()

    def run(self, tasks: Iterable[Task[Result]]) -> Iterator[tuple[Task[Result], Result | Failure]]:
        """Results as they come, in no fixed order. A task that kills its workers fails."""
        for task, answer in self._cluster.run(tasks):
            yield task, Failure(str(answer)) if isinstance(answer, Exception) else answer

    def describe(self) -> dict[str, Any]:
        """How the times were taken, for the report."""
        return {
            "engine": "ray",
            "jobs": self.jobs,
            "threads_per_job": self.threads,
            "processors": self.jobs * self.threads,
        }


class _Measuring:
    """What the nodes do. Each makes a worker of its own."""

    device = "cpu"

    def __init__(self, externals: list[str], backbones: Path | None) -> None:
        self._externals, self._backbones = externals, backbones
        self._worker: Worker | None = None

    def load(self, threads: int | None) -> None:
        """Make the worker, which loads codecs and metrics as they are needed."""
        self._worker = Worker(self._externals, self._backbones)

    def __call__(self, task: Task[Result], progress: Callable[[float], None]) -> Result | Failure:
        """The result of a task."""
        assert self._worker is not None
        return self._worker.do(task)
