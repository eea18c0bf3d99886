"""What people's folders, terminals and machines do to the commands."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tccodec.container import Tag, TczFile, make_section, write
from tests.cli.conftest import Run, _tiny_is_known, picture  # noqa: F401

TINY = ("--model", "tiny", "--device", "cpu")
ROOT = Path(__file__).parents[2]
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


def process(line: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A shell line in which $T is the program, in a process of its own."""
    return subprocess.run(
        ["bash", "-c", line],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=os.environ
        | {"T": f"{sys.executable} {ROOT / 'cli.py'}", "PYTHONPATH": str(ROOT)}
        | environment,
    )


def sectioned(**bodies: bytes) -> bytes:
    """A small .tcz file of an unknown model with these sections."""
    sections = tuple(make_section(Tag[name.upper()], body) for name, body in bodies.items())
    file = TczFile(
        width=9, height=9, setting=1, model_id=b"other", tiles=(b"x",), sections=sections
    )
    return write(file)


# Folders


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
    assert names(tmp_path / "out") == ["a.tcz", "b.tcz", "c.tcz"]
    assert result.code == 1  # two pictures were not coded
    assert result.err.splitlines()[0].startswith("3 pictures, ")
    assert result.err.splitlines()[1:] == [
        "passed over: 1 file, PostScript is not supported: in/logo.eps",
        "passed over: 1 file, hidden: in/.DS_Store",
        "passed over: 2 files, no picture: in/Thumbs.db, in/notes.txt",
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
    assert found["notes.txt"]["skipped"] == "no picture"
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
    assert "zeros.png: it is no picture" in result.err and "2 of 3 failed" in result.err


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
        command, *more = line.split()
        result = run(command, "-r", "in", *more, *(TINY if command == "compress" else ()))
        assert result.code == 0, line
        assert "2 files, no regular file: in/c.png, in/d.tcz" in result.err
        assert "1 file, a link to a folder: in/again" in result.err
    assert names(tmp_path / "o1") == ["b.tcz"] and names(tmp_path / "o2") == ["a.png"]


@pytest.mark.parametrize("folder", [".", "..", "/", "in", "in/."])
def test_folders_without_r_get_one_sentence(run: Run, tmp_path: Path, folder: str) -> None:
    (tmp_path / "in").mkdir()
    for command in ("compress", "decompress", "info", "verify"):
        result = run(command, folder)
        assert result.code == 1
        assert re.fullmatch(r"tccodec: [^\n]+: this is a folder; -r walks it\n", result.err)


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


def test_the_same_file_named_twice_is_coded_once(run: Run, photo: Path) -> None:
    result = run("compress", "photo.png", "./photo.png", photo, *TINY)
    assert result.code == 0 and result.err.startswith("photo.png -> photo.tcz")
    assert "passed over: 2 files, named twice" in result.err


def test_two_pictures_of_one_name_say_how_both_succeed(run: Run, tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png"):
        picture().save(tmp_path / name)
    result = run("compress", "a.jpg", "a.png", *TINY)
    assert result.code == 1 and "-o with this input alone names another" in result.err
    assert run("compress", "a.png", "-o", "a2.tcz", *TINY).code == 0


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
    assert names(tmp_path / "out") == ["a.tcz", "b.tcz"]
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
    assert result.code == 1 and names(Path("out")) == ["photo.png"]
    fault = "a fault of this program, please report it: RuntimeError: shape '[1, 4]' is invalid"
    assert result.err.splitlines()[0] == f"tccodec: a.tcz: {fault}"


# Outputs


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
    assert names(photo.parent) == ["photo.decoded.png", "photo.png", "photo.tcz"]


def test_decompressing_twice_makes_no_second_picture(run: Run, packed: Path, photo: Path) -> None:
    photo.unlink()
    assert run("decompress", packed).code == 0
    again = run("decompress", packed)
    assert again.code == 0 and again.err.endswith(", unchanged\n")
    assert names(photo.parent) == ["photo.png", "photo.tcz"]


def test_the_original_is_replaced_where_that_is_said(run: Run, packed: Path, photo: Path) -> None:
    before = photo.read_bytes()
    assert run("decompress", packed, "--overwrite-originals").code == 0
    assert photo.read_bytes() != before
    assert names(photo.parent) == ["photo.png", "photo.tcz"]


def test_compress_replaces_none_of_another_programs_files(run: Run, photo: Path) -> None:
    other = photo.with_suffix(".tcz")
    other.write_bytes(b"hsqs, a package of another program")
    result = run("compress", photo, "-f", *TINY)
    assert result.code == 1 and "none of this program's files" in result.err
    assert "-f" not in result.err and other.read_bytes().startswith(b"hsqs")
    assert run("compress", photo, "-f", "-o", other, *TINY).code == 0


@pytest.mark.parametrize("force", [(), ("-f",)])
def test_devices_and_pipes_are_written_not_replaced(
    run: Run, packed: Path, photo: Path, force: tuple[str, ...]
) -> None:
    os.mkfifo("pipe")
    for command, source in (("compress", photo), ("decompress", packed)):
        more = TINY if command == "compress" else ("--format", "png")
        got: list[bytes] = []
        reader = threading.Thread(target=lambda got=got: got.append(Path("pipe").read_bytes()))
        reader.start()
        assert run(command, source, "-o", "pipe", *force, *more).code == 0
        reader.join()
        assert got[0][:4] in (b"\x89TCZ", b"\x89PNG") and stat.S_ISFIFO(os.stat("pipe").st_mode)
        Path("null").unlink(missing_ok=True)
        Path("null").symlink_to(os.devnull)
        assert run(command, source, "-o", "null", *force, *more).code == 0
        assert Path("null").is_symlink() and stat.S_ISCHR(os.stat(os.devnull).st_mode)
        result = run(command, source, "-o", "/dev/full", *force, *more)
        assert result.code == 1
        assert result.err == "tccodec: /dev/full: No space left on device\n"


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
    assert names(Path("Trip 2024.07")) == ["a.png"]
    Path("in/b.tcz").write_bytes(Path("in/a.tcz").read_bytes())
    assert run("decompress", "in/a.tcz", "in/b.tcz", "-o", "out.v2").code == 0
    assert names(Path("out.v2")) == ["a.png", "b.png"]
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


# What is said


@pytest.mark.parametrize(
    "line",
    [
        "compress photo.png -q 150",
        "compress photo.png -q nan",
        "compress photo.png -q 5 --bpp 1",
        "compress photo.png --bpp 0",
        "compress photo.png --size 0",
        "compress photo.png --psnr inf",
        "compress photo.png --model nonsense",
        "compress photo.png -o",
        "compress photo.png -o ''",
        "compress ''",
        "info ''",
        "compress photo.png --max-megapixels nan",
        "decompress photo.tcz --format nonsense",
        "decompress photo.tcz --realism nan",
        "decompress photo.tcz --model nonsense",
        f"decompress photo.tcz --region {'9' * 5000},0,1,1",
        "info photo.tcz --max-megapixels nan",
        "verify photo.tcz --model nonsense",
        "models show nonsense",
    ],
)
def test_wrong_usage_has_the_status_2(run: Run, packed: Path, line: str) -> None:
    result = run(*shlex.split(line))
    assert result.code == 2 and result.err and "Traceback" not in result.err
    assert names(packed.parent) == ["photo.png", "photo.tcz"]


def test_no_limit_on_pixels_can_be_asked_for(run: Run, packed: Path) -> None:
    assert run("info", packed, "--max-megapixels", "inf").code == 0


def test_a_file_of_the_other_kind_is_called_so(run: Run, packed: Path, photo: Path) -> None:
    result = run("decompress", photo)
    assert result.code == 1 and result.err == f"tccodec: {photo}: this is not a .tcz file\n"
    result = run("compress", packed, *TINY)
    assert result.code == 1 and result.err == f"tccodec: {packed}: it is a .tcz file already\n"


def test_the_file_at_fault_is_named(run: Run, photo: Path) -> None:
    result = run("compress", photo, "-o", "/proc/nowhere.tcz", "--json", *TINY)
    assert result.code == 1 and result.err.startswith("tccodec: /proc/nowhere.tcz: ")
    assert result.json()[0]["error"].startswith("/proc/nowhere.tcz: ")


def test_text_from_files_is_not_sent_raw_to_the_terminal(run: Run, tmp_path: Path) -> None:
    evil = "\x1b]0;title\x07\x1b[2J\r\nx.tcz: ok\u202e"
    (tmp_path / "a.tcz").write_bytes(sectioned(comment=evil.encode() + b"A" * 100_000))
    name = "b\x1b[31m\n.tcz"
    (tmp_path / name).write_bytes(sectioned(source=b"CMYK"))
    told = run("info", "a.tcz", name)
    assert told.code == 0 and len(told.out) < 2000
    text = told.out.decode() + run("verify", name).err + run("compress", name, *TINY).err
    text += run("info", "gone\x1b.tcz").err + run("models", "show", "m\x1bn").err
    text += run("info", "--no\x1b[2Jthing").err
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)
    assert r"b\x1b[31m\n.tcz" in text


def test_models_of_others_are_described_without_control_characters(
    run: Run, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = json.loads((tiny_model_dir / "config.json").read_text())
    (tmp_path / "models" / "evil").mkdir(parents=True)
    config |= {"name": "e\x1b[2Jvil", "description": "d\x9b2J\n" * 1000, "x\x07": ["\x1b"]}
    (tmp_path / "models" / "evil" / "config.json").write_text(json.dumps(config))
    monkeypatch.setenv("TCCODEC_MODELS", str(tmp_path / "models"))
    told = [run("models"), run("models", "show", "evil")]
    text = "".join(result.out.decode() + result.err for result in told)
    assert "vil" in text and not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    assert max(map(len, text.splitlines())) < 450


@pytest.mark.skipif(sys.platform != "linux", reason="needs names of any bytes")
def test_json_of_a_name_that_is_no_text_names_the_file(run: Run, tmp_path: Path) -> None:
    raw = b"bad\xff.png"
    picture().save(os.fsdecode(raw))
    [there] = run("compress", os.fsdecode(raw), "--json", *TINY).json()
    assert base64.b64decode(there["input_base64"]) == raw
    assert base64.b64decode(there["output_base64"]) == b"bad\xff.tcz"
    assert there["input"] == "bad\ufffd.png"
    [told] = run("info", os.fsdecode(b"bad\xff.tcz"), "--json").json()
    assert base64.b64decode(told["file_base64"]) == b"bad\xff.tcz"
    os.rename(raw, "写.png")
    [there] = run("compress", "写.png", "--json", *TINY).json()
    assert there["input"] == "写.png" and "input_base64" not in there


# Sizes


def test_huge_and_endless_inputs_are_refused_at_once(run: Run, packed: Path, photo: Path) -> None:
    holes = {"zeros.tcz": b"", "valid.tcz": packed.read_bytes(), "valid.png": photo.read_bytes()}
    holes["zeros.png"] = b""
    for name, start in holes.items():
        Path(name).write_bytes(start)
        os.truncate(name, 10**11)
    assert "not a .tcz file" in run("info", "zeros.tcz").err
    assert "no picture" in run("compress", "zeros.png", "-o", "z.tcz", *TINY).err
    for line in ("info valid.tcz", "verify valid.tcz", "decompress valid.tcz"):
        assert "that it could need" in run(*line.split()).err
    assert "that it could need" in run("compress", "valid.png", "-o", "v.tcz", *TINY).err
    assert "not a .tcz file" in run("info", "/dev/zero").err
    several = run("info", "valid.tcz", packed)
    assert several.code == 1 and b"60 x 40" in several.out


@pytest.mark.parametrize("start", [b"", b"\x89PNG\r\n\x1a\n"])
def test_an_endless_pipe_is_refused_after_a_while(run: Run, tmp_path: Path, start: bytes) -> None:
    os.mkfifo("pipe")

    def feed() -> None:
        with open("pipe", "wb") as pipe:
            pipe.write(start)
            try:
                while True:
                    pipe.write(bytes(1 << 20))
            except BrokenPipeError:
                pass

    feeder = threading.Thread(target=feed)
    feeder.start()
    result = run("compress", "pipe", "--max-megapixels", "0.001", "-o", "x.tcz", *TINY)
    feeder.join()
    assert result.code == 1 and "it goes on after" in result.err


# Processes


def test_output_in_a_code_page(packed: Path) -> None:
    folder = packed.parent
    packed.rename(folder / "写真.tcz")
    for command in ("info", "verify --device cpu"):
        line = f"$T {command} 写真.tcz 写真.tcz"
        result = process(line, folder, PYTHONIOENCODING="cp1252")
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.count(r"\u5199\u771f.tcz") == 2


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("$T info photo.tcz <&-", 0),
        ("$T info photo.tcz 2>&-", 0),
        ("$T info nothing.tcz 2>&-", 1),
        ("$T info photo.tcz 2>/dev/full", 0),
        ("$T info nothing.tcz 2>/dev/full", 1),
        ("$T info --nothing 2>&-", 2),
        ("$T info photo.tcz >&-", 1),
        ("$T info photo.tcz >/dev/full", 1),
        ("$T info - <&-", 1),
        ("$T info photo.tcz >&- 2>&- <&-", 1),
        ("$T decompress photo.tcz -o a.png --device cpu >&- 2>&- <&-", 0),
        ("$T decompress photo.tcz -o - --device cpu >&-", 1),
        ("$T decompress photo.tcz -o /dev/stdout --format png --device cpu | cat > b.png", 0),
    ],
)
def test_closed_and_full_streams(packed: Path, line: str, code: int) -> None:
    result = process(f"set -o pipefail; {line}", packed.parent)
    assert result.returncode == code
    assert "Traceback" not in result.stderr and "Exception" not in result.stderr
    assert result.stderr.count("\n") <= 1
    for name in ("a.png", "b.png"):
        if name in line:
            with Image.open(packed.parent / name) as image:
                assert image.size == (60, 40)


WRITER = """
import sys, time
from tccodec.cli.streams import ended_by_signals
from tccodec.files.atomic import replacing
with ended_by_signals(), replacing("x") as file:
    file.write(b"half")
    print("ready", flush=True)
    time.sleep(float(sys.argv[1]))
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGXCPU"])
def test_a_signal_in_the_middle_of_writing_leaves_nothing(tmp_path: Path, name: str) -> None:
    number = getattr(signal, name)
    command = [sys.executable, "-c", WRITER, "60"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=-1) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == b"ready\n"
        assert [p.suffix for p in tmp_path.iterdir()] == [".part"]
        writer.send_signal(number)
        assert writer.wait() == 128 + number
    assert names(tmp_path) == []


def test_a_hang_up_that_is_to_be_ignored_is_ignored(tmp_path: Path) -> None:
    command = f"trap '' HUP; exec {sys.executable} -c '{WRITER}' 0.5"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(["sh", "-c", command], cwd=tmp_path, env=environment, stdout=-1) as job:
        assert job.stdout is not None and job.stdout.readline() == b"ready\n"
        job.send_signal(signal.SIGHUP)
        assert job.wait() == 0
    assert names(tmp_path) == ["x"]
