"""Folders as people have them: pictures, other files, and names that clash."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tccodec.cli.jobs import Job, Plan
from tccodec.cli.reporter import FinishedJob, Messages, Reporter
from tccodec.container import TczFile
from tests.support.paths import files_in
from tests.support.pictures import picture
from tests.support.program import TINY, Run

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)


def mixed(folder: Path) -> None:
    """Pictures under right, wrong and unknown names, and much that is none."""
    folder.mkdir()
    picture(1).save(folder / "a.jpg")
    picture(2).save(folder / "b.mpo", "JPEG")
    picture(3).save(folder / "c.dat", "PNG")
    (folder / "IMG_1.HEIC").write_bytes(HEIC)
    (folder / "IMG_2.HEIC").write_bytes(HEIC)
    (folder / "clip.mpg").write_bytes(b"\0\0\1\xba" + bytes(100))
    (folder / "logo.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")
    (folder / "notes.txt").write_text("no picture")
    (folder / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(100))
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")


def test_every_file_of_a_folder_is_coded_or_named_with_a_reason(run: Run, tmp_path: Path) -> None:
    mixed(tmp_path / "in")
    result = run("compress", "in", "-r", "-o", "out", *TINY)
    assert files_in(tmp_path / "out") == ["a.tcz", "b.tcz", "c.tcz"]
    assert result.code == 1  # two pictures were not coded
    assert result.err.splitlines()[0].startswith("3 pictures, ")
    assert result.err.splitlines()[1:] == [
        "passed over: 1 file, PostScript is not supported: in/logo.eps",
        "passed over: 1 file, hidden: in/.DS_Store",
        "passed over: 2 files, not a picture: in/Thumbs.db, in/notes.txt",
        "passed over: 1 file, video: in/clip.mpg",
        "tccodec: not coded: 2 files, HEIC needs the package pillow-heif"
        " (pip install pillow-heif): in/IMG_1.HEIC, in/IMG_2.HEIC",
        "2 of 5 failed",
    ]
    quiet = run("compress", "in", "-r", "-o", "out2", "-Q", *TINY)
    assert quiet.code == 1 and quiet.err.count("\n") == 1 and "IMG_2.HEIC" in quiet.err


def test_json_names_every_file_of_a_folder(run: Run, tmp_path: Path) -> None:
    mixed(tmp_path / "in")
    found = {Path(f["input"]).name: f for f in run("compress", "in", "-r", "--json", *TINY).json()}
    assert set(found) == {p.name for p in (tmp_path / "in").iterdir() if p.suffix != ".tcz"}
    assert found["notes.txt"]["skipped"] == "not a picture"
    assert "pillow-heif" in found["IMG_1.HEIC"]["error"]
    assert found["c.dat"]["output"] == "in/c.tcz"


def test_a_folder_with_a_film_and_a_text_beside_pictures_succeeds(run: Run, tmp_path: Path) -> None:
    mixed(tmp_path / "in")
    for heic in (tmp_path / "in").glob("*.HEIC"):
        heic.unlink()
    assert run("compress", "in", "-r", *TINY).code == 0


def test_a_heic_picture_named_alone_says_what_reads_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(HEIC)
    result = run("compress", "x.jpg", *TINY)
    assert result.code == 1 and "pip install pillow-heif" in result.err


def test_a_damaged_picture_in_a_folder_is_an_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    picture().save(tmp_path / "in" / "good.png")
    for name in ("empty.jpg", "zeros.png"):
        (tmp_path / "in" / name).write_bytes(bytes(1000 * name.startswith("z")))
    result = run("compress", "in", "-r", *TINY)
    assert result.code == 1 and "empty.jpg: the file is empty" in result.err
    assert "zeros.png: it is not a picture" in result.err and "2 of 3 failed" in result.err


def test_long_lists_are_cut_unless_asked_for(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    picture().save(tmp_path / "in" / "a.png")
    for i in range(20):
        (tmp_path / "in" / f"{i:02}.txt").write_text("text")
    assert "04.txt and 15 more" in run("compress", "in", "-r", *TINY).err
    assert "18.txt, in/19.txt\n" in run("compress", "in", "-r", "-f", "-v", *TINY).err


def test_pipes_and_linked_folders_are_passed_over_and_said(
    run: Run, packed: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.tcz").write_bytes(packed.read_bytes())
    picture().save(tmp_path / "in" / "b.png")
    os.mkfifo(tmp_path / "in" / "c.png")
    os.mkfifo(tmp_path / "in" / "d.tcz")
    (tmp_path / "in" / "again").symlink_to(".")
    for line in ("compress -o o1", "decompress -o o2", "info", "verify"):
        command, *arguments = line.split()
        result = run(command, "-r", "in", *arguments, *(TINY if command == "compress" else ()))
        assert result.code == 0, line
        assert "2 files, not a regular file: in/c.png, in/d.tcz" in result.err
        assert "1 file, a link to a folder: in/again" in result.err
    assert files_in(tmp_path / "o1") == ["b.tcz"] and files_in(tmp_path / "o2") == ["a.png"]


@pytest.mark.parametrize("folder", [".", "..", "/", "in", "in/."])
def test_folders_without_r_get_one_sentence(run: Run, tmp_path: Path, folder: str) -> None:
    (tmp_path / "in").mkdir()
    for command in ("compress", "decompress", "info", "verify"):
        result = run(command, folder)
        assert result.code == 1
        assert re.fullmatch(r"tccodec: [^\n]+: this is a folder; -r walks it\n", result.err)


@pytest.mark.parametrize("verbose", [False, True])
def test_of_many_files_that_grow_the_first_are_named(
    verbose: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = [Job(Path(f"{i}.jpg"), Path(f"{i}.tcz")) for i in range(7)]
    report = Reporter(Plan(jobs), Messages(verbose=verbose))
    for job in jobs:
        report.succeeded(FinishedJob(job, 1, 2, 2, 1, 1.0, extra={"larger": True}), line="")
    assert report.close(line="") == 0
    names = ", ".join(f"{i}.jpg" for i in range(7 if verbose else 5))
    more = "" if verbose else " and 2 more (-v names all)"
    assert f"larger than before: 7 of 7: {names}{more}\n" in capsys.readouterr().err
    assert len(report.finished.larger_names) == (7 if verbose else 5)


def test_a_file_that_grows_is_remarked_upon(run: Run, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((256, 256)).save("small.jpg", quality=5)
    result = run("compress", "small.jpg", "-q", "100", "--json", *TINY)
    assert result.code == 0 and result.json()[0]["larger"] is True
    assert result.err.endswith(", larger than before\n")
    picture().save("b.bmp")
    result = run("compress", "small.jpg", "b.bmp", "-q", "100", "-f", *TINY)
    assert "larger than before: 1 of 2: small.jpg" in result.err
    assert run("compress", "b.bmp", "-f", "--json", *TINY).json()[0]["larger"] is False


def test_a_file_that_would_grow_is_not_written_on_request(run: Run, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((256, 256)).save("small.jpg", quality=5)
    picture().save("b.bmp")
    line = ("compress", "-q", "100", "--keep-if-smaller", *TINY)
    result = run(*line, "small.jpg", "b.bmp", "--json")
    assert result.code == 0 and files_in(tmp_path) == ["b.bmp", "b.tcz", "small.jpg"]
    assert "passed over: 1 file, the .tcz would not be smaller: small.jpg" in result.err
    assert result.json()[1]["skipped"] == "the .tcz would not be smaller"
    piped = run(*line, "-", stdin=Path("small.jpg").read_bytes())
    assert piped.code == 1 and piped.out == b"" and "nothing written" in piped.err


def test_the_same_file_named_twice_is_coded_once(run: Run, photo: Path) -> None:
    result = run("compress", "photo.png", "./photo.png", photo, *TINY)
    assert result.code == 0 and result.err.startswith("photo.png -> photo.tcz")
    assert "passed over: 2 files, named twice" in result.err


def test_two_pictures_of_one_name_say_how_both_succeed(run: Run, tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png"):
        picture().save(tmp_path / name)
    result = run("compress", "a.jpg", "a.png", *TINY)
    assert result.code == 1 and "--full-names keeps both apart" in result.err
    assert run("compress", "a.jpg", "a.png", "--full-names", *TINY).code == 0
    assert files_in(tmp_path) == ["a.jpg", "a.jpg.tcz", "a.png", "a.png.tcz", "a.tcz"]


def test_a_suffix_ends_the_names_of_outputs(run: Run, packed: Path, tmp_path: Path) -> None:
    assert run("compress", "photo.png", "-o", "out/", "--suffix", "_s", *TINY).code == 0
    assert run("decompress", packed, "--suffix", ".back", "--format", "webp").code == 0
    assert files_in(tmp_path / "out") == ["photo_s.tcz"] and Path("photo.back.webp").exists()
    for options in (("-o", "x.tcz", "--suffix", "_s"), ("--suffix", "../x")):
        assert run("compress", "photo.png", *options, *TINY).code == 2


def test_two_names_of_one_output_are_noticed_with_force_too(run: Run, tmp_path: Path) -> None:
    """As on file systems that do not tell A.tcz from a.tcz; here the two are links."""
    for name in ("one.png", "two.png"):
        picture(name == "two.png").save(tmp_path / name)
    (tmp_path / "one.tcz").write_bytes(b"")
    (tmp_path / "two.tcz").symlink_to("one.tcz")
    result = run("compress", "one.png", "two.png", "-f", *TINY)
    assert result.code == 1 and "two.tcz is already the output of one.png" in result.err


def test_an_output_that_is_another_input_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    picture(1).save(tmp_path / "in" / "a.png")
    picture(2).save(tmp_path / "in" / "a.tcz", "PNG")
    before = (tmp_path / "in" / "a.tcz").read_bytes()
    assert run("compress", "in", "-r", "-o", "in", "-f", *TINY).code == 1
    assert (tmp_path / "in" / "a.tcz").read_bytes() == before


def test_a_second_run_codes_what_is_missing(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    picture(1).save(tmp_path / "in" / "a.png")
    assert run("compress", "in", "-r", "-o", "out", *TINY).code == 0
    picture(2).save(tmp_path / "in" / "b.png")
    (tmp_path / "out" / "a.tcz").write_bytes(b"kept")
    result = run("compress", "in", "-r", "-o", "out", "--skip-existing", *TINY)
    assert result.code == 0 and "1 file, the output exists: in/a.png" in result.err
    assert files_in(tmp_path / "out") == ["a.tcz", "b.tcz"]
    assert (tmp_path / "out" / "a.tcz").read_bytes() == b"kept"
    assert run("compress", "in", "-r", "--skip-existing", "-f", *TINY).code == 2


def test_an_unforeseen_fault_ends_one_job_only(
    run: Run, packed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tccodec.api import Codec

    real = Codec.decompress_strips

    def broken(self: Codec, file: TczFile, **options: object) -> object:
        if file.setting == 0:
            raise RuntimeError("shape '[1, 4]'\nis invalid")
        return real(self, file, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Codec, "decompress_strips", broken)
    assert run("compress", "photo.png", "-q", "0", "-o", "a.tcz", *TINY).code == 0
    result = run("decompress", "a.tcz", packed, "-o", "out")
    assert result.code == 1 and files_in(Path("out")) == ["photo.png"]
    fault = "a fault of this program, please report it: RuntimeError: shape '[1, 4]' is invalid"
    assert result.err.splitlines()[0] == f"tccodec: a.tcz: {fault}"


def test_stdin_that_is_passed_over_is_named(run: Run, packed: Path) -> None:
    line = ("decompress", "-", "-o", "photo.png", "--skip-existing", "--json")
    result = run(*line, stdin=packed.read_bytes())
    assert result.code == 0
    assert result.err == "passed over: 1 file, the output exists: stdin\n"
    assert result.json() == [{"input": "stdin", "output": None, "skipped": "the output exists"}]
