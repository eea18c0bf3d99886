"""`tccodec view` and `gallery`: what is served and written, and to whom; the page in a browser."""

from __future__ import annotations

import contextlib
import functools
import http.client
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from tccodec.browser.gallery import preview
from tccodec.browser.page import find_pictures, models, scripts
from tccodec.browser.server import Server, contents
from tccodec.cli import main
from tccodec.functions import compress
from tccodec.model.registry import find_model
from tccodec.picture.icc import make_profile, rgb_profile
from tests.golden.make import HERE as GOLDEN
from tests.support.browser import chromium, what_is_missing
from tests.support.paths import files_in

pytestmark = pytest.mark.filterwarnings("default::ResourceWarning")
MODEL_ID = find_model("tcae-s").file_id.hex()


@pytest.fixture
def holiday(tmp_path: Path) -> Path:
    """A folder with pictures, one of them damaged, and other files."""
    folder = tmp_path / "holiday"
    (folder / "day 2").mkdir(parents=True)
    shutil.copy(GOLDEN / "small-50.tcz", folder / "one & only.tcz")
    shutil.copy(GOLDEN / "small-10.tcz", folder / "day 2" / "zwei.tcz")
    (folder / "damaged.tcz").write_bytes(b"nothing")
    (folder / "notes.txt").write_text("private", "utf-8")
    (tmp_path / "secret.tcz").write_bytes((GOLDEN / "grey-40.tcz").read_bytes())
    return folder


@pytest.fixture
def server(holiday: Path) -> Iterator[Server]:
    with Server(contents(find_pictures(holiday))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def get(
    server: Server, path: str, *, method: str = "GET", token: str | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer. `path` is sent as it is."""
    host, port = urlsplit(server.url).netloc.split(":")
    token = server.token if token is None else token
    with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=20)) as connection:
        connection.request(method, f"/{token}/{path}", headers=headers)
        with connection.getresponse() as answer:
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()


def test_pictures_are_listed_and_handed_out(server: Server, holiday: Path) -> None:
    status, headers, body = get(server, "")
    assert status == 200 and headers["content-type"].startswith("text/html")
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"
    assert headers["cache-control"] == "no-store" and b"images.js" not in body
    listing = json.loads(get(server, "files.json")[2])
    assert [entry["name"] for entry in listing["files"]] == ["one & only.tcz", "day 2/zwei.tcz"]
    for entry in listing["files"]:
        assert get(server, entry["url"])[2] == (holiday / entry["name"]).read_bytes()
    assert listing["models"] == [f"models/{MODEL_ID}/"]
    config = json.loads(get(server, listing["models"][0] + "config.json")[2])
    assert config["model_id"].startswith(MODEL_ID)


def test_nothing_else_is_handed_out(server: Server) -> None:
    port = server.server_address[1]
    refused: list[tuple[str, dict[str, Any]]] = [
        ("", {"token": "x" * len(server.token)}),
        ("", {"token": ""}),
        ("files/notes.txt", {}),
        ("files/damaged.tcz", {}),
        ("files/../secret.tcz", {}),
        ("files/%2e%2e/secret.tcz", {}),
        ("files%2f..%2fsecret.tcz", {}),
        ("files/..%5csecret.tcz", {}),
        ("files//etc/passwd", {}),
        ("%00", {}),
        ("", {"Host": "evil.example"}),
        ("", {"Host": f"evil.example:{port}"}),
        ("", {"Host": f"localhost.evil.example:{port}"}),
    ]
    for path, about in refused:
        status, _, body = get(server, path, **about)
        assert (status, body) == (404, b""), path
    assert get(server, "", method="POST")[0] == 501
    for host in (f"localhost:{port}", "localhost", "127.0.0.1", f"127.0.0.1:{port ^ 1}"):
        assert get(server, "", Host=host)[0] == 200, host


def test_parts_of_files(server: Server, holiday: Path) -> None:
    data = (holiday / "one & only.tcz").read_bytes()
    url = "files/one%20%26%20only.tcz"
    size = len(data)
    for wanted, part in (
        ("bytes=0-9", data[:10]),
        ("bytes=10-", data[10:]),
        ("bytes=-5", data[-5:]),
        (f"bytes=5-{size + 100}", data[5:]),
    ):
        status, headers, body = get(server, url, Range=wanted)
        assert (status, body) == (206, part), wanted
        start = data.index(part)
        assert headers["content-range"] == f"bytes {start}-{start + len(part) - 1}/{size}"
    for odd in ("bytes=0-1,3-4", "lines=1-2", "bytes=-", f"bytes={'9' * 5000}-"):
        assert get(server, url, Range=odd)[0::2] == (200, data)
    status, headers, body = get(server, url, Range=f"bytes={size}-")
    assert (status, body, headers["content-range"]) == (416, b"", f"bytes */{size}")
    status, headers, body = get(server, url, method="HEAD")
    assert (status, headers["content-length"], body) == (200, str(size), b"")


def test_nobody_waits_for_the_rest_of_a_file_that_is_cut_short(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Cut(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(size)[:-1] if self.tell() == 0 else b""

    server.files["cut"] = b"some bytes"
    monkeypatch.setattr(io, "BytesIO", Cut)
    with pytest.raises(http.client.IncompleteRead) as cut:
        get(server, "cut")
    assert cut.value.partial == b"some byte"


def test_the_command_says_what_is_left_out_and_ends_with_ctrl_c(holiday: Path) -> None:
    command = [sys.executable, "-m", "tccodec", "view", str(holiday), "--no-browser"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stdout and process.stderr
        url = urlsplit(process.stdout.readline().strip())
        connection = http.client.HTTPConnection(url.netloc, timeout=20)
        connection.request("GET", url.path)
        assert connection.getresponse().status == 200
        connection.close()
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        assert process.wait(20) == 0
    assert "damaged.tcz is left out: this is not a .tcz file" in said
    assert "2 pictures" in said and "Traceback" not in said


def test_a_browser_that_returns_when_it_is_closed_gets_the_page(
    holiday: Path, tmp_path: Path
) -> None:
    asked = tmp_path / "browser.py"
    asked.write_text(
        "import sys, urllib.request as web\n"
        "print(web.urlopen(sys.argv[1], timeout=60).status, flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-m", "tccodec", "view", str(holiday)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"BROWSER": f"{shlex.join([sys.executable, str(asked)])} %s"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stdout
        said = {process.stdout.readline(), process.stdout.readline()}
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert "200\n" in said


def test_a_port_that_another_program_uses_is_named(
    server: Server, holiday: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = server.server_address[1]
    with pytest.raises(SystemExit) as end:
        main(["view", str(holiday), "--no-browser", "--port", str(port)])
    said = capsys.readouterr()
    assert end.value.code == 1 and said.out == ""
    reason = rf"cannot listen on 127\.0\.0\.1:{port}: .*; --port names another port"
    assert re.fullmatch(f"tccodec: {reason}", said.err.splitlines()[-1])


@pytest.mark.parametrize("command", ["view", "gallery"])
def test_what_cannot_be_shown(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    more = ["-o", str(tmp_path / "page")] if command == "gallery" else ["--no-browser"]
    (tmp_path / "photo.jpg").write_bytes(b"no .tcz file")
    for source, text in (
        ("empty", "empty has no .tcz file to show\n"),
        ("gone", "gone: no such file or folder\n"),
        ("photo.jpg", "photo.jpg: this is not a .tcz file\n"),
    ):
        with pytest.raises(SystemExit) as end:
            main([command, str(tmp_path / source), *more])
        assert end.value.code == 1
        assert capsys.readouterr().err == f"tccodec: {tmp_path}/{text}"
    assert not (tmp_path / "page").exists()


def test_a_gallery_holds_all_that_it_needs(
    holiday: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page"
    with pytest.raises(SystemExit) as end:
        main(["gallery", str(holiday), "-o", str(page)])
    said = capsys.readouterr().err
    assert end.value.code == 1 and "2 pictures" in said
    assert "damaged.tcz is left out: this is not a .tcz file" in said
    listing = json.loads((page / "files.json").read_text("utf-8"))
    previews = [entry["preview"] for entry in listing["files"]]
    model = [f"models/{MODEL_ID}/{n}.safetensors" for n in ("model", "realism")]
    wanted = {*scripts(), *previews, *model, f"models/{MODEL_ID}/config.json", "files.json"}
    assert set(files_in(page)) == wanted | {"files/one & only.tcz", "files/day 2/zwei.tcz"}
    with pytest.raises(SystemExit) as end:
        main(["gallery", str(holiday), "-o", str(page)])
    assert end.value.code == 1 and "is not empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (OSError(28, "No space left on device"), 1)]
)
@pytest.mark.parametrize("there", [False, True])
def test_a_gallery_that_is_not_finished_leaves_nothing(
    holiday: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    there: bool,
) -> None:
    page = tmp_path / "page"
    if there:
        page.mkdir()

    def fail(*_args: object, **_options: object) -> bytes:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("tccodec.browser.page.listing", fail)
        with pytest.raises(SystemExit) as end:
            main(["gallery", str(holiday), "-o", str(page)])
    assert end.value.code == code
    assert page.exists() == there and not list(tmp_path.glob("page/*"))
    with pytest.raises(SystemExit):
        main(["gallery", str(holiday), "-o", str(page)])
    files = files_in(page)
    monkeypatch.setattr("tccodec.browser.page.listing", fail)
    with pytest.raises(SystemExit) as end:
        main(["gallery", str(holiday), "-o", str(page), "-f"])
    assert end.value.code == code and files_in(page) == files


def test_the_small_picture_of_a_grey_one_has_a_profile_for_rgb() -> None:
    grey = make_profile(primaries=None, curve=None)
    shades = Image.radial_gradient("L")
    shades.info["icc_profile"] = grey
    small = preview(compress(shades, lossless=True))
    with Image.open(io.BytesIO(small)) as image:
        assert (image.format, image.mode) == ("WEBP", "RGB")
        assert image.info["icc_profile"] == rgb_profile(grey)


def test_a_gallery_is_not_written_among_its_pictures(
    holiday: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files_in(holiday)
    with pytest.raises(SystemExit) as end:
        main(["gallery", str(holiday), "-o", f"{holiday}/day 2/..", "-f"])
    assert end.value.code == 2 and "is the folder of the pictures" in capsys.readouterr().err
    assert files_in(holiday) == before


def test_a_model_folder_that_is_not_whole_is_passed_over(
    holiday: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = find_model("tcae-s")
    (tmp_path / "models" / "half").mkdir(parents=True)
    shutil.copy(whole.folder / "config.json", tmp_path / "models" / "half")
    monkeypatch.setenv("TCCODEC_MODELS", str(tmp_path / "models"))
    cards = models(find_pictures(holiday))
    assert [card.folder for card in cards.values()] == [whole.folder]


def test_a_gallery_leaves_out_what_is_damaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, page = tmp_path / "holiday", tmp_path / "holiday" / "page"
    folder.mkdir()
    data = bytearray((GOLDEN / "small-50.tcz").read_bytes())
    (folder / "good.tcz").write_bytes(data)
    data[-5] ^= 1  # the header stays sound
    (folder / "bad.tcz").write_bytes(data)
    bad = "bad.tcz is left out: the file is damaged: the checksum does not match"
    for more in ((), ("-f",)):  # the second time, the page itself is not looked into
        with pytest.raises(SystemExit) as end:
            main(["gallery", str(folder), "-o", str(page), *more])
        said = capsys.readouterr().err
        assert end.value.code == 1 and bad in said and "1 picture," in said
        assert [name for name in files_in(page) if name.endswith(".tcz")] == ["files/good.tcz"]
    (folder / "bad.tcz").unlink()
    with pytest.raises(SystemExit) as end:
        main(["gallery", str(folder), "-o", str(page), "-f"])
    assert end.value.code == 0
    (folder / "good.tcz").write_bytes(data)
    shutil.rmtree(page)
    with pytest.raises(SystemExit) as end:
        main(["gallery", str(folder), "-o", str(tmp_path / "none")])
    assert end.value.code == 1 and "checksum does not match" in capsys.readouterr().err
    assert not (tmp_path / "none").exists()


def test_links_do_not_lead_out_of_the_folder(holiday: Path) -> None:
    (holiday / "out.tcz").symlink_to(holiday.parent / "secret.tcz")
    (holiday / "again.tcz").symlink_to(holiday / "day 2" / "zwei.tcz")
    (holiday / "lost.tcz").symlink_to("nowhere")
    (holiday / "up").symlink_to(holiday.parent)
    (holiday / ".hidden.tcz").write_bytes(b"")
    pictures = find_pictures(holiday)
    assert list(pictures.files) == ["again.tcz", "one & only.tcz", "day 2/zwei.tcz"]
    assert pictures.skipped == {
        "damaged.tcz": "this is not a .tcz file",
        "lost.tcz": "the link leads nowhere",
        "out.tcz": "a link that leads out of the folder",
        "up": "a link to a folder",
    }
    assert list(find_pictures(holiday / "out.tcz").files) == ["out.tcz"]  # it was asked for


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder, as any web space hands them out."""

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.mark.slow
@pytest.mark.skipif(bool(what_is_missing()), reason=str(what_is_missing()))
def test_the_page_in_a_browser(server: Server, holiday: Path, tmp_path: Path) -> None:
    page_folder = tmp_path / "page"
    with pytest.raises(SystemExit):
        main(["gallery", str(holiday), "-o", str(page_folder)])
    handler = functools.partial(Quiet, directory=str(page_folder))
    decoded = "/decoded in/.test(document.querySelector('#facts').textContent)"
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as plain, chromium() as browser:
        threading.Thread(target=plain.serve_forever, daemon=True).start()
        for url in (server.url, f"http://127.0.0.1:{plain.server_address[1]}/"):
            problems: list[str] = []
            context = browser.new_context(accept_downloads=True)
            page = context.new_page()
            page.on("pageerror", lambda e, problems=problems: problems.append(str(e)))
            page.on("console", lambda m, problems=problems: problems.append(m.text))
            page.goto(url)
            page.wait_for_function(f"() => crossOriginIsolated && {decoded}")
            assert page.title() == "one & only.tcz"
            assert page.locator("#list button").count() == 2
            pixels = "document.querySelector('#picture').toDataURL()"
            least = page.evaluate(pixels)
            page.keyboard.press("r")  # realism 1
            page.wait_for_function(f"() => {pixels} !== {json.dumps(least)}")
            page.keyboard.press("n")
            page.wait_for_function(f"() => document.title === 'zwei.tcz' && {decoded}")
            page.set_input_files("#originals", str(GOLDEN / "small-10.png"))
            page.wait_for_selector("#divider:visible")
            with page.expect_download() as download:
                page.keyboard.press("s")
            assert download.value.suggested_filename == "zwei.png"
            assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")
            if url != server.url:
                context.set_offline(True)
                page.reload()
                page.wait_for_function(f"() => {decoded}")
            page.set_input_files("#files", str(holiday / "damaged.tcz"))
            page.wait_for_function(
                "() => document.querySelector('#said').textContent.includes('not a .tcz file')"
            )
            assert problems == []
            context.close()
        plain.shutdown()
