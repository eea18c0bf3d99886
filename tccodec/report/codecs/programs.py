"""Programs that end with all that they started.

On POSIX each has a process group of its own; on Windows its tree of processes is looked up.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

_running: set[subprocess.Popen[bytes]] = set()
_starting = threading.Lock()


def run_program(
    command: Sequence[str], *, folder: Path, timeout: float
) -> subprocess.CompletedProcess[bytes]:
    """Run a program in a folder, without input, and wait until its outputs are closed.

    If that takes longer than `timeout`, in seconds, or is interrupted, the program is killed.
    Raises `subprocess.TimeoutExpired`, and `OSError` if it cannot be started.
    """
    with _starting:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=None if os.name == "nt" else 0,
        )
        _running.add(process)
    try:
        with process:
            try:
                out, err = process.communicate(timeout=timeout)
            except BaseException:
                _kill(process)
                raise
    finally:
        _running.discard(process)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def end_programs() -> None:
    """Kill all programs, and let no further ones start: this process is about to end."""
    _starting.acquire()
    for process in list(_running):
        _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a program and what it started, which may live longer than the program itself."""
    if process.returncode is not None:
        return  # its number may belong to another one
    if sys.platform == "win32":
        with contextlib.suppress(OSError):
            subprocess.run(
                ["taskkill", "/F", "/T", "/PID", str(process.pid)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
        process.kill()
    else:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
