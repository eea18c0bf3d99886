"""The messages of a command on a terminal."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tccodec.cli.jobs import Job, Plan
from tccodec.cli.reporter import Reporter
from tccodec.errors import BadFile

JOBS = [Job(Path(f"{i}.png"), Path(f"{i}.tcz")) for i in range(2)]
ABOVE_THE_BAR = re.compile(r"(?:^|\n|\x1b\[2K)(\{.*?\})\r\n")


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, call: Callable[[], None]) -> str:
    """What a call writes where stdout and stderr are the same terminal."""
    ours, theirs = os.openpty()
    seen: list[bytes] = []

    def read() -> None:
        try:
            while piece := os.read(ours, 4096):
                seen.append(piece)
        except OSError:  # Linux's way of saying that the other end is closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    with open(theirs, "w", encoding="utf-8") as terminal, monkeypatch.context() as patch:
        patch.setenv("TERM", "xterm")
        patch.setattr(sys, "stdout", terminal)
        patch.setattr(sys, "stderr", terminal)
        call()
    reader.join()
    os.close(ours)
    return b"".join(seen).decode()


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_json_and_the_bar_have_lines_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def call() -> None:
        report = Reporter(Plan(jobs=JOBS), as_json=True, quiet=False, verbose=False)
        with report.progress() as update:
            for job in JOBS:
                update(0.5)
                report.problem(job, BadFile("damaged"))
            report.remark("two of two", {"done": 2})

    shown = on_a_terminal(monkeypatch, call)
    assert "1/2" in shown and "2/2" in shown
    lines = [json.loads(line) for line in ABOVE_THE_BAR.findall(shown)]
    assert [line.get("input") for line in lines] == ["0.png", "1.png", None]
    assert shown.count("{") == 3


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_the_bar_takes_nothing_that_is_meant_for_stdout(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []

    def call() -> None:
        before = sys.stdout
        with Reporter(Plan(jobs=JOBS), as_json=True, quiet=False, verbose=False).progress():
            kept.append(sys.stdout is before)

    on_a_terminal(monkeypatch, call)
    assert kept == [True]
