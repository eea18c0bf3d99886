"""Loaded models that are kept, for threads and processes alike."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def loaded_once(load: Callable[[*Ts], T]) -> Callable[[*Ts], T]:
    """`load` with its last two results kept. Threads that ask for the same at once get one result.

    A cache alone would let each of them load a model of its own.
    """
    kept = functools.lru_cache(maxsize=2)(load)
    locks: dict[tuple[*Ts], threading.RLock] = {}
    if hasattr(os, "register_at_fork"):  # a child process lacks the thread that holds one
        os.register_at_fork(after_in_child=locks.clear)

    @functools.wraps(load)
    def loaded(*key: *Ts) -> T:
        with locks.setdefault(key, threading.RLock()):
            return kept(*key)

    return loaded
