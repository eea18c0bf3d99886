"""How torch's threads wait for each other (no torch here: it must be said before)."""

from __future__ import annotations

import os
from collections.abc import MutableMapping


def share_cores(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let threads wait for each other briefly, in a process where torch is not imported yet.

    libgomp's spin for milliseconds before they sleep. Where other programs want the same cores, a
    thread then spins while the one that it waits for stands still, and everything takes several
    times as long. A tenth of a millisecond is no loss on idle cores (docs/guide/performance.md).
    """
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & set(environment):
        environment["GOMP_SPINCOUNT"] = "4000"
