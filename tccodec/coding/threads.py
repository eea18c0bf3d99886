"""How torch's threads wait for each other. This must be set before torch is imported."""

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
