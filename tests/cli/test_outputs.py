"""Outputs: what is replaced, what is kept, and what a path may be."""

from __future__ import annotations

import ctypes
import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from PIL import Image

from tccodec.cli.jobs import Job
from tccodec.cli.outputs import Outputs
from tccodec.errors import OutputExists
from tests.support.paths import ROOT, files_in
from tests.support.pictures import picture
from tests.support.program import TINY, Run


@pytest.mark.parametrize("force", [(), ("-f",)])
def test_the_original_beside_a_file_is_never_replaced(
    run: Run, packed: Path, photo: Path, force: tuple[str, ...]
) -> None:
    before = photo.read_bytes()
    assert run("decompress", packed, *force).code == 0
    assert photo.read_bytes() == before
    with Image.open("photo.decoded.png") as image:
        assert image.size == (60, 40)
    again = run("decompress", packed)
    assert again.code == 1 and "photo.decoded.png exists; -f replaces it" in again.err
    assert run("decompress", packed, "-f", "--realism", "1").code == 0
    assert photo.read_bytes() == before
    assert files_in(photo.parent) == ["photo.decoded.png", "photo.png", "photo.tcz"]


def test_decompressing_twice_makes_no_second_picture(run: Run, packed: Path, photo: Path) -> None:
    photo.unlink()
    assert run("decompress", packed).code == 0
    again = run("decompress", packed)
    assert again.code == 0 and again.err.endswith(", unchanged\n")
    assert files_in(photo.parent) == ["photo.png", "photo.tcz"]


def test_the_original_is_replaced_where_that_is_said(run: Run, packed: Path, photo: Path) -> None:
    before = photo.read_bytes()
    assert run("decompress", packed, "--overwrite-originals").code == 0
    assert photo.read_bytes() != before
    assert files_in(photo.parent) == ["photo.png", "photo.tcz"]


def test_compress_replaces_none_of_another_programs_files(run: Run, photo: Path) -> None:
    other = photo.with_suffix(".tcz")
    other.write_bytes(b"hsqs, a package of another program")
    result = run("compress", photo, "-f", *TINY)
    assert result.code == 1 and "not one of this program's files" in result.err
    assert "-f" not in result.err and other.read_bytes().startswith(b"hsqs")
    assert run("compress", photo, "-f", "-o", other, *TINY).code == 0


@pytest.mark.parametrize("force", [(), ("-f",)])
def test_devices_and_pipes_are_written_not_replaced(
    run: Run, packed: Path, photo: Path, force: tuple[str, ...]
) -> None:
    os.mkfifo("pipe")
    for command, source in (("compress", photo), ("decompress", packed)):
        options = TINY if command == "compress" else ("--format", "png")
        got: list[bytes] = []
        reader = threading.Thread(target=lambda got=got: got.append(Path("pipe").read_bytes()))
        reader.start()
        assert run(command, source, "-o", "pipe", *force, *options).code == 0
        reader.join()
        assert got[0][:4] in (b"\x89TCZ", b"\x89PNG") and stat.S_ISFIFO(os.stat("pipe").st_mode)
        Path("null").unlink(missing_ok=True)
        Path("null").symlink_to(os.devnull)
        assert run(command, source, "-o", "null", *force, *options).code == 0
        assert Path("null").is_symlink() and stat.S_ISCHR(os.stat(os.devnull).st_mode)
        result = run(command, source, "-o", "/dev/full", *force, *options)
        assert result.code == 1
        assert result.err == "tccodec: /dev/full: No space left on device\n"


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="needs /dev/fd")
@pytest.mark.parametrize("command", ["compress", "decompress"])
def test_no_output_is_written_beside_a_stream(
    run: Run, photo: Path, packed: Path, command: str
) -> None:
    with open(photo if command == "compress" else packed, "rb") as file:
        name = f"/dev/fd/{file.fileno()}"
        result = run(command, name, "--device", "cpu")
        assert result.code == 1
        assert f"{name}: no output can be written beside a stream; -o names one" in result.err
        assert run(command, name, "-o", "x/", "--device", "cpu").code == 0


def test_a_link_as_output_stays_a_link(run: Run, photo: Path) -> None:
    Path("elsewhere").mkdir()
    Path("elsewhere/old.tcz").write_bytes(b"old")
    Path("link.tcz").symlink_to("elsewhere/old.tcz")
    assert run("compress", photo, "-o", "link.tcz", *TINY).code == 1
    assert run("compress", photo, "-o", "link.tcz", "-f", *TINY).code == 0
    assert Path("link.tcz").is_symlink() and Path("elsewhere/old.tcz").read_bytes() != b"old"


def test_private_pictures_stay_private(run: Run, photo: Path) -> None:
    photo.chmod(0o600)
    assert run("compress", photo, *TINY).code == 0
    assert stat.S_IMODE(os.stat("photo.tcz").st_mode) == 0o600
    assert run("decompress", "photo.tcz", "-o", "back.png").code == 0
    assert stat.S_IMODE(os.stat("back.png").st_mode) == 0o600
    os.chmod("photo.tcz", 0o640)
    assert run("compress", photo, "-f", *TINY).code == 0
    assert stat.S_IMODE(os.stat("photo.tcz").st_mode) == 0o640


def test_long_names_of_wide_characters(run: Run, tmp_path: Path) -> None:
    name = "写" * 83
    picture().save(f"{name}.png")
    assert run("compress", f"{name}.png", *TINY).code == 0
    assert run("decompress", f"{name}.tcz", "-o", f"{name}.jpg").code == 0


def test_output_folders_with_a_dot_in_their_name(run: Run, packed: Path) -> None:
    Path("in").mkdir()
    packed.rename("in/a.tcz")
    assert run("decompress", "in", "-r", "-o", "Trip 2024.07").code == 0
    assert files_in(Path("Trip 2024.07")) == ["a.png"]
    Path("in/b.tcz").write_bytes(Path("in/a.tcz").read_bytes())
    assert run("decompress", "in/a.tcz", "in/b.tcz", "-o", "out.v2").code == 0
    assert files_in(Path("out.v2")) == ["a.png", "b.png"]
    one = run("decompress", "in/a.tcz", "-o", "out.v3")
    assert one.code == 2 and "a folder's name ends with /" in one.err


def test_two_inputs_do_not_make_a_folder_named_like_a_file(run: Run, packed: Path) -> None:
    picture().save("other.png")
    Path("other.tcz").write_bytes(packed.read_bytes())
    for line in (
        "compress photo.png other.png -o out.tcz",
        "decompress other.tcz photo.tcz -o o.PNG",
    ):
        result = run(*line.split())
        assert result.code == 2 and "is the name of a file" in result.err
    assert run("decompress", "other.tcz", packed, "-o", "o.png/").code == 0


def _without_privileges() -> None:
    """Take from root the right to write where nobody may; for a new process."""
    prctl = ctypes.CDLL(None).prctl
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's capabilities")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("-o", "closed/new"), [f"closed/new/{i}.tcz: Permission denied" for i in range(2)]),
        (
            ("-o", "in/0.png/new"),
            [f"in/0.png/new/{i}.tcz: 0.png is not a folder" for i in range(2)],
        ),
        (("-o", "open", "--resume", "closed/list"), ["closed/list: Permission denied"]),
    ],
)
def test_where_nothing_can_be_written_is_found_before_the_work(
    tmp_path: Path, options: tuple[str, ...], said: list[str]
) -> None:
    for name in ("in", "closed"):
        (tmp_path / name).mkdir()
    for i in range(2):
        picture(i).save(tmp_path / f"in/{i}.png")
    (tmp_path / "closed").chmod(0o555)
    code = (
        "import sys; from tccodec.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: assert 'tccodec.api' not in sys.modules  # no model was loaded\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, "compress", "in", "-r", *options],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=_without_privileges,
    )
    assert result.returncode == 1
    lines = [f"tccodec: {text}" for text in said]
    assert result.stderr.splitlines()[: len(lines)] == lines, result.stderr
    assert files_in(tmp_path) == ["in/0.png", "in/1.png"] and not (tmp_path / "open").exists()


def test_an_input_that_cannot_be_looked_at_stops_no_other(run: Run, photo: Path) -> None:
    assert run("compress", photo, *TINY).code == 0
    result = run("compress", f"{'a' * 300}.png", photo, "-f", "--json", *TINY)
    assert result.code == 1
    assert [line.get("error") for line in result.json()] == ["File name too long", None]


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("names", [("a", "a.decoded"), ("a.decoded", "a")])
def test_a_decoded_name_is_not_that_of_another_output(
    run: Run, photo: Path, names: tuple[str, str], jobs: str
) -> None:
    assert run("compress", "photo.png", "-o", "a.tcz", *TINY).code == 0
    shutil.copy("a.tcz", "a.decoded.tcz")
    Path("a.png").write_text("mine")
    files = [f"{name}.tcz" for name in names]
    result = run("decompress", *files, "-f", "--jobs", jobs, *TINY)
    assert result.code == 1
    assert "a.decoded.png is the output of a.decoded.tcz" in result.err
    assert Path("a.png").read_text() == "mine" and Path("a.decoded.png").is_file()


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_two_links_to_one_file_that_is_not_there_are_one_output(
    run: Run, packed: Path, jobs: str
) -> None:
    for name in ("a", "b"):
        shutil.copy(packed, f"{name}.tcz")
        picture().save(f"{name}.bmp")
        for suffix in ("png", "tcz"):
            (packed.parent / "out").mkdir(exist_ok=True)
            Path(f"out/{name}.{suffix}").symlink_to(f"../one.{suffix}")
    for line in ("decompress a.tcz b.tcz", "compress a.bmp b.bmp --model tiny"):
        result = run(*line.split(), "-o", "out", "-f", "--jobs", jobs, "--device", "cpu")
        suffix, other = ("png", "a.tcz") if line.startswith("d") else ("tcz", "a.bmp")
        assert result.code == 1
        text = f"out/b.{suffix} is already the output of {other}; -o with this input alone names"
        assert text in result.err and Path(f"one.{suffix}").is_file()
        assert "1 of 2 failed" in result.err


def test_a_linked_folder_holds_the_outputs_of_another(run: Run, packed: Path) -> None:
    for name in ("x", "y"):
        Path("in", name).mkdir(parents=True)
        shutil.copy(packed, f"in/{name}/a.tcz")
    Path("out/x").mkdir(parents=True)
    Path("out/y").symlink_to("x")
    result = run("decompress", "in", "-r", "-o", "out", "-f", "--jobs", "2", "--device", "cpu")
    assert result.code == 1 and files_in(Path("out")) == ["x/a.png"]
    assert "in/y/a.tcz: out/y/a.png is already the output of in/x/a.tcz" in result.err


def test_a_file_that_is_named_twice_through_a_linked_folder_is_coded_once(
    run: Run, packed: Path, photo: Path
) -> None:
    photo.unlink()
    Path("here").symlink_to(".")
    result = run("decompress", packed, "here/photo.tcz", "--device", "cpu")
    assert result.code == 0 and "1 file, named twice: here/photo.tcz" in result.err


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_two_decoded_names_that_are_links_to_one_file(run: Run, packed: Path, jobs: str) -> None:
    for name in ("a", "b"):
        shutil.copy(packed, f"{name}.tcz")
        Path(f"{name}.png").write_text("mine")
        Path(f"{name}.decoded.png").symlink_to("one.png")
    result = run("decompress", "a.tcz", "b.tcz", "-f", "--jobs", jobs, "--device", "cpu")
    assert result.code == 1 and Path("one.png").is_file()
    assert "b.tcz: b.decoded.png is the output of a.tcz; -o with" in result.err
    Path("one.png").unlink()
    assert run("decompress", "b.tcz", "-f", "--device", "cpu").code == 0
    assert Path("one.png").is_file() and Path("b.png").read_text() == "mine"


def test_a_file_that_gets_the_inode_of_another_is_not_that_file(tmp_path: Path) -> None:
    """As when another process replaces the same outputs at the same time."""
    jobs = [Job(tmp_path / f"{name}.png", tmp_path / f"{name}.tcz") for name in "abc"]
    targets = [job.target for job in jobs if isinstance(job.target, Path)]
    for path in targets:
        path.write_bytes(b"older")
        path.with_suffix(".png").touch()
    outputs = Outputs(jobs, force=True, skip_existing=False, preserve_times=False)
    first, second, third = targets
    outputs.write(outputs.settle(jobs[0]), b"ours", None)
    for old, new in ((second, third), (first, second)):
        old.write_bytes(b"of the other process")
        old.replace(new)
    assert [outputs.settle(job) for job in jobs[1:]] == jobs[1:]
    os.link(third, first)
    again = Outputs(jobs, force=True, skip_existing=False, preserve_times=False)
    again.settle(jobs[0])
    with pytest.raises(OutputExists, match=r"c\.tcz is .*a\.tcz under another name"):
        again.settle(jobs[2])
