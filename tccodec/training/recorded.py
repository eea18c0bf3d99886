"""A training step as one CUDA graph.

A step is a thousand small kernels, and launching them one by one takes longer than they run. A
graph is recorded once and then launched as a whole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import torch

from tccodec.training.prefetch import Batch

Result = TypeVar("Result")

WARM_UP = 3  # steps before the recording: they compile, and allocate the optimiser's state
IN_FLIGHT = 2  # steps that are launched and not done yet


class RecordedStep(Generic[Result]):
    """`step(batch)` as a graph, for all batches of the shapes of `batch`.

    Each call returns the same tensors, with new values. Recording runs `step` on `batch` several
    times, so `step` must change nothing during it.
    """

    def __init__(self, step: Callable[[Batch], Result], batch: Batch) -> None:
        self.inputs: Batch = (batch[0].clone(), batch[1].clone(), batch[2].clone())
        self.running: deque[Any] = deque()
        here, side = torch.cuda.current_stream(), torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(here)
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                step(self.inputs)
        here.wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.result = step(self.inputs)

    def __call__(self, batch: Batch) -> Result:
        """What `step` returns for `batch`."""
        for recorded, new in zip(self.inputs, batch, strict=True):
            recorded.copy_(new, non_blocking=True)
        self.graph.replay()
        self.running.append(torch.cuda.current_stream().record_event())
        if len(self.running) > IN_FLIGHT:
            self.running.popleft().synchronize()
        return self.result
