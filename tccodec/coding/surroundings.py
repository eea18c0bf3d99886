"""Makes the codec independent of how the program around it has configured torch.

torch has settings for a whole process or thread: a default device, autocast, whether gradients are
recorded. The codec does not use them and leaves them unchanged.

A process that was forked after torch had used several threads does not have these threads, and
would wait for them for ever. So it works with one thread, as torch's own data loaders do. If torch
had used only one before the fork, the new process may use several.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib.util import find_spec
from typing import TypeVar

from tccodec.errors import BadOption, LimitExceeded, TccodecError

T = TypeVar("T")

_worked_in: int | None = None  # the process in which torch was first used
_threaded_in: int | None = None  # the one in which it was first used with several threads
_FORKED = "a process forked after its parent used {0} cannot use {0}: start it by spawn instead"


@functools.cache
def has_torch() -> bool:
    """Whether torch is installed. Without it, files are decoded by `tccodec.portable`."""
    return find_spec("torch") is not None


def require_torch(what: str) -> None:
    """`TccodecError` if torch is not installed, which `what` needs."""
    if not has_torch():
        raise TccodecError(f"{what} needs torch, which is not installed: pip install torch")


def require_device(name: str) -> None:
    """`BadOption` for a device that this machine does not have. Only a GPU loads torch."""
    if name in ("auto", "cpu"):
        return
    if not has_torch():
        raise BadOption(f"the device {name} needs torch, which is not installed")
    from tccodec.coding.devices import choose_device

    choose_device(name)


def set_threads(count: int) -> None:
    """Set the number of torch's threads in this process: 1 after a fork that lost its threads."""
    import torch

    torch.set_num_threads(1 if _forked_after(_threaded_in) else count)


def _forked_after(process: int | None) -> bool:
    """Whether this process was forked after torch had been used in `process`."""
    return process not in (None, os.getpid())


@contextmanager
def undisturbed(device: str = "cpu") -> Iterator[None]:
    """Run with torch's own default device, autocast and gradients, in this thread.

    `device`: the type of the codec's device. `TccodecError` if this process was forked from one
    that had used it, and a child process cannot.
    """
    if not has_torch():
        yield
        return
    import torch

    global _worked_in, _threaded_in
    if _worked_in is None:
        _worked_in = os.getpid()
    if _forked_after(_worked_in) and device != "cpu":
        raise TccodecError(_FORKED.format(device))
    if torch.get_num_threads() > 1:
        if _threaded_in is None:
            _threaded_in = os.getpid()
        if _forked_after(_threaded_in):
            torch.set_num_threads(1)
    with ExitStack() as stack:
        # Only if it is needed: it makes every call of torch a little slower.
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        for kind in {"cpu", device}:
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        yield


@contextmanager
def enough_memory(width: int, height: int) -> Iterator[None]:
    """Turn every kind of out-of-memory error into `LimitExceeded`."""
    try:
        yield
    except (MemoryError, RuntimeError) as e:
        text = str(e).lower()
        if isinstance(e, MemoryError) or "out of memory" in text or "can't allocate" in text:
            raise LimitExceeded(
                f"not enough memory for a picture of {width} x {height} pixels"
            ) from None
        raise


def stepwise(
    items: Iterator[T], context: Callable[[], AbstractContextManager[None]]
) -> Iterator[T]:
    """Yield `items`. Each is computed inside a new context, which is left before it is yielded."""
    while True:
        with context():
            try:
                item = next(items)
            except StopIteration:
                return
        yield item
