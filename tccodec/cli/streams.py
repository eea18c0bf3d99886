"""The standard streams of the process, and the signals that end it."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

import click

from tccodec.files.text import escaped

# Signals that end a program. SIGINT is KeyboardInterrupt already.
_ENDING = ("SIGTERM", "SIGHUP", "SIGXCPU")


def open_streams() -> None:
    """Make the standard streams usable, however the program was started.

    A closed stream is opened, so that using it fails (stdin, stdout) or does nothing (stderr).
    Otherwise the next file to be opened would get its number and its output. Characters that a
    stream cannot encode are written as escapes.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # Opened for the other direction, as coreutils do, so that reading or writing fails.
            flags = os.O_RDONLY if name == "stdout" else os.O_WRONLY
            handle = os.open(os.devnull, flags)
            if handle != number:
                os.dup2(handle, number)
                os.close(handle)
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def message(text: str) -> None:
    """Print a line on stderr, without control characters.

    If stderr is closed or full, the line is lost; work and exit status stay the same.
    """
    with contextlib.suppress(OSError):
        click.echo(escaped(text), err=True)


def silence_stdout() -> None:
    """Discard what is still to be flushed: the reader is gone, or the disk is full."""
    # Unsupported if stdout was replaced by an object without a descriptor.
    with contextlib.suppress(io.UnsupportedOperation):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM and similar signals raise `SystemExit` in the block, so that it can tidy up.

    Signals that are ignored stay ignored (nohup).
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
    numbers = [n for n in numbers if signal.getsignal(n) is signal.SIG_DFL]

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        for other in numbers:  # a second signal must not stop the tidying up
            signal.signal(other, signal.SIG_IGN)
        sys.exit(128 + number)

    for number in numbers:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
