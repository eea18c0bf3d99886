"""Interruptions: commands killed at any moment, full disks, inputs that vanish or change.

Each run is a process forked from this one, which has loaded the program. So it starts at once, and
a kill can hit any part of its work.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from PIL import Image

from benchmarks.common import paste
from tccodec import TccodecError
from tccodec.container import read
from tests.attacks import seeds
from tests.support.pictures import picture

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
LITTER = re.compile(r"\.tccodec-[0-9a-f]{16}\.part")
OLD = b"an old file"


@dataclass(frozen=True)
class Command:
    """A command that writes. arguments: those behind `tccodec`."""

    name: str
    arguments: tuple[str, ...]


def commands() -> list[Command]:
    """All that write pictures, files, folders and models."""
    model = ("--model", str(seeds.model_folder("tiny")), "--device", "cpu")
    return [
        Command("compress", ("compress", "in/0.png", "-o", "out/new.tcz", *model)),
        Command("compress -f", ("compress", "in/0.png", "-f", "-o", "out/old.tcz", *model)),
        Command("compress -r", ("compress", "in", "-r", "-o", "out", *model)),
        Command("decompress", ("decompress", "in/0.tcz", "-o", "out/new.png", *model)),
        Command("decompress -f", ("decompress", "in/0.tcz", "-f", "-o", "out/old.png", *model)),
        Command("decompress -r", ("decompress", "in", "-r", "-o", "out", "--device", "cpu")),
        Command("archive", ("archive", "in", "out/archive", "--yes", *model)),
        Command("export --onnx", ("export", model[1], "-o", "out/model", "--onnx")),
    ]


def prepare(folder: Path) -> None:
    """Four pictures and their files, and old outputs."""
    (folder / "in").mkdir()
    for i in range(4):
        picture(i, size=(150, 100)).save(folder / "in" / f"{i}.png")
        (folder / "in" / f"{i}.tcz").write_bytes(seeds.files("tiny")[i])
    (folder / "out").mkdir()
    for name in ("old.tcz", "old.png"):
        (folder / "out" / name).write_bytes(b"" if name == "old.tcz" else OLD)


@contextlib.contextmanager
def prepared_folder() -> Iterator[Path]:
    """A new folder with inputs and old outputs."""
    with tempfile.TemporaryDirectory(prefix="tccodec-interruptions-") as name:
        prepare(Path(name))
        yield Path(name)


def start(command: Command, folder: Path, first: Callable[[], object] = lambda: None) -> int:
    """The id of a forked process that runs a command in a folder, after `first`."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    status = 70
    try:
        os.chdir(folder)
        os.environ["TCCODEC_MODELS"] = str(seeds.model_folder("tiny").parent)
        log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (0, 1, 2):
            os.dup2(log if stream else os.open(os.devnull, os.O_RDONLY), stream)
        first()
        from tccodec.cli import main

        main(list(command.arguments))
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        os._exit(status)


def wait(child: int) -> int:
    """The exit status; a signal's number, negative, if it ended the process."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def whole(path: Path) -> bool:
    """Whether an output is an old file or a complete new one."""
    data = path.read_bytes()
    if path.name.startswith("old.") and data in (b"", OLD):
        return True
    try:
        if path.suffix == ".tcz":
            read(data)
        elif path.suffix == ".png":
            with Image.open(path) as image:
                image.load()
    except (TccodecError, OSError, SyntaxError):
        return False
    return True


def harm(folder: Path, before: dict[str, bytes]) -> list[str]:
    """What is wrong in a folder after an interruption: inputs changed, outputs half written."""
    now = inputs(folder)
    wrong = [f"{name} changed" for name, data in before.items() if now.get(name) != data]
    for path in (folder / "out").rglob("*"):
        if path.is_file() and not LITTER.fullmatch(path.name) and not whole(path):
            wrong.append(f"{path.name} is half a file")
    log = folder / "log"
    if log.exists() and b"Traceback" in log.read_bytes():
        wrong.append("a traceback")
    return wrong


def inputs(folder: Path) -> dict[str, bytes]:
    """The inputs and their content."""
    return {p.name: p.read_bytes() for p in (folder / "in").iterdir()}


def duration(command: Command) -> float:
    """Seconds that a command takes."""
    with prepared_folder() as folder:
        began = time.monotonic()
        status = wait(start(command, folder))
        if status:
            text = (folder / "log").read_text("utf-8", "replace")
            sys.exit(f"{command.name} ends with {status}: {text[-300:]}")
        return time.monotonic() - began


def killed(command: Command, number: signal.Signals, after: float) -> tuple[str, list[str]]:
    """Kill a command after some seconds and run it again; `(how it ended, what is wrong)`."""
    with prepared_folder() as folder:
        before = inputs(folder)
        child = start(command, folder)
        time.sleep(after)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, number)
        status = wait(child)
        wrong = harm(folder, before)
        litter = [p for p in folder.rglob("*") if LITTER.fullmatch(p.name)]
        if litter and number is not signal.SIGKILL:
            wrong.append(f"{number.name} left {len(litter)} files")
        again = Command(command.name, (*command.arguments, *resumed(command)))
        late = wait(start(again, folder, _a_minute_later))
        if late:
            said = (folder / "log").read_text("utf-8", "replace").splitlines()[-1:]
            wrong.append(f"the next run ends with {late}: {said}")
        if any(LITTER.fullmatch(p.name) for p in folder.rglob("*")):
            wrong.append("the next run leaves litter lying")
        return ("ended by itself" if status == 0 else "killed"), wrong + harm(folder, before)


def resumed(command: Command) -> tuple[str, ...]:
    """How a person goes on after an interruption."""
    name = command.arguments[0]
    return () if name == "archive" or "-f" in command.arguments else ("-f",)


def _a_minute_later() -> None:
    now = time.time
    time.time = lambda: now() + 61


# ------------------------------------------------------------------ without a kill


def no_space() -> None:
    """From here on, files end after 300 bytes, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))


def others() -> Iterator[tuple[str, list[str]]]:
    """Full disks, inputs that vanish or change."""
    for command in commands():
        with prepared_folder() as folder:
            before = inputs(folder)
            status = wait(start(command, folder, no_space))
            litter = [p.name for p in folder.rglob("*") if LITTER.fullmatch(p.name)]
            wrong = harm(folder, before) + litter + ([] if status else ["it says nothing"])
            yield f"{command.name} on a full disk", wrong
    for command in commands()[2:6:3]:
        for change in ("vanishes", "changes"):
            with prepared_folder() as folder:
                suffix = "png" if command.arguments[0] == "compress" else "tcz"
                victim = folder / "in" / f"3.{suffix}"

                def meanwhile(victim: Path = victim, change: str = change) -> None:
                    if change == "vanishes":
                        victim.unlink()
                    else:
                        victim.write_bytes(victim.read_bytes()[:40])

                before = {n: d for n, d in inputs(folder).items() if n != victim.name}
                child = start(command, folder)
                time.sleep(0.05)
                meanwhile()
                wait(child)
                yield f"{command.name}, an input {change}", harm(folder, before)


def synced() -> list[str]:
    """Whether an output is on the disk before it gets its name, as strace sees it."""
    with prepared_folder() as folder:
        model = ("--model", str(seeds.model_folder("tiny")), "--device", "cpu")
        program = [
            sys.executable,
            "-m",
            "tccodec",
            "compress",
            "in/0.png",
            "-o",
            "out/new.tcz",
            *model,
        ]
        trace = folder / "trace"
        calls = "trace=openat,fsync,rename,renameat,renameat2,link,linkat"
        subprocess.run(["strace", "-f", "-y", "-o", trace, "-e", calls, *program], cwd=folder,
                       check=True, capture_output=True)  # fmt: skip
        lines = trace.read_text("utf-8", "replace").splitlines()
    part = next(i for i, x in enumerate(lines) if ".part" in x and "O_CREAT" in x)
    sync = next((i for i, x in enumerate(lines) if "fsync(" in x and ".part" in x), 0)
    name = next(i for i, x in enumerate(lines) if "new.tcz" in x and re.search("link|rename", x))
    after = any("fsync(" in x and "/out>" in x for x in lines[name:])
    wrong = [] if part < sync < name else ["the name comes before the content"]
    return wrong + ([] if after else ["the folder is not synchronised"])


def main(arguments: Sequence[str]) -> int:
    """Print what went wrong, and how many interruptions there were."""
    parser = argparse.ArgumentParser("python -m tests.attacks interruptions", description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", type=Path, help="a page whose table is written anew")
    options = parser.parse_args(arguments)
    rng, outcomes, bad = Random(options.seed), collections.Counter[str](), 0
    every = commands()
    took = [duration(command) for command in every]
    tries = 0
    while outcomes["killed"] < options.kills:
        i = tries % len(every)
        sign = SIGNALS[tries // len(every) % len(SIGNALS)]
        after = rng.uniform(0, took[i])
        outcome, wrong = killed(every[i], sign, after)
        if outcome != "killed":  # it takes less time than it did at first
            took[i] = max(after, took[i] / 2)
        tries += 1
        outcomes[outcome] += 1
        for text in wrong:
            print(f"{every[i].name}, {sign.name}: {text}", flush=True)
        bad += bool(wrong)
    rows = ["| interruption | tried | harm |", "| --- | --- | --- |"]
    rows.append(f"| kills before the end, of {tries} tries | {options.kills} | {bad} |")
    days = list(others())
    if shutil.which("strace"):
        days.append(("the order of fsync and rename", synced()))
    for what, wrong in days:
        rows.append(f"| {what} | 1 | {'; '.join(wrong) or 0} |")
    print("\n".join(rows))
    if options.write:
        paste(options.write, "\n".join(rows), "interruptions")
    return 1 if bad or any(wrong for _, wrong in days) else 0
