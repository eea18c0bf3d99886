"""URLs as inputs and outputs: against moto's S3 server, a web server, and in memory."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tccodec.errors import BadOption, OutputExists
from tccodec.files import remote
from tccodec.files.remote import RemotePath, path_of
from tests.support.paths import ROOT, files_in
from tests.support.pictures import picture, saved
from tests.support.program import TINY, Run
from tests.support.s3 import s3_server

pytest.importorskip("fsspec")
needs_s3 = pytest.mark.skipif(
    not (find_spec("s3fs") and find_spec("moto") and find_spec("flask")),
    reason='needs s3fs and moto (pip install ".[cloud]" "moto[server]")',
)
# Of the libraries, not of this package.
pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning")]
SECRETS = "user:password@", "signature"


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, str]]:
    with s3_server() as variables:
        yield variables


@pytest.fixture
def s3(
    server: dict[str, str], monkeypatch: pytest.MonkeyPatch, tiny_model_dir: Path
) -> Iterator[Any]:
    """A client of an empty server with the bucket `photos`; the program finds the same server."""
    import boto3

    for name, value in (server | {"TCCODEC_MODELS": str(tiny_model_dir.parent)}).items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket="photos")
    yield client
    for name in keys(client):
        client.delete_object(Bucket="photos", Key=name)


def keys(client: Any) -> list[str]:
    listed = client.list_objects_v2(Bucket="photos").get("Contents", [])
    return sorted(item["Key"] for item in listed)


def body(client: Any, key: str) -> bytes:
    return bytes(client.get_object(Bucket="photos", Key=key)["Body"].read())


def put(client: Any, key: str, data: bytes) -> None:
    client.put_object(Bucket="photos", Key=key, Body=data)


@needs_s3
def test_a_prefix_goes_to_another_one_and_back(s3: Any, run: Run, tmp_path: Path) -> None:
    pictures = {f"in/{name}": saved(picture(i), "PNG") for i, name in enumerate("ab")}
    for name in pictures:
        put(s3, f"{name}.png", pictures[name])
    put(s3, "in/deep/c.data", pictures["in/a"])  # a picture by its content
    put(s3, "in/notes.txt", b"no picture")
    put(s3, "in/.hidden/d.png", pictures["in/a"])
    put(s3, "in/empty/", b"")
    done = run("compress", "s3://photos/in", "-r", "-o", "s3://photos/out", *TINY)
    assert done.code == 0, done.err
    assert "passed over: 1 file, hidden: s3://photos/in/.hidden/d.png" in done.err
    assert "passed over: 1 file, not a picture: s3://photos/in/notes.txt" in done.err
    made = ["out/a.tcz", "out/b.tcz", "out/deep/c.tcz"]
    assert [key for key in keys(s3) if key.startswith("out/")] == made
    (tmp_path / "a.png").write_bytes(pictures["in/a"])
    assert run("compress", "a.png", *TINY).code == 0
    assert body(s3, "out/a.tcz") == (tmp_path / "a.tcz").read_bytes()

    again = run("compress", "s3://photos/in/a.png", "-o", "s3://photos/out/", *TINY)
    text = "s3://photos/out/a.tcz exists; -f replaces it"
    assert again.code == 1 and text in again.err
    line = ("compress", "s3://photos/in", "-r", "-o", "s3://photos/out", "--jobs", "2", *TINY)
    assert "3 files, the output exists" in run(*line, "--skip-existing").err
    assert run(*line, "-f").code == 0

    info = run("info", "s3://photos/out", "-r", "--json")
    assert [o["file"] for o in info.json()] == [f"s3://photos/{key}" for key in made]
    back = run("decompress", "s3://photos/out", "-r", "-o", "back", "--device", "cpu")
    assert back.code == 0 and files_in(tmp_path / "back") == ["a.png", "b.png", "deep/c.png"]
    assert run("decompress", "a.tcz", "-o", "s3://photos/a.jpg", "--device", "cpu").code == 0
    assert body(s3, "a.jpg").startswith(b"\xff\xd8")


@needs_s3
def test_beside_the_input_no_picture_is_replaced(s3: Any, run: Run) -> None:
    put(s3, "a.png", saved(picture(), "PNG"))
    assert run("compress", "s3://photos/a.png", *TINY).code == 0
    for _ in range(2):
        run("decompress", "s3://photos/a.tcz", "--device", "cpu")
    assert keys(s3) == ["a.decoded.png", "a.png", "a.tcz"]
    s3.copy_object(Bucket="photos", Key="a.png", CopySource="photos/a.decoded.png")
    same = run("decompress", "s3://photos/a.tcz", "-f", "-v", "--device", "cpu")
    assert same.code == 0 and "unchanged" in same.err


@needs_s3
def test_errors_name_the_url(s3: Any, run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(saved(picture(), "PNG"))
    for arguments, text in {
        ("compress", "s3://photos/x.png"): "s3://photos/x.png: there is no such file",
        ("compress", "a.png", "-o", "s3://nowhere/a.tcz", *TINY): "s3://nowhere/a.tcz: ",
        ("compress", "s3://"): "s3:// names no bucket",
        ("compress", "a.png", "--resume", "x", "-o", "s3://photos/"): "--resume lists files of",
        ("compress", "a.png", "--preserve-times", "-o", "s3://photos/"): "time of their upload",
    }.items():
        done = run(*arguments)
        assert done.code in (1, 2) and text in done.err and done.err.count("\n") == 1, done.err
    assert keys(s3) == [] and files_in(tmp_path) == ["a.png"]


@needs_s3
def test_a_key_cannot_lead_out_of_the_output_folder(s3: Any, run: Run, tmp_path: Path) -> None:
    put(s3, "in/../../a.png", saved(picture(), "PNG"))
    done = run("compress", "s3://photos/in", "-r", "-o", "out", *TINY)
    assert done.code == 1 and "its name leads out of the folder" in done.err
    assert files_in(tmp_path) == []


@needs_s3
@pytest.mark.parametrize("folder", ["", "/in"])
def test_a_folder_without_a_name_is_named_and_no_other_file_is_read(
    s3: Any, run: Run, tmp_path: Path, folder: str
) -> None:
    start = f"{folder}/".lstrip("/")
    put(s3, f"{start}a.png", saved(picture(1), "PNG"))
    put(s3, f"{start}/a.png", saved(picture(2), "PNG"))
    put(s3, f"{start}b//c.png", saved(picture(3), "PNG"))
    done = run("compress", f"s3://photos{folder}", "-r", "-o", "out", "--json", *TINY)
    assert done.code == 1 and files_in(tmp_path) == ["out/a.tcz"]
    text = "one of its folders has no name"
    failed = {o["input"]: o["error"] for o in done.json() if "error" in o}
    assert failed == {f"s3://photos{folder}/{name}": text for name in ("/a.png", "b//c.png")}


@needs_s3
def test_an_upload_that_fails_leaves_nothing(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PART", 5 << 20)  # the least that S3 takes
    target = path_of("s3://photos/big")
    assert isinstance(target, RemotePath)
    with pytest.raises(TypeError), target.uploading(overwrite=True) as file:
        file.writelines([bytes(20 << 20), None])  # type: ignore[list-item]
    assert keys(s3) == []
    with target.uploading(overwrite=False) as file:  # appears while the program works
        file.write(bytes(12 << 20))
    assert keys(s3) == ["big"]
    for size in (1, 12 << 20):
        with pytest.raises(OutputExists), target.uploading(overwrite=False) as file:
            file.write(b"1" * size)
    assert body(s3, "big") == bytes(12 << 20)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="photos")
    with target.uploading(overwrite=True) as file:
        file.write(b"small")
    assert body(s3, "big") == b"small"


UPLOAD = """
from tccodec.cli.streams import ended_by_signals
from tccodec.files import remote
remote.PART = 5 << 20
with ended_by_signals(), remote.path_of("s3://photos/big").uploading(overwrite=True) as file:
    file.write(bytes(600 << 20))
"""


@needs_s3
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_in_the_middle_of_an_upload_leaves_nothing(s3: Any, name: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", UPLOAD],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while "Uploads" not in s3.list_multipart_uploads(Bucket="photos"):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    process.send_signal(getattr(signal, name))
    assert process.wait(timeout=60) != 0
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="photos")
    assert keys(s3) == []


class Pages(BaseHTTPRequestHandler):
    """`/a.png?signature=1` is a picture, everything else fails."""

    def do_GET(self) -> None:
        good = self.path.startswith("/a.png")
        data = saved(picture(), "PNG") if good else b""
        self.send_response(200 if good else 500)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data if self.command == "GET" else b"")

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def pages() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{SECRETS[0]}127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.skipif(find_spec("aiohttp") is None, reason="needs aiohttp")
def test_a_server_that_does_not_answer_is_no_missing_file_and_stops_no_other(
    run: Run, tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TCCODEC_MODELS", str(tiny_model_dir.parent))
    (tmp_path / "a.png").write_bytes(saved(picture(), "PNG"))
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/a.jpg"
    done = run("compress", url, "a.png", "-o", "out/", *TINY)
    assert done.code == 1 and files_in(tmp_path / "out") == ["a.tcz"]
    assert done.err.startswith(f"tccodec: {url}: Connect"), done.err


def test_where_a_url_will_not_do(run: Run, tmp_path: Path) -> None:
    for line in (
        "archive photos s3://user:password@photos/small --yes",
        "view s3://user:password@photos/a.tcz",
        "gallery photos -o s3://user:password@photos/page",
        "report s3://user:password@photos",
        "train tcae-s --data s3://user:password@photos -o run",
        "compress a.png --resume s3://user:password@photos/list",
    ):
        done = run(*line.split())
        assert done.code == 2, line
        assert "is a URL; here only files of this machine will do\n" in done.err, done.err
        assert "s3://photos/" in done.err and "password" not in done.err
    done = run("info", "nonsense://photos/a.tcz")
    text = "tccodec: nonsense://photos/a.tcz: fsspec knows no URLs that begin with nonsense://\n"
    assert (done.code, done.err) == (2, text) and not files_in(tmp_path)


@pytest.mark.skipif(find_spec("aiohttp") is None, reason="needs aiohttp")
def test_the_web_is_read_and_secrets_are_not_shown(
    run: Run, pages: str, tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TCCODEC_MODELS", str(tiny_model_dir.parent))
    done = run("compress", f"{pages}/a.png?signature=1", "-o", "out/", "-v", "--json", *TINY)
    assert done.code == 0 and files_in(tmp_path) == ["out/a.tcz"], done.err
    shown = pages.replace(SECRETS[0], "")
    assert done.json()[0]["input"] == f"{shown}/a.png"
    bad = run("compress", f"{pages}/b.png?signature=1", "-o", "out/", *TINY)
    assert bad.code == 1 and f"{shown}/b.png: " in bad.err
    out = run("compress", "out/a.tcz", f"{pages}/a.png", "-o", f"{pages}/up/", *TINY)
    assert out.code == 1
    beside = run("compress", f"{pages}/a.png", *TINY)
    text = f"{shown}/a.tcz cannot be written to: web addresses are only read\n"
    assert (beside.code, beside.err) == (1, f"tccodec: {shown}/a.png: {text}")
    assert not any(secret in text for secret in SECRETS for text in (done.err, bad.err, out.err))


def test_memory_and_local_urls(
    run: Run, tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TCCODEC_MODELS", str(tiny_model_dir.parent))
    (tmp_path / "a.png").write_bytes(saved(picture(), "PNG"))
    url = (tmp_path / "a.png").as_uri()
    assert run("compress", url, "-o", "memory://there/a.tcz", *TINY).code == 0
    assert run("compress", url, *TINY).code == 0
    there = path_of("memory://there/a.tcz")
    assert (tmp_path / "a.tcz").read_bytes() == there.read_bytes()
    assert (
        run("verify", "memory://there", "-r", "--device", "cpu").out
        == b"memory://there/a.tcz: ok\n"
    )


def test_parts_of_a_url() -> None:
    path = path_of("https://me:secret@host:8/a/b.c.png?key=1")
    assert isinstance(path, RemotePath)
    assert (path.name, path.stem, path.suffix) == ("b.c.png", "b.c", ".png")
    assert path.url == "https://me:secret@host:8/a/b.c.png?key=1"
    assert str(path) == os.fspath(path) == "https://host:8/a/b.c.png"
    assert "secret" not in repr(path)
    assert path.with_suffix(".tcz").url == "https://me:secret@host:8/a/b.c.tcz"
    bucket = path_of("s3://photos")
    assert isinstance(bucket, RemotePath)
    inside = bucket / Path("x/y.png")
    assert inside.url == "s3://photos/x/y.png" and inside.relative_to(bucket) == Path("x/y.png")
    assert str(path_of("s3://photos/what?.png")) == "s3://photos/what?.png"
    for local in ("a.png", "C:/a.png", "a:b://c"):
        assert path_of(local) == Path(local)
    assert path_of("file://localhost/tmp/a%20b.png") == Path("/tmp/a b.png")
    for wrong in ("s3:///key", "zip://a::s3://b/c", "file://a.png", "file://host/a.png", "file://"):
        with pytest.raises(BadOption):
            path_of(wrong)


def test_local_paths_import_no_fsspec() -> None:
    program = (
        "import sys, tccodec.cli.compress, tccodec.cli.info; sys.exit('fsspec' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def test_without_the_library_it_says_what_to_install(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    done = run("info", "s3://photos/a.tcz")
    text = "tccodec: s3://photos/a.tcz needs fsspec, which is not installed: pip install fsspec\n"
    assert (done.code, done.err) == (1, text)
    monkeypatch.undo()
    if find_spec("gcsfs") is None:
        text = "gs://photos/a.tcz needs gcsfs, which is not installed: pip install gcsfs"
        assert text in run("info", "gs://photos/a.tcz").err
    # Of protocols without a line in this package's table, fsspec's error has the library's name.
    monkeypatch.setitem(sys.modules, "paramiko", None)
    text = "sftp://host/a.tcz needs paramiko, which is not installed: pip install paramiko"
    assert text in run("info", "sftp://host/a.tcz").err
