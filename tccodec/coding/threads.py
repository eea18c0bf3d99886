"""The number of threads, and how torch's threads wait; to be set before torch is imported."""

from __future__ import annotations

import os
from collections.abc import MutableMapping


def share_cores(environment: MutableMapping[str, str] = os.environ) -> None:
    """Make threads wait for each other only briefly before they sleep.

    libgomp's threads spin for milliseconds first. If other programs use the same cores, a thread
    spins while the one that it waits for cannot run, and everything takes several times as long. A
    tenth of a millisecond costs nothing on idle cores (docs/guide/performance.md).
    """
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & set(environment):
        environment["GOMP_SPINCOUNT"] = "4000"


def processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def choose_threads(jobs: int) -> int:
    """Threads of each of `jobs` processes: its share of the processors, at most OMP_NUM_THREADS."""
    share = max(1, processors() // jobs)
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(share, int(asked)) if asked.isdecimal() and int(asked) else share
