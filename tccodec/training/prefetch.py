"""Makes the batches of the next steps while a step runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

Batch = tuple[Tensor, Tensor, Tensor]  # settings (B,), crops (B, 3, crop, crop), weights (B,)


class Prefetcher:
    """Calls `make(step)` for the next `depth` steps, in separate threads.

    On a GPU batches are made on a separate stream. The step that takes one waits for it on the
    device; the host does not wait. With `depth` 0 each batch is made when it is asked for, by the
    thread that asks.
    """

    def __init__(
        self, make: Callable[[int], Batch], first: int, device: torch.device, *, depth: int = 1
    ) -> None:
        self.make, self.step, self.device = make, first, device
        self.stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self.pool = ThreadPoolExecutor(depth) if depth else None
        self.pending: deque[Future[tuple[Batch, Any]]] = deque()
        if self.pool:
            for _ in range(depth):
                self._submit(self.pool)

    def _submit(self, pool: ThreadPoolExecutor) -> None:
        self.pending.append(pool.submit(self._make_batch, self.step))
        self.step += 1

    def _make_batch(self, step: int) -> tuple[Batch, Any]:
        with torch.cuda.stream(self.stream) if self.stream else nullcontext():
            batch = self.make(step)
            return batch, self.stream.record_event() if self.stream else None

    def next(self) -> Batch:
        """The batch of the next step."""
        if self.pool is None:
            self.step += 1
            return self.make(self.step - 1)
        self._submit(self.pool)
        batch, ready = self.pending.popleft().result()
        if ready is not None:
            stream = torch.cuda.current_stream(self.device)
            stream.wait_event(ready)
            for tensor in batch:
                tensor.record_stream(stream)
        return batch

    def __enter__(self) -> Prefetcher:
        return self

    def __exit__(self, *_: object) -> None:
        if self.pool:
            self.pool.shutdown(cancel_futures=True)
