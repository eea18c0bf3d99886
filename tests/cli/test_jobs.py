"""--jobs: several files at a time, in real processes."""

from __future__ import annotations

import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tccodec.cli.jobs import Job
from tccodec.cli.outputs import Outputs
from tccodec.cli.workers import Workers
from tests.support.paths import ROOT, files_in
from tests.support.pictures import picture
from tests.support.program import TINY, Run

COUNT = 7


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(COUNT):
        picture(i).save(folder / f"{i}.png")
    return folder


Finished = subprocess.CompletedProcess[bytes]


def program(*arguments: str, folder: Path, stdin: bytes = b"") -> Finished:
    return subprocess.run(
        [sys.executable, ROOT / "cli.py", *arguments],
        cwd=folder,
        input=stdin,
        capture_output=True,
        check=False,
        timeout=120,
    )


def test_several_processes_write_the_same_files(run: Run, photos: Path, tmp_path: Path) -> None:
    assert run("compress", "in", "-r", "-o", "one", *TINY).code == 0
    (photos / "broken.png").write_bytes((photos / "0.png").read_bytes()[:50])
    line = ("compress", "in", "-", "-r", "-o", "two", "--jobs", "3", "--json", *TINY)
    result = program(*line, folder=tmp_path, stdin=(photos / "1.png").read_bytes())
    assert result.returncode == 1
    assert files_in(tmp_path / "two") == [*(f"{i}.tcz" for i in range(COUNT)), "stdin.tcz"]
    for i in range(COUNT):
        assert (tmp_path / f"two/{i}.tcz").read_bytes() == (tmp_path / f"one/{i}.tcz").read_bytes()
    found = {o["input"]: o for o in map(json.loads, result.stdout.splitlines())}
    assert set(found) == {*(f"in/{i}.png" for i in range(COUNT)), "in/broken.png", "stdin"}
    assert "damaged" in found["in/broken.png"]["error"]
    assert b"8 pictures" in result.stderr and b"1 of 9 failed" in result.stderr
    back = program("decompress", "two", "-r", "-o", "back", "--jobs", "2", folder=tmp_path)
    assert back.returncode == 0 and len(files_in(tmp_path / "back")) == COUNT + 1
    line = ("compress", "in", "-r", "-o", "two", "--jobs", "2", "--skip-existing", *TINY)
    again = program(*line, folder=tmp_path)
    assert f"{COUNT} files, the output exists" in again.stderr.decode()


def test_losses_come_back_from_other_processes(photos: Path, tmp_path: Path) -> None:
    picture(1).save(photos / "scan.tif", save_all=True, append_images=[picture(2)])
    result = program("compress", "in", "-r", "--jobs", "2", *TINY, folder=tmp_path)
    assert result.stderr.decode().splitlines()[-1] == "1 picture: one page of several is kept"


WITHOUT_TORCH = """
import os, sys
sys.modules["torch"] = sys.modules["onnxruntime"] = None
if __name__ == "__main__":
    from tccodec.cli import main
    main()
else:
    sys.stderr.write(f"OMP_NUM_THREADS is {os.environ['OMP_NUM_THREADS']};")
"""


def without_torch(folder: Path, *line: str, pass_fds: tuple[int, ...] = ()) -> Finished:
    (folder / "program.py").write_text(WITHOUT_TORCH)
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    return subprocess.run(
        [sys.executable, "program.py", *line],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
        timeout=120,
        pass_fds=pass_fds,
    )


@pytest.mark.skipif(os.name == "nt", reason="there are no such names there")
def test_a_pipe_that_only_this_process_has_is_read_by_it(
    run: Run, photos: Path, tmp_path: Path
) -> None:
    inputs = ("0.tcz", "1.tcz")
    assert run("compress", "in/0.png", "in/1.png", "-o", "./", *TINY).code == 0
    reader, writer = os.pipe()
    os.write(writer, (tmp_path / "0.tcz").read_bytes())
    os.close(writer)
    line = ("decompress", f"/dev/fd/{reader}", *inputs, "-o", "out", "--jobs", "2")
    result = without_torch(tmp_path, *line, pass_fds=(reader,))
    os.close(reader)
    assert result.returncode == 0, result.stderr
    out = tmp_path / "out"
    assert (out / f"{reader}.png").read_bytes() == (out / "0.png").read_bytes()


def test_without_torch_each_process_loads_its_own_model(
    run: Run, photos: Path, tmp_path: Path
) -> None:
    assert run("compress", "in", "-r", "-o", "small", *TINY).code == 0
    assert run("decompress", "small", "-r", "-o", "one").code == 0
    (tmp_path / "small" / "bad.tcz").write_bytes((tmp_path / "small/1.tcz").read_bytes()[:-1])
    line = ("decompress", "small", "-r", "-o", "two", "--jobs", "2", "--threads", "3")
    result = without_torch(tmp_path, *line)
    assert result.returncode == 1 and b"1 of 8 failed" in result.stderr, result.stderr
    assert result.stderr.count(b"OMP_NUM_THREADS is 3;") == 2
    for i in range(COUNT):
        with Image.open(tmp_path / f"one/{i}.png") as a, Image.open(tmp_path / f"two/{i}.png") as b:
            assert np.abs(np.asarray(a, int) - np.asarray(b)).max() <= 1


class Fake:
    """Work for `Workers` that says where it is done, or ends its process."""

    device = "cpu"

    def load(self, threads: int | None) -> None:
        """Nothing to load."""

    def __call__(self, job: object, progress: object) -> tuple[int, object]:
        if job == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if job == "fail":
            raise ValueError(job)
        return os.getpid(), job


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of threads and fork
def test_a_process_that_dies_takes_one_job_with_it() -> None:
    jobs = ["a", "die", "b", "c", "die", "d", "fail", "e"]
    with Workers(Fake(), 2, threads=1) as workers:
        answers = list(workers.run(jobs))  # type: ignore[arg-type]
    assert sorted(str(job) for job, _ in answers) == sorted(jobs)
    for job, answer in answers:
        if job == "die":  # type: ignore[comparison-overlap]
            assert "the process that worked on it died" in str(answer)
        elif job == "fail":  # type: ignore[comparison-overlap]
            assert isinstance(answer, ValueError)
        else:
            assert answer[1] == job and answer[0] != os.getpid()


class Counting(Fake):
    """Work that says how many threads it has."""

    threads: int | None = None

    def load(self, threads: int | None) -> None:
        """Keep the number."""
        self.threads = threads

    def __call__(self, job: object, progress: object) -> tuple[int, object]:
        return self.threads or 0, job


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of threads and fork
@pytest.mark.parametrize(("asked", "threads"), [("", 4), ("3", 3), ("16", 4)])
def test_processes_have_at_most_the_threads_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, asked: str, threads: int
) -> None:
    monkeypatch.setattr("tccodec.coding.threads.processors", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    with Workers(Counting(), 2, threads=None) as workers:
        assert list(workers.run(["a"])) == [("a", (threads, "a"))]  # type: ignore[list-item]


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """The program in a session of its own, as from a shell; killed at the end."""
    with (folder / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, ROOT / "cli.py", *arguments],
            cwd=folder,
            stderr=stderr,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def session(leader: int) -> list[int]:
    """The processes of a session that are alive."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                state, _, _, owner = (entry / "stat").read_text().rpartition(") ")[2].split()[:4]
            except OSError:
                continue
            if int(owner) == leader and state != "Z":
                found.append(int(entry.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("name", "jobs"), [("SIGINT", 1), ("SIGINT", 2), ("SIGTERM", 2), ("SIGKILL", 2)]
)
def test_a_signal_ends_all_processes_and_leaves_no_part(
    tmp_path: Path, name: str, jobs: int
) -> None:
    (tmp_path / "in").mkdir()
    for i in range(40):
        picture(i, size=(300, 240)).save(tmp_path / f"in/{i}.png")
    number = getattr(signal, name)
    line = ("compress", "in", "-r", "-o", "out", "--jobs", str(jobs), "--effort", "4", *TINY)
    with running(tmp_path, *line) as process:
        deadline = time.monotonic() + 60
        while len(list(tmp_path.glob("out/*.tcz"))) < 3:  # so all processes have started
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.05)
        if name == "SIGINT":  # from the terminal, to all of them
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        assert process.wait(timeout=30) == {"SIGINT": 130, "SIGTERM": 143, "SIGKILL": -9}[name]
        while session(process.pid):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    count = len(files_in(tmp_path / "out"))
    assert 0 < count < 40
    said = (tmp_path / "stderr").read_text().splitlines()
    if name == "SIGINT":
        assert re.match(r"[1-9]\d* pictures?, ", said[0]), said
        assert said[1:] == ["", "tccodec: interrupted"]
    else:
        assert not said
    assert all(file.endswith(".tcz") for file in files_in(tmp_path / "out"))


SLEEPING = """
import sys, time
from pathlib import Path
from tccodec.cli.workers import Workers

class Sleep:
    device = "cpu"

    def load(self, threads):
        pass

    def __call__(self, job, progress):
        Path(job).touch()
        time.sleep(60)

if __name__ == "__main__":
    with Workers(Sleep(), 2, threads=1) as workers:
        list(workers.run(["a", "b"]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_processes_do_not_outlive_the_one_that_was_killed(tmp_path: Path) -> None:
    (tmp_path / "sleeping.py").write_text(SLEEPING)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    line = [sys.executable, "sleeping.py"]
    with subprocess.Popen(line, cwd=tmp_path, env=environment, start_new_session=True) as parent:
        deadline = time.monotonic() + 30
        while not ((tmp_path / "a").exists() and (tmp_path / "b").exists()):
            assert time.monotonic() < deadline and parent.poll() is None
            time.sleep(0.05)
        parent.kill()
        parent.wait()
        while session(parent.pid):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_work_for_other_processes_does_not_grow_with_the_jobs() -> None:
    def bytes_of(count: int, *, force: bool) -> int:
        jobs = [Job(Path(f"{i}.png"), Path(f"{i}.tcz")) for i in range(count)]
        outputs = Outputs(jobs, force=force, skip_existing=False, preserve_times=False)
        copy = pickle.loads(pickle.dumps(outputs))
        assert (copy.force, list(copy.jobs)) == (force, jobs if force else [])
        return len(pickle.dumps(outputs))

    assert bytes_of(1000, force=False) == bytes_of(1, force=False)
    assert bytes_of(1000, force=True) > bytes_of(1, force=True)
