"""Whole runs: what they compute, what they keep, how they end."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tccodec.errors import BadOption
from tccodec.report import (
    BadFolder,
    NoPictures,
    Report,
    UnknownCodec,
    UnknownMetric,
    run,
)
from tccodec.report.curves import complete_pictures
from tests.support.backbones import needs_backbones
from tests.support.paths import ROOT
from tests.support.pictures import picture
from tests.support.report import QUICK, SlowCodec

FAST: dict[str, Any] = QUICK | {"show": 2}


class Heard:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.phases: list[str] = []
        self.remarks: list[str] = []
        self.interrupt_after: int | None = None
        self.done = 0

    def phase(self, title: str, total: float, done: float) -> None:
        self.phases.append(title)
        assert 0 <= done <= total

    def advance(self, amount: float, note: str) -> None:
        self.done += self.phases[-1].startswith("Coding")
        if self.interrupt_after is not None and self.done >= self.interrupt_after:
            raise KeyboardInterrupt

    def say(self, text: str) -> None:
        self.remarks.append(text)


@pytest.fixture(scope="module")
def finished(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    out = tmp_path_factory.mktemp("out") / "r"
    return run(folder, out, **(FAST | {"metrics": ["psnr", "ms-ssim", "lpips"]}))


def test_records_are_flat_and_complete(finished: Report) -> None:
    assert finished.complete
    assert len(finished.records) == 3 * 2 * 4 == finished.computed
    assert finished.failures == finished.unreadable == []
    for r in finished.records:
        assert r["bpp"] == pytest.approx(8 * r["bytes"] / (r["width"] * r["height"]))
        assert set(r) == set(finished.field_descriptions())
        assert 15 < r["psnr"] < 60
        assert 0 < r["ms-ssim"] < 1
    assert complete_pictures(finished.records, ["webp", "jpeg"]) == {"p0.png", "p1.png", "p2.png"}


def test_bytes_are_those_of_the_real_file(finished: Report, folder: Path) -> None:
    record = next(r for r in finished.records if r["codec"] == "jpeg" and r["picture"] == "p1.png")
    image = Image.open(folder / "p1.png").convert("RGB")
    from tccodec.report.codecs.catalogue import find_peer

    assert len(find_peer("jpeg").encode(image, record["quality"])) == record["bytes"]


def test_pandas_takes_the_records(finished: Report) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(finished.records)
    assert frame.groupby(["codec", "quality"]).bpp.mean().shape == (8,)
    assert frame.psnr.dtype == float


def test_summary(finished: Report) -> None:
    summary = finished.summary
    assert summary.anchor == "jpeg"
    assert summary.focus == "webp"
    own = summary.bd["psnr"]["jpeg"]["rate"]
    assert own.value == pytest.approx(0)
    assert own.overlap == 1
    found = summary.bd["psnr"]["webp"]["rate"]
    assert -80 < found.value < 200
    assert found.interval
    assert found.interval[0] < found.value < found.interval[1]
    assert all(0.2 < by_codec["webp"] < 3 for by_codec in summary.ratios["psnr"].values())
    point = summary.curves["jpeg"][0]
    records = [r for r in finished.records if r["codec"] == "jpeg"]
    lowest = [r for r in records if r["quality"] == point.quality]
    pixels = [r["width"] * r["height"] for r in lowest]
    weighed = sum(r["psnr"] * p for r, p in zip(lowest, pixels, strict=True)) / sum(pixels)
    assert point.scores["psnr"] == pytest.approx(weighed)
    assert point.total_bytes == sum(r["bytes"] for r in lowest)
    assert point.bpp == pytest.approx(8 * point.total_bytes / sum(pixels))
    saving = next(iter(summary.savings["psnr"]["jpeg"].values()))["jpeg"]
    assert saving.bytes == saving.reference_bytes


def test_files(finished: Report) -> None:
    out = finished.out
    assert out
    assert {p.name for p in out.iterdir()} == {
        "report.html",
        "curves.svg",
        "curves.png",
        "results.csv",
        "results.json",
        "summary.csv",
        "store",
    }
    data = json.loads((out / "results.json").read_text())
    assert data["schema"] == "tccodec-report/2"
    assert len(data["records"]) == 24
    assert set(data["records"][0]) == set(data["field_descriptions"])
    assert data["codecs"][0]["encoding_cmd"].startswith("image.save")
    assert data["environment"]["libraries"]["pillow"]
    assert data["constants"]["anchor"] == "jpeg"
    lines = (out / "results.csv").read_text().splitlines()
    assert len(lines) == 25
    assert lines[0].startswith("picture,codec,quality")
    assert Image.open(io.BytesIO((out / "curves.png").read_bytes())).width > 800
    assert (out / "curves.svg").read_text().startswith("<svg")


def test_second_run_computes_nothing_and_new_metrics_join(folder: Path, tmp_path: Path) -> None:
    first = run(folder, tmp_path / "r", **FAST)
    again = run(folder, tmp_path / "r", **FAST)
    assert (again.computed, again.reused) == (0, 24)
    assert again.records == first.records
    extended = run(folder, tmp_path / "r", **(FAST | {"metrics": ["psnr", "ssim"]}))
    assert extended.computed == 24
    assert [r["psnr"] for r in extended.records] == [r["psnr"] for r in first.records]
    fewer = run(folder, tmp_path / "r", **(FAST | {"metrics": ["ssim"]}))
    assert fewer.computed == 0
    # the viewer's pictures come back if somebody has removed them
    shutil.rmtree(tmp_path / "r" / "store" / "blobs")
    again = run(folder, tmp_path / "r", **FAST)
    assert again.computed == 0
    assert again.shown == first.shown != []
    # other qualities: only the new ones are computed
    wide = run(folder, tmp_path / "r", **(FAST | {"qualities": "jpeg=5,95,50"}))
    assert wide.reused == 12 + 6


def test_content_decides_not_the_name(folder: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(folder, photos)
    run(photos, tmp_path / "r", **FAST)
    (photos / "p0.png").rename(photos / "renamed.png")
    picture(77, size=(192, 192)).save(photos / "p1.png")
    again = run(photos, tmp_path / "r", **FAST)
    assert again.computed == 8, "only the picture that changed"
    assert {p.name for p in again.pictures} == {"p1.png", "p2.png", "renamed.png"}


def test_without_out_nothing_is_written(folder: Path, tmp_path: Path) -> None:
    before = os.listdir(folder)
    report = run(folder, **FAST)
    assert report.out is None
    assert len(report.records) == 24
    assert os.listdir(folder) == before


def test_interrupt_leaves_a_valid_partial_report(folder: Path, tmp_path: Path) -> None:
    heard = Heard()
    heard.interrupt_after = 11
    partial = run(folder, tmp_path / "r", progress=heard, **FAST)
    assert not partial.complete
    # the eleventh point was interrupted before it was kept
    assert len(partial.records) == 10
    assert partial.summary.pictures == 1, "means over the one picture that has every point"
    assert "unfinished" in (tmp_path / "r" / "report.html").read_text()
    assert not json.loads((tmp_path / "r" / "results.json").read_text())["complete"]
    rest = run(folder, tmp_path / "r", **FAST)
    assert rest.complete
    assert (rest.reused, rest.computed) == (10, 14)


def command(folder: Path, out: Path, slow: SlowCodec) -> list[str]:
    arguments = ["--codecs", "jpeg", "--anchor", "jpeg", "--points", "4", "--metrics", "psnr"]
    arguments += ["--jobs", "2", "--show", "0", "--external", slow.line, "--json"]
    return [sys.executable, str(ROOT / "cli.py"), "report", str(folder), "-o", str(out), *arguments]


def wait_until(done: Callable[[], bool]) -> None:
    """Return as soon as it is so; fail after two minutes."""
    deadline = time.monotonic() + 120
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stored_points(out: Path) -> int:
    path = out / "store" / "points.jsonl"
    return path.read_text().count('"encode_s"') if path.exists() else 0


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs kill -9 and /proc")
def test_kill_in_the_middle_computes_nothing_twice(
    folder: Path, tmp_path: Path, slow_codec: SlowCodec
) -> None:
    out = tmp_path / "r"
    mark = {"MARK_OF_THIS_RUN": str(out)}  # its workers inherit it
    child = subprocess.Popen(
        command(folder, out, slow_codec), stdout=subprocess.DEVNULL, env=os.environ | mark
    )
    wait_until(lambda: stored_points(out) >= 9)
    child.kill()
    child.wait()
    wait_until(lambda: not running_with(mark))  # the workers notice that their parent is gone
    kept = stored_points(out)
    assert 9 <= kept < 24
    done = subprocess.run(command(folder, out, slow_codec), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    result = json.loads(done.stdout)
    assert result["complete"]
    assert result["points"] == {"computed": 24 - kept, "reused": kept}
    calls = slow_codec.calls()
    twice = [call for call, n in Counter(calls).items() if n > 1]
    assert len(twice) == len(calls) - 12 <= 2, "at most the points that two workers had in hand"


def running_with(mark: dict[str, str]) -> bool:
    """Whether a process lives that was started with these environment variables."""
    wanted = {f"{name}={value}".encode() for name, value in mark.items()}
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if wanted <= set(entry.read_bytes().split(b"\0")):
                return True
    return False


def heed_ctrl_c() -> None:
    """Background jobs of a shell ignore SIGINT, and their children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is sent otherwise on Windows")
def test_ctrl_c_ends_with_a_report(folder: Path, tmp_path: Path, slow_codec: SlowCodec) -> None:
    out = tmp_path / "r"
    child = subprocess.Popen(
        command(folder, out, slow_codec),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heed_ctrl_c,
    )
    wait_until(lambda: stored_points(out) >= 6)
    child.send_signal(signal.SIGINT)
    output, errors = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "interrupted; the report so far is written" in errors
    assert "Traceback" not in errors
    result = json.loads(output)
    assert not result["complete"]
    assert 6 <= len(result["records"]) < 24
    assert (out / "report.html").stat().st_size > 10_000


def test_unreadable_pictures_are_listed(folder: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(folder, photos)
    (photos / "broken.jpg").write_bytes(b"no picture")
    data = (photos / "p0.png").read_bytes()
    (photos / "cut.png").write_bytes(data[: len(data) // 2])
    (photos / "notes.txt").write_text("not looked at")
    (photos / ".hidden.png").write_bytes(b"")
    heard = Heard()
    report = run(photos, tmp_path / "r", progress=heard, **FAST)
    assert sorted(u["picture"] for u in report.unreadable) == ["broken.jpg", "cut.png"]
    assert len(report.records) == 24
    assert str(tmp_path) not in json.dumps(report.as_dict())
    assert any("broken.jpg" in r for r in heard.remarks)


def test_odd_pictures(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    picture(1, size=(40, 30)).convert("L").save(photos / "grey.png")
    picture(2, size=(40, 30)).convert("P").save(photos / "palette.gif")
    rgba = picture(3, size=(40, 30))
    rgba.putalpha(128)
    rgba.save(photos / "alpha.png")
    picture(4, size=(40, 30)).convert("CMYK").save(photos / "cmyk.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(5, size=(40, 30)).save(photos / "turned.jpg", exif=exif)
    Image.new("I;16", (40, 30), 40_000).save(photos / "deep.png")
    picture(6, size=(1, 1)).save(photos / "one.png")
    report = run(photos, tmp_path / "r", **(FAST | {"metrics": ["psnr", "ms-ssim"]}))
    assert report.unreadable == report.failures == []
    turned = next(p for p in report.pictures if p.name == "turned.jpg")
    assert (turned.width, turned.height) == (30, 40)
    assert all(r["ms-ssim"] is None for r in report.records)
    assert "ms-ssim" not in report.summary.curves["jpeg"][0].scores
    assert "NaN" not in (tmp_path / "r" / "results.json").read_text()


def test_failing_codec_costs_its_points_only(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "moody.py"
    script.write_text(
        "import sys\nfrom PIL import Image\nimage = Image.open(sys.argv[2])\n"
        "if sys.argv[1] == 'enc' and image.width > 200: sys.exit('too wide')\n"
        "if sys.argv[1] == 'enc': image.save(sys.argv[3], 'JPEG', quality=int(sys.argv[4]))\n"
        "else: image.save(sys.argv[3], 'PNG')\n"
    )
    call = f"'{sys.executable}' '{script}'"
    line = f"moody={call} enc {{in}} {{out}} {{q}} ; {call} dec {{in}} {{out}}"
    options = FAST | {"codecs": ["jpeg"], "external": [line]}
    report = run(folder, tmp_path / "r", **options)
    assert report.complete
    assert {(f["picture"], f["codec"]) for f in report.failures} == {("p0.png", "moody")}
    assert len(report.failures) == 4
    assert "too wide" in report.failures[0]["reason"]
    assert report.summary.pictures == 2
    assert any("2 of 3 pictures" in n for n in report.summary.notes)


def test_crash_of_a_worker_costs_one_point(folder: Path, tmp_path: Path) -> None:
    from tccodec.report.work.pictures import identify
    from tccodec.report.work.pool import Pool
    from tccodec.report.work.tasks import Failure, PictureRead, ReadPicture

    picture = identify(folder, folder / "p0.png")
    with Pool(1, externals=[], backbones=None) as pool:

        def read() -> PictureRead | Failure:
            return next(pool.run([ReadPicture(picture=picture, key="", features=[])]))[1]

        first = read()
        assert isinstance(first, PictureRead) and first.width == 208
        os.kill(pool._processes[0].pid, signal.SIGKILL)
        failed = read()
        assert isinstance(failed, Failure) and "died" in failed.reason
        assert read() == first, "a new worker takes over"


def test_model_takes_part(tiny_model_dir: Path, folder: Path, tmp_path: Path) -> None:
    options = FAST | {"codecs": [str(tiny_model_dir), "jpeg"], "points": 2}
    report = run(folder, tmp_path / "r", **options)
    assert report.summary.focus == "tiny", "a tccodec model is what the report is about"
    assert len([r for r in report.records if r["codec"] == "tiny"]) == 6
    assert report.failures == []


@needs_backbones
def test_set_metric(folder: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    picture(1, size=(500, 300)).save(photos / "a.png")
    picture(2, size=(300, 500)).save(photos / "b.png")
    options = FAST | {"metrics": ["frechet-effnet"], "points": 3}
    report = run(photos, tmp_path / "r", **options)
    distances = [p.scores["frechet-effnet"] for p in report.summary.curves["jpeg"]]
    assert distances == sorted(distances, reverse=True), "less distortion, less distance"
    again = run(photos, tmp_path / "r", **options)
    assert again.computed == 0


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"codecs": ["jepg"]}, UnknownCodec, "did you mean jpeg"),
        ({"metrics": ["psnrr"]}, UnknownMetric, "did you mean psnr"),
        ({"anchor": "vvc"}, UnknownCodec, "no codec called 'vvc'"),
        ({"qualities": "ten"}, BadOption, "use numbers with commas"),
        ({"qualities": "jpeg=101"}, BadOption, "not a whole number from 0 to 100"),
        ({"qualities": "jpeg=10.5"}, BadOption, "not a whole number"),
        ({"qualities": "vvc=10"}, UnknownCodec, "not among the codecs"),
        ({"qualities": ","}, BadOption, "names no quality"),
    ],
)
def test_bad_options(change: Any, error: Any, sentence: str, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(error, match=sentence):
        run(folder, tmp_path / "r", **(FAST | change))
    assert not (tmp_path / "r").exists(), "nothing is made before the options are understood"


def test_bad_folders(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadFolder, match="there is no folder"):
        run(tmp_path / "nowhere", tmp_path / "r", **FAST)
    with pytest.raises(BadFolder, match="is a file"):
        run(folder / "p0.png", tmp_path / "r", **FAST)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(NoPictures, match="--recursive"):
        run(empty, tmp_path / "r", **FAST)
    (empty / "a.jpg").write_bytes(b"nothing")
    with pytest.raises(NoPictures, match=r"no picture in .* can be read"):
        run(empty, tmp_path / "r", **FAST)
    with pytest.raises(BadFolder, match="is a file; -o takes a folder"):
        run(folder, folder / "p0.png", **FAST)
    with pytest.raises(BadFolder, match="holds other things"):
        run(folder, folder, **FAST)


def test_recursive_skips_the_report_itself(folder: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    shutil.copytree(folder, photos / "deep" / "er")
    with pytest.raises(NoPictures):
        run(photos, photos / "r", **FAST)
    report = run(photos, photos / "r", recursive=True, **FAST)
    assert report.pictures[0].name == "deep/er/p0.png"
    again = run(photos, photos / "r", recursive=True, **FAST)
    assert len(again.pictures) == 3
    assert len(run(photos, recursive=True, limit=1, **FAST).pictures) == 1
