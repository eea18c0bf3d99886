"""A Ray cluster of two nodes on this machine."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.paths import ROOT

ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "PYTHONDONTWRITEBYTECODE": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(16),
}
_WAIT = """
import sys, time, ray
ray.init(address=sys.argv[1], log_to_driver=False, logging_level="CRITICAL")
while sum(node["Alive"] for node in ray.nodes()) < 2:
    time.sleep(0.1)
"""


@dataclass(frozen=True)
class Nodes:
    """The address of the cluster, and the sessions of the processes of its nodes."""

    address: str
    sessions: tuple[int, int]

    def working(self) -> dict[int, int]:
        """Processes that work on a picture now -> the sessions of their nodes."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                title = (entry / "cmdline").read_text()
                session = os.getsid(int(entry.name))
                if title.startswith("ray::_Worker.do") and session in self.sessions:
                    found[int(entry.name)] = session
        return found

    def workers(self) -> int:
        """How many workers there are, busy or not."""
        count = 0
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                title = (entry / "cmdline").read_text()
                count += (
                    title.startswith("ray::_Worker") and os.getsid(int(entry.name)) in self.sessions
                )
        return count


@contextmanager
def two_nodes(folder: Path) -> Iterator[Nodes]:
    """Two nodes of one CPU each, the second one with what Ray takes for a GPU.

    folder: of Ray's files; short, because the paths of its sockets are below it.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    head = ("--head", "--port", str(port), "--temp-dir", str(folder), "--include-dashboard=false")
    second = ("--address", address, "--num-gpus", "1")
    started: list[subprocess.Popen[bytes]] = []
    try:
        for options in (head, second):
            command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", *options]
            command += ["--num-cpus", "1", "--object-store-memory", "80000000"]
            log = (folder / f"node{len(started)}.log").open("wb")
            started.append(
                subprocess.Popen(
                    [*command, "--node-ip-address", "127.0.0.1", "--disable-usage-stats"],
                    stdout=log,
                    stderr=log,
                    env=os.environ | ENVIRONMENT,
                    start_new_session=True,
                )
            )
            log.close()
            deadline = time.monotonic() + 60
            while not _listens(port):
                assert time.monotonic() < deadline and started[0].poll() is None
                time.sleep(0.1)
        wait = [sys.executable, "-c", _WAIT, address]
        subprocess.run(wait, check=True, timeout=60, env=os.environ | ENVIRONMENT)
        yield Nodes(address, (started[0].pid, started[1].pid))
    finally:
        for node in reversed(started):
            _end(node)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _end(node: subprocess.Popen[bytes]) -> None:
    """End a node with all its processes, which form one group."""
    node.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        node.wait(timeout=15)
    with suppress(ProcessLookupError):
        os.killpg(node.pid, signal.SIGKILL)
    node.wait()
