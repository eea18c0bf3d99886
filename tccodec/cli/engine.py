"""Where the jobs of a command are done: here, in processes of this machine, on a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from tccodec.cli.jobs import Job
from tccodec.cli.streams import message
from tccodec.cli.workers import Workers
from tccodec.cluster import Work
from tccodec.coding.surroundings import require_device
from tccodec.coding.threads import processors
from tccodec.errors import BadOption
from tccodec.files.remote import RemotePath, exists


class Executor(AbstractContextManager["Executor"], Protocol):
    """Does jobs elsewhere than in this process."""

    def run(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Any]]:
        """Each job with what came of it, a result or an exception, in the order they finish."""


@dataclass(frozen=True, slots=True)
class Engine:
    """The options --jobs, --engine and --address. count: None if --jobs is not given."""

    count: int | None = None
    name: str = "local"
    address: str | None = None

    def __post_init__(self) -> None:
        if self.address is not None and not self.on_cluster:
            raise BadOption("--address is that of a cluster, for --engine ray")

    @property
    def on_cluster(self) -> bool:
        """Whether other machines may do the work."""
        return self.name == "ray"

    @property
    def parallel(self) -> int:
        """How many jobs are done at a time, as far as that is known without a cluster."""
        count = self.count or 1
        return count if self.on_cluster else min(count, processors())

    def check_device(self, device: str) -> None:
        """`BadOption` for a device that is not where the work is done, as far as is known here."""
        if not self.on_cluster:
            require_device(device)
        elif ":" in device:
            raise BadOption("--device names no single GPU with --engine ray; Ray chooses one")

    def executor(
        self, work: Work[Job], jobs: Sequence[Job], threads: int | None
    ) -> Executor | None:
        """What does these jobs; None: this process.

        threads: of each process; None: its share of the processors, on a cluster one. Raises
        `TccodecError` if there is no cluster.
        """
        if self.on_cluster and jobs:
            return self._cluster(work, jobs, threads)
        count = min(self.count or 1, len(jobs))
        return Workers(work, count, threads=threads) if count > 1 else None

    def _cluster(self, work: Work[Job], jobs: Sequence[Job], threads: int | None) -> Executor:
        from tccodec.cluster import Cluster

        return Cluster(
            work,
            address=self.address,
            count=self.count,
            threads=threads,
            tasks=len(jobs),
            folder=_folder(jobs),
            retry=_retried,
            say=message,
        )


def _folder(jobs: Sequence[Job]) -> str | None:
    """The folder in which the paths of jobs have a meaning; None if all of them are URLs."""
    paths = {type(path) for job in jobs for path in (job.source, job.target)}
    return None if paths == {RemotePath} else str(Path.cwd())


def _retried(job: Job) -> Job:
    """The job for a second worker: it may replace an output that the first one has written."""
    assert job.target is not None
    return job if exists(job.target) else replace(job, replaceable=True)
