"""Long runs: a process of its own for each target, watched from outside.

A case is named by target, seed and number, so whatever happens can be repeated. The process keeps
the number in shared memory: when it hangs, or dies, the parent knows why, writes the case down and
starts another process behind it.
"""

from __future__ import annotations

import collections
import hashlib
import multiprocessing
import os
import time
import traceback
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

from tests.attacks.targets import TARGETS, Target

SLOW = 1.0  # seconds of CPU time for one case
HANG = 60.0  # seconds until a case is killed
POLL = 0.2  # seconds that one wait for a message takes at most
EXTRA_MEMORY = 2 << 30  # bytes that a process may take above what it has after loading
REDUCING = 10.0  # seconds
PACKAGE = f"{os.sep}tccodec{os.sep}"


@dataclass
class Findings:
    """What a run found: outcomes and their number, and the smallest file of each fault."""

    outcomes: collections.Counter[str] = field(default_factory=collections.Counter)
    faults: dict[str, Path] = field(default_factory=dict)

    @property
    def cases(self) -> int:
        """Executions."""
        return sum(self.outcomes.values())

    def note(self, fault: str, data: bytes, *, name: str, out: Path) -> None:
        """Keep the smallest file of a fault of a target, in the folder `out`."""
        if not data:
            return
        old = self.faults.get(fault)
        if old is not None and old.stat().st_size <= len(data):
            return
        out.mkdir(parents=True, exist_ok=True)
        path = out / f"{name}-{hashlib.sha256(fault.encode()).hexdigest()[:8]}.bin"
        path.write_bytes(data)
        self.faults[fault] = path


def case_of(target: Target, seed: int, number: int) -> bytes:
    """The case with this number."""
    return target.case(Random(f"{target.name} {seed} {number}"))


def outcome_of(target: Target, data: bytes) -> str:
    """`accepted`, `refused`, or the name of a fault: what was raised, and where."""
    began = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcome = target.check(data)
    except Exception as e:
        frames = traceback.extract_tb(e.__traceback__)
        own = [f for f in frames if PACKAGE in f.filename] or frames
        place = f"{Path(own[-1].filename).name}, {own[-1].name}"
        text = " ".join(str(e).split())[:80] if type(e).__name__ == "Wrong" else place
        return f"{type(e).__name__}: {text}"
    return "slow" if time.process_time() - began > SLOW else outcome


def is_fault(outcome: str) -> bool:
    """Whether this outcome breaks a promise."""
    return outcome not in ("accepted", "refused")


def confirmed(target: Target, data: bytes) -> str:
    """The outcome; a case that was slow once, on a busy machine, gets a second chance."""
    outcome = outcome_of(target, data)
    return outcome_of(target, data) if outcome == "slow" else outcome


def reduced(target: Target, data: bytes, fault: str) -> bytes:
    """A shorter case with the same fault, by leaving parts out."""
    end, size = time.monotonic() + REDUCING, len(data) // 2
    while size and time.monotonic() < end:
        at = 0
        while at < len(data) and time.monotonic() < end:
            shorter = data[:at] + data[at + size :]
            if outcome_of(target, shorter) == fault:
                data = shorter
            else:
                at += size
        size //= 2
    return data


def limit_memory() -> None:
    """Let this process have `EXTRA_MEMORY` more than it has now, where the system can tell."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + EXTRA_MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def work(name: str, seed: int, start: int, seconds: float, pipe: Connection, now: Any) -> None:
    """Run cases from number `start` on, in a process of its own. Sends `(outcome, count, data)`."""
    silence()
    target = TARGETS[name]
    target.case(Random(0))  # makes the seeds
    limit_memory()
    seen: dict[str, int] = {}
    counts: collections.Counter[str] = collections.Counter()
    end = time.monotonic() + seconds
    for number in range(start, start + (1 << 40)):
        now[0] = number
        if time.monotonic() > end:
            break
        data = case_of(target, seed, number)
        outcome = confirmed(target, data)
        counts[outcome] += 1
        if is_fault(outcome) and len(data) < seen.get(outcome, 1 << 60):
            if outcome not in seen:
                data = reduced(target, data, outcome)
            seen[outcome] = len(data)
            pipe.send((outcome, 0, data))
        if number % 256 == 0:
            for each, count in counts.items():
                pipe.send((each, count, b""))
            counts.clear()
    for each, count in counts.items():
        pipe.send((each, count, b""))
    pipe.send(("", 0, b""))


def silence() -> None:
    """Libraries in C print to stderr what they think of damaged pictures."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def attack(
    name: str, findings: Findings, *, seconds: float, seed: int, start: int, out: Path
) -> None:
    """Attack one target for some seconds; files of faults go to the folder `out`.

    findings: filled while the attack runs, so complete after an interruption, too. start: the
    number of the first case.
    """
    context = multiprocessing.get_context("spawn")
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        here, there = context.Pipe(duplex=False)
        now = context.Array("d", [start - 1], lock=False)
        args = (name, seed, start, left, there, now)
        process = context.Process(target=work, args=args, daemon=True)
        process.start()
        there.close()
        fault = _watch(process, here, now=now, name=name, findings=findings, out=out)
        process.join()
        if not fault:
            break
        start = int(now[0])
        findings.note(fault, case_of(TARGETS[name], seed, start), name=name, out=out)
        findings.outcomes[fault] += 1
        start += 1


def _watch(
    process: Any, pipe: Connection, *, now: Any, name: str, findings: Findings, out: Path
) -> str:
    """Take in what a process sends until its end; returns why it ended too early, or "".

    Time is counted in waits, so that a process may be stopped and continued.
    """
    number, left = now[0], 5 * HANG  # loading takes longer than a case
    while True:
        try:
            if not pipe.poll(POLL):
                if now[0] != number:
                    number, left = now[0], HANG
                left -= POLL
                if left < 0:
                    process.kill()
                    return f"hang of {HANG:.0f} s"
                continue
            outcome, count, data = pipe.recv()
        except EOFError:
            process.join()
            return f"the process ended with {process.exitcode}"
        if not outcome:
            return ""
        findings.outcomes[outcome] += count
        if data or is_fault(outcome):
            findings.note(outcome, data, name=name, out=out)
