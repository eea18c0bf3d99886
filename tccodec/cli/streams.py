"""The process around a command: its standard streams and the signals that end it."""

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

# Signals by which others end a program, with what they were; SIGINT is KeyboardInterrupt already.
_ENDING = ("SIGTERM", "SIGHUP", "SIGXCPU")


def open_streams() -> None:
    """Make the standard streams usable, whatever the program was started with.

    A closed one is opened so that using it fails (stdin, stdout) or does nothing (stderr): else
    the next file that is opened would take its number, and get what is meant for the stream. What
    a stream's encoding lacks is written as an escape.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # Opened for the other direction, as coreutils do: reading or writing is an error.
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
    """One line on stderr, without control characters. One that cannot be written is lost.

    That changes neither the work nor the exit status: stderr may be closed, or full.
    """
    with contextlib.suppress(OSError):
        click.echo(escaped(text), err=True)


def silence_stdout() -> None:
    """Let what is still to be flushed go nowhere: its reader has gone, or its disk is full."""
    with contextlib.suppress(io.UnsupportedOperation):  # a stand-in without a descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM and its like end the block by `SystemExit`, so that it leaves nothing behind.

    Those that are ignored stay so (nohup).
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
    numbers = [n for n in numbers if signal.getsignal(n) is signal.SIG_DFL]

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        for other in numbers:  # once is enough: a second one must not stop the tidying up
            signal.signal(other, signal.SIG_IGN)
        sys.exit(128 + number)

    for number in numbers:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
