"""The batches of the next steps, made while a step runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

Batch = tuple[Tensor, Tensor, Tensor]  # qualities, crops, what each crop counts


class Ahead:
    """Calls `make(step)` for the steps to come, in threads of its own.

    On a GPU the batches are made on a stream of their own, and the step that takes one waits for
    it there; the host does not. With `depth` 0 each batch is made when it is asked for.
    """

    def __init__(
        self, make: Callable[[int], Batch], first: int, device: torch.device, *, depth: int = 1
    ) -> None:
        self.make, self.step, self.device = make, first, device
        self.stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self.pool = ThreadPoolExecutor(max(1, depth))
        self.coming: deque[Future[tuple[Batch, Any]]] = deque()
        for _ in range(depth):
            self._begin()

    def _begin(self) -> None:
        self.coming.append(self.pool.submit(self._made, self.step))
        self.step += 1

    def _made(self, step: int) -> tuple[Batch, Any]:
        with torch.cuda.stream(self.stream) if self.stream else nullcontext():
            batch = self.make(step)
            return batch, self.stream.record_event() if self.stream else None

    def next(self) -> Batch:
        """The batch of the next step."""
        self._begin()
        batch, made = self.coming.popleft().result()
        if made is not None:
            here = torch.cuda.current_stream(self.device)
            here.wait_event(made)
            for tensor in batch:
                tensor.record_stream(here)
        return batch

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown(cancel_futures=True)
