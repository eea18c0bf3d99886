"""`tccodec archive`: a library is coded, continued, checked, restored, and never changed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tccodec
from tccodec.cli.archive_work import Archiver, SortedSources, Source, read_sources
from tccodec.cli.jobs import Job
from tccodec.cli.manifest import NAME, SCHEMA, Manifest, archiving
from tccodec.cli.reporter import FinishedJob
from tccodec.errors import TccodecError, UnreadableFile
from tccodec.files.lines import append_line
from tests.support.paths import files_in
from tests.support.pictures import picture
from tests.support.program import TINY, Run

LINE = ("archive", "photos", "small", *TINY)
# A line of a manifest.
RECORD: dict[str, Any] = {
    "source": "a.png",
    "sha256": "0" * 64,
    "bytes": 1,
    "mtime_ns": 0,
    "mode": 0o600,
    "file": "a.png.tcz",
    "file_sha256": "0" * 64,
    "file_bytes": 1,
    "psnr": 40.0,
    "settings": {},
    "losses": [],
}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Five pictures in two folders, two of them the same, and a text."""
    folder = tmp_path / "photos"
    (folder / "trip").mkdir(parents=True)
    picture(1).save(folder / "a.jpg")
    picture(2).save(folder / "a.png")
    picture(3).save(folder / "trip" / "b.png")
    picture(4, size=(50, 70)).convert("L").save(folder / "trip" / "c.webp", lossless=True)
    shutil.copy(folder / "a.png", folder / "trip" / "copy.png")
    (folder / "notes.txt").write_text("text")
    for at, path in enumerate(sorted(folder.rglob("*.*"))):
        os.utime(path, (1_500_000_000 + at, 1_500_000_000 + at))
    os.chmod(folder / "a.png", 0o600)
    return folder


def records(folder: str = "small") -> dict[str, dict[str, Any]]:
    lines = (Path(folder) / "manifest.jsonl").read_text().splitlines()
    assert json.loads(lines[0])["schema"] == "tccodec-archive-1"
    return {record["source"]: record for record in map(json.loads, lines[1:])}


def inodes(folder: str = "small") -> dict[str, int]:
    return {name: (Path(folder) / name).stat().st_ino for name in files_in(Path(folder))}


def state(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    found = ((name, folder / name) for name in files_in(folder))
    return {n: (p.read_bytes(), p.stat().st_mtime_ns, p.stat().st_mode) for n, p in found}


def test_without_yes_it_only_says_what_would_be_done(run: Run, photos: Path) -> None:
    result = run(*LINE)
    assert result.code == 0 and not Path("small").exists()
    lines = result.err.splitlines()
    assert lines[0].startswith("would code 4 pictures, ")
    assert lines[1] == "same content as another: 1; archived before, and left alone: 0"
    assert lines[2].startswith("estimate from 4 of them: ") and lines[3] == "--yes does it"
    assert lines[4] == "passed over: 1 file, not a picture: photos/notes.txt"
    objects = run(*LINE, "--json").json()
    assert {"duplicates": 1, "archived": 0} in objects
    assert [o["estimate"]["pictures"] for o in objects if "estimate" in o] == [4]


def test_each_content_is_coded_once_verified_and_listed(run: Run, photos: Path) -> None:
    before = state(photos)
    result = run(*LINE, "--yes", "-q", "60")
    assert result.code == 0, result.err
    assert result.err.splitlines()[-1] == "small: 5 pictures are in the manifest"
    assert state(photos) == before
    names = ["a.jpg.tcz", "a.png.tcz", "manifest.jsonl", "trip/b.png.tcz", "trip/c.webp.tcz"]
    assert files_in(Path("small")) == names
    found = records()
    assert set(found) == {n for n in files_in(photos) if n != "notes.txt"}
    assert found["trip/copy.png"]["file"] == "a.png.tcz"
    for name, record in found.items():
        source, file = photos / name, Path("small") / record["file"]
        assert record["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
        assert record["file_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert record["bytes"] == source.stat().st_size
        assert record["file_bytes"] == file.stat().st_size
        assert record["settings"]["quality"] == 60 and record["losses"] == []
        assert 5 < record["psnr"] <= 100


def test_a_second_run_does_what_is_missing(run: Run, photos: Path) -> None:
    assert run(*LINE, "--yes").code == 0
    before = inodes()
    assert "archived before, and left alone: 5" in run(*LINE).err
    again = run(*LINE, "--yes", "--json")
    assert again.code == 0 and inodes() == before
    assert "same content as another: 0; archived before, and left alone: 5\n" in again.err
    assert {"duplicates": 0, "archived": 5} in again.json()
    picture(9).save(photos / "new.png")
    picture(8).save(photos / "a.png")  # its copy in trip/ now needs a file of its own
    assert run(*LINE, "--yes").code == 0
    after, found = inodes(), records()
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"new.png.tcz", "a.png.tcz", "trip/copy.png.tcz"}
    assert found["trip/copy.png"]["file"] == "trip/copy.png.tcz"
    assert run("archive", "--check", "small").code == 0
    shutil.copy(photos / "new.png", photos / "again.png")
    assert run(*LINE, "--yes").code == 0 and inodes() == after
    assert records()["again.png"]["file"] == "new.png.tcz"
    other = run(*LINE, "--yes", "-q", "20", "--jobs", "2")
    assert other.code == 0 and all(r["settings"]["quality"] == 20 for r in records().values())
    assert run("archive", "--check", "small").code == 0


def test_an_interrupted_archive_goes_on(run: Run, photos: Path) -> None:
    assert run(*LINE, "--yes").code == 0
    manifest = Path("small/manifest.jsonl")
    whole = records()
    lines = manifest.read_text().splitlines(keepends=True)
    manifest.write_text("".join(lines[:3]) + lines[3][:40])  # files without a record stay
    before = inodes()
    assert run(*LINE, "--yes").code == 0 and records() == whole
    after = inodes()
    assert sum(after[name] != before[name] for name in after if name.endswith(".tcz")) == 2


@pytest.mark.parametrize("text", ["", '{"schema": '])
def test_an_archive_without_its_first_line_goes_on(run: Run, photos: Path, text: str) -> None:
    Path("small").mkdir()
    Path("small/manifest.jsonl").write_text(text)
    for line in (("--check", "small"), ("--restore", "small", "back")):  # it may have been damaged
        result = run("archive", *line)
        assert result.code == 2 and "is empty or unfinished" in result.err
    assert run(*LINE, "--yes").code == 0
    assert run("archive", "--check", "small").code == 0 and records()


def test_of_two_runs_at_once_the_second_ends(run: Run, photos: Path) -> None:
    for there in (False, True):  # a new archive, and one that goes on
        with archiving(Path("small")):
            result = run(*LINE, "--yes", "-q", "20")
            assert (result.code, result.out) == (1, b"")
            assert result.err == (
                "tccodec: small/manifest.jsonl: another run is archiving to this folder;"
                " start again when that has ended\n"
            )
            assert run(*LINE).code == 0  # only reads
        assert (len(records()) == 5) if there else not files_in(Path("small"))
        assert run(*LINE, "--yes").code == 0


def test_without_locks_a_second_run_ends_where_the_manifest_has_changed(tmp_path: Path) -> None:
    first, second = Manifest(tmp_path / "small"), Manifest(tmp_path / "small")
    first.begin()
    with pytest.raises(TccodecError, match=r"manifest\.jsonl: another run has changed it"):
        second.begin()
    first.add(RECORD)
    assert Manifest(tmp_path / "small").records == {"a.png": RECORD}


def test_a_picture_whose_search_was_stopped_is_coded_anew(run: Run, photos: Path) -> None:
    assert run(*LINE, "--yes").code == 0
    manifest = Manifest(Path("small"))
    picture().save(photos / "new.png")
    status = (photos / "new.png").stat()
    source = Source(Job(photos / "new.png", Path("small/new.png.tcz")), "new.png", "0" * 64, status)
    archiver = Archiver(manifest, SortedSources(todo=[source]), {})
    record = {"sha256": "0" * 64, "bytes": 1, "file_sha256": "0" * 64, "file_bytes": 1}
    done = FinishedJob(source.job, 1, 1, 1, 1, 1.0, extra={"psnr": 40.0}, record=record)
    archiver.add_finished(replace(done, stopped=True))
    assert records()["new.png"]["settings"] == {"stopped": True}
    archiver.add_finished(done)
    assert records()["new.png"]["settings"] == {}


def test_check_finds_every_difference(run: Run, photos: Path) -> None:
    assert run(*LINE, "--yes").code == 0
    good = run("archive", "--check", "small", "--json")
    assert good.code == 0 and "4 of 4 files are as the manifest says" in good.err
    assert good.json()[-1]["good"] == 4 and good.json()[-1]["pictures"] == 5
    data = bytearray(Path("small/a.jpg.tcz").read_bytes())
    data[-1] ^= 1
    Path("small/a.jpg.tcz").write_bytes(data)
    Path("small/trip/c.webp.tcz").unlink()
    with Path("small/trip/b.png.tcz").open("ab") as file:
        file.write(b"x")
    Path("small/other.tcz").write_bytes(b"")
    bad = run("archive", "--check", "small")
    assert bad.code == 1
    assert "small/a.jpg.tcz: its content has changed" in bad.err
    assert "small/trip/c.webp.tcz: there is no such file" in bad.err
    assert "small/trip/b.png.tcz: its size is not that of the manifest" in bad.err
    assert "1 of 4 files are as the manifest says" in bad.err
    assert "not in the manifest: 1 file, such as small/other.tcz" in bad.err
    assert "delete what is damaged" in bad.err
    restored = run("archive", "--restore", "small", "back")
    assert restored.code == 1
    assert "a.jpg.tcz: its content has changed; a.jpg is not restored\n" in restored.err
    assert "c.webp.tcz: there is no such file; trip/c.webp is not restored\n" in restored.err
    assert "back: 2 of 5 pictures are restored\ndelete what is damaged, " in restored.err
    assert files_in(Path("back")) == ["a.png", "trip/copy.png"]
    Path("small/a.jpg.tcz").unlink()
    Path("small/trip/b.png.tcz").unlink()
    assert run("archive", "photos", "small", "--yes").code == 0
    assert run("archive", "--check", "small").code == 0


def test_restore_gives_pictures_their_names_times_and_permissions(run: Run, photos: Path) -> None:
    shutil.copy(photos / "a.png", photos / "picture.dat")
    assert run(*LINE, "--yes").code == 0
    result = run("archive", "--restore", "small", "back", "--jobs", "2")
    assert result.code == 0, result.err
    assert result.err.endswith("back: 6 of 6 pictures are restored\n")
    names = [n for n in files_in(photos) if n not in ("notes.txt", "picture.dat")]
    assert files_in(Path("back")) == sorted([*names, "picture.dat.png"])
    for name in names:
        with Image.open(photos / name) as old, Image.open(Path("back") / name) as new:
            assert (new.format, new.size) == (old.format, old.size)
            if name.endswith(".png"):
                data = (Path("small") / records()[name]["file"]).read_bytes()
                assert (np.asarray(new) == np.asarray(tccodec.decompress(data))).all()
        before, after = (photos / name).stat(), (Path("back") / name).stat()
        assert (after.st_mtime_ns, after.st_mode) == (before.st_mtime_ns, before.st_mode)
    again = run("archive", "--restore", "small", "back")
    assert again.code == 1 and "exists; -f replaces it" in again.err
    assert again.err.endswith("back: 0 of 6 pictures are restored\n")
    Path("back/a.png").unlink()
    left = run("archive", "--restore", "small", "back", "--skip-existing")
    assert left.code == 0 and left.err.endswith("back: 1 of 6 pictures are restored\n")
    assert "passed over: 5 files, the output exists: " in left.err
    assert run("archive", "--restore", "small", "back", "-f").code == 0


def test_failed_pictures_are_named_and_their_copies_too(run: Run, photos: Path) -> None:
    data = (photos / "a.png").read_bytes()[:-200]
    for name in ("bad.png", "worse.png"):
        (photos / name).write_bytes(data)
    result = run(*LINE, "--yes", "--json")
    assert result.code == 1 and "photos/bad.png: the picture is damaged" in result.err
    reason = "of the same content as one that failed"
    assert f"tccodec: not coded: 1 file, {reason}: photos/worse.png\n" in result.err
    assert {"input": "photos/worse.png", "output": None, "error": reason} in result.json()
    assert set(records()) == {n for n in files_in(photos) if n[:3] not in ("bad", "wor", "not")}


@pytest.mark.parametrize(
    "name",
    [
        *("../x", "/etc/passwd", "a/../../b", "", ".", "a\0b"),
        *("C:/x.png", "C:x.png", "..\\x.png", "a\\..\\..\\x.png", "//host/x.png", ".. /x", "..."),
    ],
)
def test_a_manifest_that_leads_out_of_its_folder_is_refused(
    run: Run, tmp_path: Path, name: str
) -> None:
    for field in ("source", "file"):
        (tmp_path / "manifest.jsonl").unlink(missing_ok=True)
        append_line(tmp_path / "manifest.jsonl", {"schema": SCHEMA})
        append_line(tmp_path / "manifest.jsonl", RECORD | {field: name})
        result = run("archive", "--restore", tmp_path, "back")
        assert result.code == 1 and "not a record of an archive" in result.err
    assert not Path("back").exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_that_not_every_system_can_have_is_not_archived(tmp_path: Path) -> None:
    names = ["a\\b.png", "c:d.png", "12:30.png"]
    jobs = [Job(tmp_path / name, Path("small/x.tcz")) for name in names]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    sources, failed = read_sources(tmp_path, jobs)
    assert [source.name for source in sources] == ["12:30.png"]
    assert {job.problem for job in failed} == {"not every system can have such a name"}


def test_wrong_folders(run: Run, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    for line, reason in (
        (("photos", "photos/small"), "must not lie inside"),
        (("nowhere", "small"), "is not a folder"),
        (("photos",), "takes one folder, everything else two"),
        (("--check", "photos"), "is not an archive"),
        (("--restore", "photos", "back"), "is not an archive"),
        (("photos", "photos/../photos/trip"), "must not lie inside"),
        (("--check", "--yes", "photos"), "exclude each other"),
        (("--check", "photos", "-q", "50"), "--quality is for coding; it does not go with --check"),
        (("--restore", "photos", "back", "--effort", "3"), "it does not go with --restore"),
        (("--restore", "photos", "back", "--strict"), "--strict is for coding"),
        (("--check", "photos", "--ssimulacra2", "70"), "--ssimulacra2 is for coding"),
        (("photos", "file"), "file is a file; DST is a folder"),
        (("photos", "small", "-f"), "-f replaces pictures that --restore writes"),
        (("photos", "small", "--skip-existing"), "leaves out pictures that --restore would"),
    ):
        result = run("archive", *line, *(() if "--check" in line else TINY))
        assert result.code == 2 and reason in result.err, line
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("mine")
    result = run("archive", "photos", "full", "--yes", *TINY)
    assert result.code == 2 and "is not an archive" in result.err
    assert files_in(tmp_path / "full") == ["x"]


def test_what_fails_after_a_job_is_a_failure_of_that_job_alone(
    run: Run, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(*LINE, "--yes").code == 0
    utime = os.utime

    def refused(path: Path, **times: Any) -> None:
        if path == Path("back/a.jpg"):
            raise PermissionError(1, "Operation not permitted", str(path))
        utime(path, **times)

    monkeypatch.setattr(os, "utime", refused)
    result = run("archive", "--restore", "small", "back")
    assert result.code == 1
    assert "tccodec: back/a.jpg: Operation not permitted\n" in result.err
    assert result.err.endswith("1 of 5 failed\nback: 4 of 5 pictures are restored\n")


def test_an_original_that_vanishes_after_it_was_read_is_listed(
    photos: Path, tmp_path: Path
) -> None:
    sources, _ = read_sources(photos, [Job(photos / "a.png", tmp_path / "a.png.tcz")])
    manifest = Manifest(tmp_path / "small")
    archiver = Archiver(manifest, SortedSources(), {})
    (photos / "a.png").unlink()
    archiver.add_copy(sources[0], {"sha256": sources[0].sha256})
    assert manifest.records["a.png"]["mode"] == 0o600
    with pytest.raises(FileNotFoundError):
        archiver.add_copy(sources[0], {"sha256": "0" * 64})


@pytest.mark.parametrize("field", ["mtime_ns", "mode", "bytes", "file_bytes"])
def test_a_number_that_no_system_holds_is_refused(tmp_path: Path, field: str) -> None:
    append_line(tmp_path / "manifest.jsonl", {"schema": SCHEMA})
    append_line(tmp_path / "manifest.jsonl", RECORD)
    assert set(Manifest(tmp_path).records) == {"a.png"}
    append_line(tmp_path / "manifest.jsonl", RECORD | {field: 10**30})
    with pytest.raises(UnreadableFile, match="line 3"):
        Manifest(tmp_path)


def test_check_does_not_begin_anew_for_each_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Name(str):
        hashed = 0

        def __hash__(self) -> int:
            Name.hashed += 1
            return super().__hash__()

    monkeypatch.setattr("tccodec.cli.archive_check.NAME", Name(NAME))
    append_line(tmp_path / NAME, {"schema": SCHEMA})
    for at in range(5):
        (tmp_path / f"{at}.tcz").touch()
    result = run("archive", "--check", tmp_path)
    assert result.code == 0 and "not in the manifest: 5 files" in result.err
    assert Name.hashed == 1


def test_restored_pictures_never_share_a_file_through_links(run: Run, photos: Path) -> None:
    assert run(*LINE, "--yes").code == 0
    Path("back/trip").mkdir(parents=True)
    for name in ("b.png", "copy.png"):
        Path("back/trip", name).symlink_to("one.png")
    result = run("archive", "--restore", "small", "back", "-f", "--jobs", "2")
    assert result.code == 1 and Path("back/trip/one.png").is_file()
    text = "back/trip/copy.png is back/trip/b.png under another name; restore to another folder\n"
    assert text in result.err
    assert result.err.endswith("back: 4 of 5 pictures are restored\n")  # nothing is damaged


def test_a_folder_named_like_stdin_is_a_folder(run: Run, photos: Path) -> None:
    photos.rename("-")
    assert "would code 4 pictures" in run("archive", "./-", "small", *TINY).err


def test_advice_names_no_option_that_archive_does_not_take(run: Run, photos: Path) -> None:
    (photos / "x").mkdir()
    picture(6).save(photos / "x" / "b.png")
    Path("small").mkdir()
    Path("small/x").symlink_to("trip")
    append_line(Path("small/manifest.jsonl"), {"schema": SCHEMA})
    Path("small/a.png.tcz").symlink_to("../photos/a.jpg")
    Path("small/a.jpg.tcz").write_text("mine")
    planned, result = run(*LINE), run(*LINE, "--yes")
    assert planned.code == result.code == 1
    refused = [line for line in planned.err.splitlines() if line.startswith("tccodec: ")]
    assert len(refused) == 3 and set(refused) < set(result.err.splitlines())
    for text in (
        "photos/a.jpg: small/a.jpg.tcz exists; move it away",
        "photos/a.png: small/a.png.tcz is itself an input; archive to another folder",
        "photos/x/b.png: small/x/b.png.tcz is already the output of photos/trip/b.png;"
        " archive to another folder",
    ):
        assert f"tccodec: {text}\n" in result.err
    assert " -o" not in result.err and " -f" not in result.err
    for name in ("a.jpg.tcz", "a.png.tcz", "x"):
        Path("small", name).unlink()
    assert run(*LINE, "--yes").code == 0
    Path("back").mkdir()
    Path("back/a.png").symlink_to("../small/a.png.tcz")
    result = run("archive", "--restore", "small", "back", "-f")
    text = "a.png.tcz: input and output are the same file; restore to another folder\n"
    assert result.code == 1 and text in result.err
    both = run("archive", "--restore", "small", "back", "-f", "--skip-existing")
    assert both.code == 2 and both.err.endswith(" --skip-existing keeps what -f would replace\n")


def test_a_manifest_that_is_no_regular_file_is_refused(run: Run, photos: Path) -> None:
    Path("small").mkdir()
    Path("small/manifest.jsonl").symlink_to(os.devnull)
    result = run(*LINE)
    assert result.code == 1
    assert result.err == "tccodec: small/manifest.jsonl is not a regular file\n"
