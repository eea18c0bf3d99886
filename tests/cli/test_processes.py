"""Streams and signals of a real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from tccodec.cli.streams import open_streams
from tests.support.paths import ROOT, files_in


def process(line: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A shell line in which $T is the program, in a process of its own."""
    return subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=os.environ
        | {"T": f"{sys.executable} {ROOT / 'cli.py'}", "PYTHONPATH": str(ROOT)}
        | environment,
    )


def test_output_in_a_code_page(packed: Path) -> None:
    folder = packed.parent
    packed.rename(folder / "写真.tcz")
    for command in ("info", "verify --device cpu"):
        line = f"$T {command} 写真.tcz 写真.tcz"
        result = process(line, folder, PYTHONIOENCODING="cp1252")
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.count(r"\u5199\u771f.tcz") == 2


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("$T info photo.tcz <&-", 0),
        ("$T info photo.tcz 2>&-", 0),
        ("$T info nothing.tcz 2>&-", 1),
        ("$T info photo.tcz 2>/dev/full", 0),
        ("$T info nothing.tcz 2>/dev/full", 1),
        ("$T info --nothing 2>&-", 2),
        ("$T info photo.tcz >&-", 1),
        ("$T info photo.tcz >/dev/full", 1),
        ("$T --help >/dev/full", 1),
        ("$T models show tiny --json >/dev/full", 1),
        ("$T decompress photo.tcz -o - --format png --device cpu >/dev/full", 1),
        ("$T info - <&-", 1),
        ("$T info photo.tcz >&- 2>&- <&-", 1),
        ("$T decompress photo.tcz -o a.png --device cpu >&- 2>&- <&-", 0),
        ("$T decompress photo.tcz -o - --device cpu >&-", 1),
        ("$T decompress photo.tcz -o /dev/stdout --format png --device cpu | cat > b.png", 0),
    ],
)
def test_closed_and_full_streams(packed: Path, line: str, code: int) -> None:
    result = process(f"set -o pipefail; {line}", packed.parent)
    assert result.returncode == code
    assert "Traceback" not in result.stderr and "Exception" not in result.stderr
    if ">/dev/full" in line and "2>" not in line:
        assert result.stderr == "tccodec: stdout: No space left on device\n"
    assert result.stderr.count("\n") <= 1
    for name in ("a.png", "b.png"):
        if name in line:
            with Image.open(packed.parent / name) as image:
                assert image.size == (60, 40)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_part_of_a_picture_on_stdout_is_a_failure(packed: Path, unbuffered: str) -> None:
    line = "ulimit -f 4; $T decompress photo.tcz -o - --format bmp --device cpu >a.bmp"
    result = process(line, packed.parent, PYTHONUNBUFFERED=unbuffered)
    assert (result.returncode, result.stderr) == (1, "tccodec: stdout: File too large\n")


def test_a_full_pipe_that_does_not_block_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    data = bytes(1 << 20)
    with open(reading, "rb") as pipe, ThreadPoolExecutor(1) as pool, open(writing, "w") as own:
        monkeypatch.setattr(sys, "stdout", own)
        monkeypatch.setattr(sys, "__stdout__", own)
        open_streams()
        read = pool.submit(pipe.read, len(data))
        assert sys.stdout.buffer.write(data) == len(data)
        assert read.result() == data


WRITER = """
import sys, time
from tccodec.cli.streams import ended_by_signals
from tccodec.files.atomic import replacing
with ended_by_signals(), replacing("x") as file:
    file.write(b"half")
    print("ready", flush=True)
    time.sleep(float(sys.argv[1]))
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGXCPU"])
def test_a_signal_in_the_middle_of_writing_leaves_nothing(tmp_path: Path, name: str) -> None:
    number = getattr(signal, name)
    command = [sys.executable, "-c", WRITER, "60"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=-1) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
        assert [p.suffix for p in tmp_path.iterdir()] == [".part"]
        writer.send_signal(number)
        assert writer.wait() == 128 + number
    assert files_in(tmp_path) == []


def test_a_hang_up_that_is_to_be_ignored_is_ignored(tmp_path: Path) -> None:
    command = f"trap '' HUP; exec {sys.executable} -c '{WRITER}' 0.5"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(["sh", "-c", command], cwd=tmp_path, env=environment, stdout=-1) as job:
        assert job.stdout is not None and job.stdout.readline() == b"ready\n"
        job.send_signal(signal.SIGHUP)
        assert job.wait() == 0
    assert files_in(tmp_path) == ["x"]
