"""--engine ray: on a real cluster of two nodes, with workers that are killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tccodec.cluster import placement
from tccodec.errors import BadOption
from tests.support.nodes import ENVIRONMENT, Nodes, two_nodes
from tests.support.paths import ROOT, files_in
from tests.support.pictures import picture
from tests.support.program import TINY, Run
from tests.support.s3 import s3_server

COUNT = 8
needs_ray = pytest.mark.skipif(
    find_spec("ray") is None or sys.platform != "linux",
    reason='needs Ray (pip install ".[ray]") and /proc',
)
Finished = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with tempfile.TemporaryDirectory(prefix="ray") as folder, two_nodes(Path(folder)) as found:
        yield found


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of pictures, each of which takes a good part of a second at effort 4."""
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(COUNT):
        picture(i, size=(160, 120)).save(folder / f"{i}.png")
    return folder


def start(folder: Path, tiny: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, ROOT / "cli.py", *arguments],
        cwd=folder,
        env=os.environ | ENVIRONMENT | {"TCCODEC_MODELS": str(tiny.parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(folder: Path, tiny: Path, *arguments: str) -> Finished:
    with start(folder, tiny, *arguments) as process:
        out, err = process.communicate(timeout=120)
        return Finished(arguments, process.returncode, out, err)


def until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)


@needs_ray
@pytest.mark.slow
def test_a_worker_that_is_killed_costs_no_file(
    nodes: Nodes, photos: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    line = ("compress", "in", "-r", *TINY, "--effort", "4", "--json")
    assert finished(tmp_path, tiny_model_dir, *line, "-o", "one").returncode == 0
    cluster = ("--engine", "ray", "--address", nodes.address)
    with start(tmp_path, tiny_model_dir, *line, "-o", "two", *cluster) as process:
        until(lambda: list(tmp_path.glob("two/*.tcz")) and len(nodes.working()) == 2, process)
        busy = nodes.working()
        assert set(busy.values()) == set(nodes.sessions)  # one on each node
        os.kill(min(busy), signal.SIGKILL)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert err.startswith(f"{COUNT} pictures") and err.count("\n") == 1
    for i in range(COUNT):
        assert (tmp_path / f"one/{i}.tcz").read_bytes() == (tmp_path / f"two/{i}.tcz").read_bytes()
    assert sorted(json.loads(x)["input"] for x in out.splitlines()) == files_in_named(photos)


def files_in_named(folder: Path) -> list[str]:
    return [f"{folder.name}/{name}" for name in files_in(folder)]


@needs_ray
@pytest.mark.slow
def test_ctrl_c_ends_all_workers_and_leaves_no_part(
    nodes: Nodes, photos: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    line = ("compress", "in", "-r", "-o", "out", *TINY, "--effort", "4")
    cluster = ("--engine", "ray", "--address", nodes.address)
    with start(tmp_path, tiny_model_dir, *line, *cluster) as process:
        until(lambda: list(tmp_path.glob("out/*.tcz")) and nodes.working(), process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    # The first line is missing if the end of no picture was heard of yet.
    assert re.fullmatch(r"(\d+ pictures?, [^\n]+\n)?\ntccodec: interrupted\n", err), err
    deadline = time.monotonic() + 20
    while nodes.workers():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    names = files_in(tmp_path / "out")
    assert 0 < len(names) < COUNT and all(name.endswith(".tcz") for name in names)


@needs_ray
@pytest.mark.slow
def test_archive_and_decompress_on_a_cluster(
    nodes: Nodes, photos: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    (photos / "copy.png").write_bytes((photos / "0.png").read_bytes())
    (photos / "broken.png").write_bytes((photos / "0.png").read_bytes()[:50])
    cluster = ("--engine", "ray", "--address", nodes.address)
    line = ("archive", "in", "small", "--yes", *TINY, *cluster)
    result = finished(tmp_path, tiny_model_dir, *line)
    assert result.returncode == 1 and "broken.png" in result.stderr, result.stderr
    assert f"small: {COUNT + 1} pictures are in the manifest" in result.stderr
    assert finished(tmp_path, tiny_model_dir, "archive", "--check", "small").returncode == 0
    line = ("decompress", "small", "-r", "-o", "{}", "--device", "cpu")
    for place, more in (("one", ()), ("two", cluster)):
        result = finished(tmp_path, tiny_model_dir, *(x.format(place) for x in line), *more)
        assert result.returncode == 0, result.stderr
    assert files_in(tmp_path / "two") == files_in(tmp_path / "one")
    for name in files_in(tmp_path / "one"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@needs_ray
@pytest.mark.slow
def test_a_report_on_a_cluster(
    nodes: Nodes, photos: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    line = ("report", "in", "--codecs", "jpeg,webp", "--anchor", "jpeg", "--metrics", "psnr")
    line += ("--points", "4", "--limit", "3", "--show", "2", "--json")
    here = finished(tmp_path, tiny_model_dir, *line, "-o", "one", "--jobs", "1")
    cluster = ("--engine", "ray", "--address", nodes.address)
    there = finished(tmp_path, tiny_model_dir, *line, "-o", "two", *cluster)
    assert there.returncode == 0, there.stderr
    found = [json.loads(result.stdout) for result in (here, there)]
    assert found[1]["environment"]["engine"] == "ray" and found[1]["environment"]["jobs"] == 2
    for name in ("bytes", "psnr"):
        values = [
            sorted((r["picture"], r["codec"], r["quality"], r[name]) for r in each["records"])
            for each in found
        ]
        assert values[0] == values[1] and len(values[0]) == 24
    assert (tmp_path / "two/report.html").stat().st_size > 10_000


@needs_ray
@pytest.mark.slow
@pytest.mark.skipif(
    not (find_spec("s3fs") and find_spec("moto")), reason="needs s3fs and moto as well"
)
def test_from_s3_to_s3_on_a_cluster_that_ray_starts(
    photos: Path, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = ("compress", "-r", *TINY)
    assert finished(tmp_path, tiny_model_dir, *line, "in", "-o", "one").returncode == 0
    with s3_server() as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        import boto3

        client = boto3.client("s3")
        client.create_bucket(Bucket="photos")
        for path in photos.iterdir():
            client.upload_file(str(path), "photos", f"in/{path.name}")
        line += ("s3://photos/in", "-o", "s3://photos/out", "--engine", "ray")
        done = finished(tmp_path, tiny_model_dir, *line)
        assert done.returncode == 0 and done.stderr.startswith(f"{COUNT} pictures"), done.stderr
        for i in range(COUNT):
            coded = client.get_object(Bucket="photos", Key=f"out/{i}.tcz")["Body"].read()
            assert coded == (tmp_path / f"one/{i}.tcz").read_bytes()


PROGRAM = """
import json, os, sys
from tccodec.cluster import Cluster
from tccodec.errors import TccodecError

class Fake:
    device = sys.argv[2]

    def load(self, threads):
        self.loaded = getattr(self, "loaded", 0) + 1

    def __call__(self, item, progress):
        if item == "die":
            os.kill(os.getpid(), 9)
        if item == "fail":
            raise TccodecError(item)
        return os.getpid(), self.loaded, os.environ["CUDA_VISIBLE_DEVICES"]

def retry(item):
    return "again" if item == "die" and sys.argv[3] == "once" else item

options = dict(address=sys.argv[1], count=None, threads=None, tasks=9, folder=sys.argv[4])
with Cluster(Fake(), **options, retry=retry, say=print) as cluster:
    for item, answer in cluster.run([*"abc", "die", "fail", *"def"]):
        print(json.dumps([item, str(answer) if isinstance(answer, Exception) else answer]))
"""


def answers(nodes: Nodes, folder: Path, device: str, times: str, place: str) -> dict[str, object]:
    (folder / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "program.py", nodes.address, device, times, place],
        cwd=folder,
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
        timeout=90,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(dict(found)) == 8  # each item once
    return dict(found)


@needs_ray
@pytest.mark.slow
def test_an_item_that_kills_its_workers_is_given_up(nodes: Nodes, tmp_path: Path) -> None:
    found = answers(nodes, tmp_path, "cpu", "always", str(tmp_path))
    assert (
        found.pop("die")
        == "3 workers that worked on it died (out of memory, or a crash in a library)"
    )
    assert found.pop("fail") == "fail"
    assert all(a[1:] == [1, ""] for a in found.values())  # type: ignore[index]


@needs_ray
@pytest.mark.slow
def test_with_gpus_all_work_is_done_on_them(nodes: Nodes, tmp_path: Path) -> None:
    found = answers(nodes, tmp_path, "auto", "once", str(tmp_path))
    assert found.pop("fail") == "fail"
    assert len(found) == 7 and all(a[1:] == [1, "0"] for a in found.values())  # type: ignore[index]


@needs_ray
@pytest.mark.slow
def test_nodes_without_the_files_and_addresses_without_a_cluster(
    nodes: Nodes, photos: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    found = answers(nodes, tmp_path, "cpu", "once", "/nowhere")
    assert all("has no folder /nowhere: every node must" in str(a) for a in found.values())
    line = (
        "compress",
        "in",
        "-r",
        "-o",
        "out",
        *TINY,
        "--engine",
        "ray",
        "--address",
        "127.0.0.1:1",
    )
    result = finished(tmp_path, tiny_model_dir, *line)
    text = "tccodec: there is no Ray cluster at 127.0.0.1:1: Connection refused\n"
    assert (result.returncode, result.stdout, result.stderr) == (1, "", text)


def test_without_ray_it_says_what_to_install(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    picture().save(tmp_path / "a.png")
    result = run("compress", "a.png", "--engine", "ray")
    text = "tccodec: this needs ray, which is not installed: pip install ray\n"
    assert (result.code, result.err) == (1, text)
    assert files_in(tmp_path) == ["a.png"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--address", "a:1"], "--address is that of a cluster, for --engine ray"),
        (["--engine", "ray", "--resume", "x"], "--resume keeps a list on one machine"),
        (["--engine", "ray", "--device", "cuda:1"], "--device names no single GPU"),
    ],
)
def test_options_that_contradict_each_other(
    run: Run, tmp_path: Path, options: list[str], text: str
) -> None:
    picture().save(tmp_path / "a.png")
    result = run("compress", "a.png", *options)
    assert result.code == 2 and text in result.err and result.err.count("\n") == 1


def test_workers_are_placed_on_gpus_else_on_cpus() -> None:
    cluster = {"CPU": 9.0, "GPU": 2.0, "memory": 1e9}
    assert placement(cluster, "auto", None) == (2, {"num_cpus": 1, "num_gpus": 1})
    assert placement(cluster, "cpu", 4) == (2, {"num_cpus": 4})
    with pytest.raises(BadOption, match="no node of the cluster has a GPU"):
        placement({"CPU": 3.0}, "cuda", None)
    assert placement({}, "auto", 2) == (1, {"num_cpus": 2})
