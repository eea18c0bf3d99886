"""compress and decompress: single files, streams, folders, targets, refusals."""

from __future__ import annotations

import io
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tccodec.container import read
from tests.support.paths import ROOT, files_in
from tests.support.pictures import picture, saved
from tests.support.program import TINY, Run


def test_there_and_back(run: Run, photo: Path) -> None:
    there = run("compress", photo, *TINY)
    assert there.code == 0 and there.out == b""
    pattern = (
        r"\S+photo.png -> \S+photo.tcz: [\d.]+ \w+ -> [\d.]+ \w+, "
        r"[\d.]+ bpp, [\d.]+ MP/s, quality 50\n"
    )
    assert re.fullmatch(pattern, there.err)
    back = run("decompress", "photo.tcz", "-o", "back.png")
    assert back.code == 0 and "MP/s" in back.err
    with Image.open("back.png") as image:
        assert image.size == (60, 40) and image.mode == "RGB"


def test_default_output_of_decompress_is_png_beside(run: Run, packed: Path, photo: Path) -> None:
    photo.unlink()
    assert run("decompress", packed).code == 0
    with Image.open(photo) as image:
        assert image.format == "PNG"


@pytest.mark.parametrize(
    ("arguments", "name", "kind"),
    [
        (("-o", "x.jpg"), "x.jpg", "JPEG"),
        (("--format", "webp"), "photo.webp", "WEBP"),
        (("--format", "jpeg"), "photo.jpg", "JPEG"),
        (("-o", "odd.name", "--format", "tiff"), "odd.name", "TIFF"),
        (("-o", "new/", "--format", "bmp"), "new/photo.bmp", "BMP"),
    ],
)
def test_formats(run: Run, packed: Path, arguments: tuple[str, ...], name: str, kind: str) -> None:
    assert run("decompress", packed, *arguments).code == 0
    with Image.open(name) as image:
        assert image.format == kind


@pytest.mark.parametrize(
    "arguments",
    [
        *(("-o", "x.psd"), ("--format", "nonsense"), ("-o", "x.tcz")),
        *(("-o", "x.h5"), ("-o", "x.xbm"), ("--format", "wmf"), ("--format", "msp")),
    ],
)
def test_unknown_formats(run: Run, packed: Path, arguments: tuple[str, ...]) -> None:
    result = run("decompress", packed, *arguments, "-f")
    assert result.code == 2 and "cannot write the format" in result.err
    assert read(packed.read_bytes())


def test_standard_streams(run: Run, photo: Path) -> None:
    there = run("compress", "-", *TINY, stdin=photo.read_bytes())
    assert there.code == 0 and there.out.startswith(b"\x89TCZ")
    assert there.err.startswith("stdin -> stdout: ")
    back = run("decompress", "-", stdin=there.out)
    with Image.open(io.BytesIO(back.out)) as image:
        assert image.format == "PNG" and image.size == (60, 40)
    named = run("decompress", "-", "-o", "named.jpg", stdin=there.out)
    assert named.out == b"" and Path("named.jpg").stat().st_size > 0
    file_to_stdout = run("compress", photo, "-o", "-", *TINY)
    assert file_to_stdout.out == there.out
    assert run("compress", "-", *TINY, stdin=b"").code == 1


def test_stdin_from_a_file_may_be_recognised_by_later_bytes(tmp_path: Path) -> None:
    header = struct.pack("<III", 0x3ADE68B1, 1 << 17, 0)  # DCX: where its pages are
    path = tmp_path / "fax.dcx"
    path.write_bytes(header.ljust(1 << 17, b"\0") + saved(picture(), "PCX"))
    command = [sys.executable, ROOT / "cli.py", "compress", "-", "-o", "x.tcz", *TINY]
    with path.open("rb") as file:
        subprocess.run(command, cwd=tmp_path, stdin=file, check=True, timeout=120)
    assert read((tmp_path / "x.tcz").read_bytes()).width == 60


def test_terminals_are_not_fed_or_waited_for(
    run: Run, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import _NamedTextIOWrapper

    monkeypatch.setattr(_NamedTextIOWrapper, "isatty", lambda self: "err" not in self.name)
    result = run("compress", "-", "-o", "x.tcz", *TINY)
    assert result.code == 2 and "stdin is a terminal" in result.err
    result = run("compress", photo, "-o", "-", *TINY)
    assert result.code == 2 and "stdout a terminal" in result.err


def tree(root: Path) -> None:
    for i, name in enumerate(["a.png", "sub/b.jpg", "sub/deep/c.webp", ".hidden/d.png", ".e.png"]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        picture(i).save(root / name)
    (root / "sub" / "notes.txt").write_text("no picture")


def test_folders_are_mirrored_both_ways(run: Run, tmp_path: Path) -> None:
    tree(tmp_path / "in")
    there = run("compress", "in", "-r", "-o", "small", *TINY)
    assert there.code == 0
    assert there.err.startswith("3 pictures, 0.0 MP: ")
    assert "passed over: 1 file, not a picture: in/sub/notes.txt\n" in there.err
    assert "passed over: 2 files, hidden: in/.e.png, in/.hidden\n" in there.err
    assert files_in(tmp_path / "small") == ["a.tcz", "sub/b.tcz", "sub/deep/c.tcz"]
    assert run("decompress", "small", "-r", "-o", "back").code == 0
    assert files_in(tmp_path / "back") == ["a.png", "sub/b.png", "sub/deep/c.png"]
    assert run("verify", "-r", "small").code == 0


def test_folder_in_place(run: Run, tmp_path: Path) -> None:
    tree(tmp_path / "in")
    assert run("compress", "in", "--recursive", *TINY).code == 0
    assert (tmp_path / "in" / "sub" / "deep" / "c.tcz").is_file()


def test_a_folder_needs_recursive(run: Run, tmp_path: Path) -> None:
    tree(tmp_path / "in")
    result = run("compress", "in", *TINY)
    assert result.code == 1 and "-r walks it" in result.err
    (tmp_path / "empty").mkdir()
    result = run("compress", "empty", "-r", *TINY)
    assert result.code == 1 and "nothing to do" in result.err


def test_one_failure_does_not_stop_the_rest(run: Run, tmp_path: Path) -> None:
    picture(1).save(tmp_path / "good.png")
    picture(2).save(tmp_path / "last.png")
    (tmp_path / "bad.png").write_bytes(b"not a picture")
    result = run("compress", "bad.png", "gone.png", "good.png", "last.png", *TINY)
    assert result.code == 1
    assert files_in(tmp_path) == ["bad.png", "good.png", "good.tcz", "last.png", "last.tcz"]
    lines = result.err.splitlines()
    assert lines[0] == "tccodec: bad.png: it is not a picture that Pillow can read"
    assert lines[1] == "tccodec: gone.png: there is no such file"
    assert lines[2].startswith("2 pictures") and lines[3] == "2 of 4 failed"


def test_two_inputs_for_one_output(run: Run, tmp_path: Path) -> None:
    picture(1).save(tmp_path / "a.png")
    picture(2).save(tmp_path / "a.jpg")
    result = run("compress", "a.jpg", "a.png", *TINY)
    assert result.code == 1 and "a.tcz is already the output of a.jpg" in result.err
    assert files_in(tmp_path) == ["a.jpg", "a.png", "a.tcz"]


def test_existing_outputs_are_kept_without_force(run: Run, packed: Path, photo: Path) -> None:
    mine = packed.read_bytes() + b"mine"
    packed.write_bytes(mine)
    result = run("compress", photo, *TINY)
    assert result.code == 1 and "exists; -f replaces it" in result.err
    assert packed.read_bytes() == mine
    assert run("compress", photo, *TINY, "-f").code == 0
    assert packed.read_bytes() != mine


def test_input_is_never_its_own_output(run: Run, photo: Path) -> None:
    before, bare = photo.read_bytes(), photo.rename(photo.with_suffix(""))
    result = run("compress", bare, "-o", bare, "-f", *TINY)
    assert result.code == 1 and "same file" in result.err
    assert bare.read_bytes() == before


def test_nothing_is_left_behind_by_a_failed_write(
    run: Run, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = run("compress", photo, *TINY)
    assert result.code == 1 and result.err.endswith("photo.tcz: No space left on device\n")
    assert files_in(photo.parent) == ["photo.png"]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("-o", "file", "photo.png", "photo.png"), 2, "outputs need a folder"),
        (("-o", "-", "photo.png", "photo.png"), 2, "cannot share stdout"),
        (("-o", "file/x.tcz", "photo.png"), 1, "not a folder"),
    ],
)
def test_outputs_that_cannot_be(
    run: Run, photo: Path, arguments: tuple[str, ...], code: int, text: str
) -> None:
    Path("file").write_text("in the way")
    result = run("compress", *arguments, *TINY)
    assert result.code == code and text in result.err.lower()
    assert "Traceback" not in result.err


def test_preserve_times(run: Run, photo: Path) -> None:
    os.utime(photo, (1_000_000_000, 1_100_000_000))
    assert run("compress", photo, *TINY, "--preserve-times").code == 0
    assert photo.with_suffix(".tcz").stat().st_mtime == 1_100_000_000
    assert run("decompress", "photo.tcz", "-o", "b.png", "--preserve-times").code == 0
    assert Path("b.png").stat().st_mtime == 1_100_000_000


def test_outputs_have_ordinary_permissions(run: Run, packed: Path, photo: Path) -> None:
    assert packed.stat().st_mode == photo.stat().st_mode


def test_size_and_bpp(run: Run, tmp_path: Path) -> None:
    picture(3, size=(300, 200)).save(tmp_path / "p.png")
    bounds = []
    for quality in ("0", "100"):
        assert run("compress", "p.png", "-q", quality, "-f", "--lossy", *TINY).code == 0
        bounds.append(Path("p.tcz").stat().st_size)
    goal = int((bounds[0] * bounds[1]) ** 0.5)
    assert run("compress", "p.png", "--size", f"{goal / 1000}KB", "-f", "--lossy", *TINY).code == 0
    assert goal * 0.97 <= Path("p.tcz").stat().st_size <= goal
    bpp = goal * 8 / 60_000
    assert run("compress", "p.png", "--bpp", str(bpp), "-f", "--lossy", *TINY).code == 0
    assert goal * 0.98 <= Path("p.tcz").stat().st_size <= goal
    result = run("compress", "p.png", "--size", "5", "-f", *TINY)
    assert result.code == 1 and f"at least {bounds[0]} bytes" in result.err
    result = run("compress", "p.png", "--psnr", "95", "-f", *TINY)
    assert result.code == 0 and "95 dB asked, but no more than" in result.err


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("-q", "50", "--bpp", "1"), 2, "not quality and bpp together"),
        (("-q", "120"), 2, "not a number from 0 to 100"),
        (("-q", "high"), 2, "not a number from 0 to 100"),
        (("--size", "20 apples"), 2, "write 20000, 20KB or 20KiB"),
        (("--device", "tpu"), 2, "tpu"),
        (("--threads", "0"), 2, "threads"),
        (("--model", "nothing"), 2, "no model 'nothing'"),
        (("--max-megapixels", "0.001"), 1, "above the limit"),
    ],
)
def test_wrong_options(
    run: Run, photo: Path, arguments: tuple[str, ...], code: int, text: str
) -> None:
    result = run("compress", photo, *TINY, *arguments)
    assert result.code == code and text in result.err
    assert files_in(photo.parent) == ["photo.png"]


def test_verify_option_and_json(run: Run, photo: Path) -> None:
    result = run("compress", photo, *TINY, "--verify", "--json", "-q", "70", "-Q")
    assert result.err == ""
    [found] = result.json()
    assert found["input"] == str(photo) and found["output"] == str(photo.with_suffix(".tcz"))
    assert found["output_bytes"] == photo.with_suffix(".tcz").stat().st_size
    assert found["bpp"] == pytest.approx(found["output_bytes"] * 8 / 2400, abs=1e-6)
    assert (found["width"], found["height"], found["quality"]) == (60, 40, 70)
    assert 5 < found["psnr"] <= 100 and found["seconds"] > 0


def test_verify_option_refuses_what_does_not_come_back(
    run: Run, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tccodec.coding import attempts

    monkeypatch.setattr(attempts, "sections_of", lambda picture: iter(()))
    image = picture()
    image.putalpha(100)
    image.save("alpha.png")
    result = run("compress", "alpha.png", *TINY, "--verify")
    assert result.code == 1 and "verification failed, nothing written" in result.err
    assert not Path("alpha.tcz").exists()


def test_json_of_a_failure(run: Run) -> None:
    result = run("compress", "gone.png", "--json", *TINY)
    assert result.code == 1
    assert result.json() == [
        {"input": "gone.png", "output": "gone.tcz", "error": "there is no such file"}
    ]


def test_json_and_data_do_not_share_stdout(run: Run, photo: Path, packed: Path) -> None:
    for command, source in (("compress", photo), ("decompress", packed)):
        result = run(command, source, "-o", "-", "--json", *TINY)
        assert result.code == 2 and "both want stdout" in result.err and result.out == b""


def test_verbose_says_what_was_converted(run: Run, tmp_path: Path) -> None:
    picture().convert("CMYK").save(tmp_path / "c.tiff")
    result = run("compress", "c.tiff", "-v", *TINY)
    assert "c.tiff: CMYK converted to RGB without an ICC profile" in result.err
    image = picture()
    image.putalpha(Image.fromarray(np.full((40, 60), 9, np.uint8)))
    image.save(tmp_path / "a.png")
    assert run("compress", "a.png", *TINY, "-Q").code == 0
    result = run("decompress", "a.tcz", "-o", "a.jpg", "-v")
    assert "put on white" in result.err


def test_quiet_says_nothing(run: Run, photo: Path) -> None:
    result = run("compress", photo, *TINY, "--quiet")
    assert (result.code, result.out, result.err) == (0, b"", "")


def test_part_of_a_picture(run: Run, packed: Path) -> None:
    assert run("decompress", packed, "-o", "all.png").code == 0
    assert run("decompress", packed, "-o", "part.png", "--region", "10,5,30,20").code == 0
    with Image.open("all.png") as whole, Image.open("part.png") as part:
        assert part.size == (30, 20)
        wanted = np.asarray(whole.crop((10, 5, 40, 25))).astype(int)
        assert np.abs(np.asarray(part) - wanted).max() <= 1
    assert run("decompress", packed, "-o", "small.png", "--scale", "1/4").code == 0
    with Image.open("small.png") as small:
        assert small.size == (15, 10)


def test_two_looks(run: Run, packed: Path) -> None:
    assert run("decompress", packed, "-o", "least.png").code == 0
    result = run("decompress", packed, "-o", "real.png", "--realism", "1", "--json")
    assert result.code == 0 and result.json()[0]["realism"] == 1
    assert Path("least.png").read_bytes() != Path("real.png").read_bytes()
    assert run("decompress", packed, "--realism", "2").code == 2


def test_no_such_part(run: Run, packed: Path) -> None:
    result = run("decompress", packed, "-o", "part.png", "--region", "50,0,20,20")
    assert result.code == 1 and "not inside the picture of 60 x 40 pixels" in result.err
    assert not Path("part.png").exists()
    for typed in ("1,2,3", "a,0,1,1", "1,2,3,-4"):
        result = run("decompress", packed, "--region", typed)
        assert result.code == 2 and "write left,top,width,height" in result.err
