"""The messages of a command, on a terminal and where they cannot be written."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tccodec import cli
from tccodec.cli.jobs import Job, Plan
from tccodec.cli.reporter import Messages, Reporter
from tccodec.cli.streams import message
from tccodec.errors import BadFile
from tccodec.report.terminal import TerminalProgress
from tccodec.training.progress import TrainingDisplay

FULL = Path("/dev/full")
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
        report = Reporter(Plan(jobs=JOBS), Messages(as_json=True))
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
        with Reporter(Plan(jobs=JOBS), Messages(as_json=True)).progress():
            kept.append(sys.stdout is before)

    on_a_terminal(monkeypatch, call)
    assert kept == [True]


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
def test_a_message_that_cannot_be_written_ends_no_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with FULL.open("w") as full, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", full)
        with pytest.raises(OSError, match="No space left"):
            print("text", file=sys.stderr, flush=True)
        message("text")
        Reporter(Plan(), Messages()).say("text")
        with TerminalProgress() as progress:
            progress.say("text")
        with TrainingDisplay(tmp_path, minutes=1, pixels_per_step=1, quiet=False) as display:
            display.say("text")
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())


def test_commands_print_no_message_that_could_end_them() -> None:
    files = [f for f in Path(cli.__file__).parent.glob("*.py") if f.name != "streams.py"]
    assert len(files) > 20
    assert [f.name for f in files if " err=True" in f.read_text("utf-8")] == []
