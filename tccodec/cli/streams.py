"""The standard streams of the process, and the signals that end it."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import click

from tccodec.files.text import escaped


class StdoutError(OSError):
    """Something could not be written to stdout."""

    @property
    def reader_gone(self) -> bool:
        """Whether nobody reads stdout any more, so that there is nothing to say."""
        return self.errno == errno.EPIPE


class _Stdout(io.FileIO):
    """The descriptor of stdout. An error that it raises can be told from those of other files."""

    def write(self, data: Any, /) -> int:
        """Write all bytes; `StdoutError` if that fails.

        The system may take a part of them, when a disk becomes full for example. Python without
        buffers (`python -u`, PYTHONUNBUFFERED) does not ask again.
        """
        left = memoryview(data).cast("B")
        size = len(left)
        try:
            while left:
                count = super().write(left)
                if count is None:  # a pipe that is full, and does not block
                    select.select([], [self], [])
                left = left[count or 0 :]
        except OSError as e:
            raise StdoutError(e.errno, e.strerror or str(e), "stdout") from e
        return size


# Signals that end a program. SIGINT is KeyboardInterrupt already.
_ENDING = ("SIGTERM", "SIGHUP", "SIGXCPU")


def open_streams() -> None:
    """Make the standard streams usable, however the program was started.

    A closed stream is opened, so that using it fails (stdin, stdout) or does nothing (stderr).
    Otherwise the next file to be opened would get its number and its output. Errors of stdout are
    `StdoutError`. Characters that a stream cannot encode are written as escapes.
    """
    own = sys.stdout is sys.__stdout__  # not replaced by another program
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
    if own and _is_file(sys.stdout):
        sys.stdout = _naming_errors(sys.stdout)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _is_file(stream: Any) -> bool:
    """Whether a stream writes to a descriptor, and not to a console of Windows."""
    buffer = getattr(stream, "buffer", None)  # Python does not buffer with -u
    return type(getattr(buffer, "raw", buffer)) is io.FileIO


def _naming_errors(stream: Any) -> io.TextIOWrapper:
    """The same stream, with errors that say which one it is."""
    raw: Any = _Stdout(stream.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        raw if stream.write_through else io.BufferedWriter(raw),
        encoding=stream.encoding,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def message(text: str) -> None:
    """Print a line on stderr, without control characters.

    If stderr is closed or full, the line is lost; work and exit status stay the same.
    """
    with contextlib.suppress(OSError):
        click.echo(escaped(text), err=True)


def silence_stdout() -> None:
    """Discard what is still to be flushed: the reader is gone, or the disk is full."""
    # Unsupported if stdout was replaced by an object without a descriptor.
    with contextlib.suppress(io.UnsupportedOperation), open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


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
