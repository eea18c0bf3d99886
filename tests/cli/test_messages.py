"""What the commands say of wrong usage, odd files and huge inputs."""

from __future__ import annotations

import base64
import errno
import json
import os
import re
import shlex
import sys
import threading
from pathlib import Path

import click
import pytest

import tccodec
from tccodec.cli.program import COMMANDS, LazyGroup, program
from tccodec.cli.ranges import NumberType
from tccodec.cli.reporter import rate_text
from tccodec.container import Tag, TczFile, make_section, write
from tests.support.paths import files_in
from tests.support.pictures import picture
from tests.support.program import TINY, Run


def sectioned(**bodies: bytes) -> bytes:
    """A small .tcz file of an unknown model with these sections."""
    sections = tuple(make_section(Tag[name.upper()], body) for name, body in bodies.items())
    file = TczFile(
        width=9, height=9, setting=1, model_id=b"other", tiles=(b"x",), sections=sections
    )
    return write(file)


@pytest.mark.parametrize(
    "line",
    [
        "compress photo.png -q 150",
        "compress photo.png -q nan",
        "compress photo.png -q 5 --bpp 1",
        "compress photo.png --bpp 0",
        "compress photo.png --size 0",
        "compress photo.png --psnr inf",
        "compress photo.png --model ''",
        "decompress photo.tcz --model '' -o x.png",
        "verify photo.tcz --model ''",
        "archive . a --model '' --yes",
        "models show ''",
        "compress photo.png --resume ''",
        "view ''",
        "gallery '' -o x",
        "report ''",
        "report . -o ''",
        "report . --qualities ''",
        "export '' -o x",
        "train tcae-s --data '' -o x",
        "train tcae-s --data x -o ''",
        "generate --model '' -o x.png",
        "compress photo.png --model nonsense",
        "compress photo.png -o",
        "compress photo.png -o ''",
        "compress ''",
        "info ''",
        "compress photo.png --max-megapixels nan",
        "decompress photo.tcz --format nonsense",
        "decompress photo.tcz --format '' -o x.png",
        "decompress photo.tcz --realism nan",
        "decompress photo.tcz --model nonsense",
        f"decompress photo.tcz --region {'9' * 5000},0,1,1",
        "info photo.tcz --max-megapixels nan",
        "verify photo.tcz --model nonsense",
        "models show nonsense",
        "models --json show tcae-s",
        "compress photo.png -q 50 --bpp 1",
        "compress photo.png --lpips 2",
        "compress photo.png --device cuda:x",
        "verify photo.tcz --device gpu",
        "report . --metrics psnr,vmaf",
        "report . --codecs jpegg",
        "report . --window 0.1:inf",
        "report . --window 0.5:0.1",
        "export run -o model --mix other nan",
        "export run -o model --mix-decoder other nan",
        "generate --model m -o x.png --guidance nan",
        "generate train generator.toml -o photo.png",
        "train tcae-s --data . -o photo.png",
        "report . --external nonsense",
        "report . --qualities ten",
        "report . --codecs jpeg --qualities jpeg=101",
    ],
)
def test_wrong_usage_has_the_status_2(run: Run, packed: Path, line: str) -> None:
    result = run(*shlex.split(line))
    assert result.code == 2 and result.err and "Traceback" not in result.err
    assert files_in(packed.parent) == ["photo.png", "photo.tcz"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("compress a.png --quality=high", "'high' is not a number from 0 to 100"),
        ("compress a.png --quality=101", "'101' is not a number from 0 to 100"),
        ("compress a.png --jobs=x", "'x' is not a whole number from 1 to 100000"),
        ("compress a.png --effort=2.5", "'2.5' is not a whole number from 1 to 9"),
        ("compress a.png --effort=12", "'12' is not a whole number from 1 to 9"),
        ("compress a.png --bpp=0", "'0' is not a number from 0.0001 to 1000"),
        ("compress a.png --psnr=-4", "'-4' is not a number from 1 to 100"),
        ("compress a.png --ssimulacra2=nan", "'nan' is not a number from -100 to 100"),
        ("compress a.png --size=0", "'0' is not a size from 1 byte to 1 TiB"),
        ("compress a.png --max-megapixels=0", "'0' is not a number above 0"),
        ("decompress a.tcz --realism=2", "'2' is not a number from 0 to 1"),
        ("report . --limit=0", "'0' is not a whole number from 1 on"),
        ("report . --page-mb=nan", "'nan' is not a number from 0 on"),
        ("export run -o model --mix other 3", "'3' is not a number from 0 to 1"),
        ("train tcae-s --data . -o x --minutes=0", "'0' is not a number above 0"),
    ],
)
def test_a_number_out_of_its_range_is_said_in_words(run: Run, line: str, words: str) -> None:
    result = run(*line.split())
    assert result.code == 2 and result.err.endswith(f": {words}\n")


def test_the_help_names_the_range_of_every_number() -> None:
    """As what follows the option, and not in click's notation."""
    found = set()
    for name in COMMANDS:
        command = program.get_command(click.Context(program), name)
        assert command is not None
        for option in command.params:
            if isinstance(option.type, NumberType):
                found.add(f"{option.opts[-1]} {option.type.name}")
                assert isinstance(option, click.Option) and option.metavar is None
            else:
                assert not isinstance(option.type, click.types.IntParamType), option.name
                assert not isinstance(option.type, click.types.FloatParamType), option.name
        text = command.get_help(click.Context(command))
        assert "<=x" not in text and "RANGE" not in text
    assert found >= {"--jobs 1..100000", "--bpp 0.0001..1000", "--max-megapixels 0.."}


def test_a_link_that_leads_in_a_circle_is_wrong_usage(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    for line in ("archive in loop", "report loop", "report in -o loop", "gallery in -o loop"):
        result = run(*line.split())
        assert result.code == 2 and "loop is a link that leads in a circle\n" in result.err


@pytest.mark.skipif(os.name == "nt", reason="Windows deletes no folder that is in use")
@pytest.mark.parametrize("line", ["compress photo.png", "compress {photo} -o {out}", "models"])
def test_a_current_folder_that_was_deleted_is_said(
    run: Run, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    result = run(*line.format(photo=photo, out=tmp_path / "x.tcz").split())
    assert result.code == 1
    said = "the current folder is not there any more; change to another one"
    assert result.err == f"tccodec: {said}\n"


def test_commands_with_an_option_for_it_say_how_to_raise_the_limit(
    run: Run, packed: Path, photo: Path
) -> None:
    for line in (("info", packed), ("decompress", packed, "-f"), ("compress", photo, "-f", *TINY)):
        result = run(*line, "--max-megapixels", "0.001")
        assert result.code == 1
        assert "above the limit of 0.001 megapixels; --max-megapixels raises it" in result.err
    with pytest.raises(tccodec.LimitExceeded, match=r"limit of 0\.001 megapixels$"):
        tccodec.decompress(packed, limits=tccodec.Limits(max_pixels=1000))


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
    result = run("info", "a.tcz", name)
    assert result.code == 0 and len(result.out) < 2000
    text = result.out.decode() + run("verify", name).err + run("compress", name, *TINY).err
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
    results = [run("models"), run("models", "show", "evil")]
    text = "".join(result.out.decode() + result.err for result in results)
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
    [result] = run("info", os.fsdecode(b"bad\xff.tcz"), "--json").json()
    assert base64.b64decode(result["file_base64"]) == b"bad\xff.tcz"
    os.rename(raw, "写.png")
    [there] = run("compress", "写.png", "--json", *TINY).json()
    assert there["input"] == "写.png" and "input_base64" not in there


def test_huge_and_endless_inputs_are_refused_at_once(run: Run, packed: Path, photo: Path) -> None:
    holes = {"zeros.tcz": b"", "valid.tcz": packed.read_bytes(), "valid.png": photo.read_bytes()}
    holes["zeros.png"] = b""
    for name, start in holes.items():
        Path(name).write_bytes(start)
        os.truncate(name, 10**11)
    assert "not a .tcz file" in run("info", "zeros.tcz").err
    assert "not a picture" in run("compress", "zeros.png", "-o", "z.tcz", *TINY).err
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


@pytest.mark.parametrize(
    ("number", "name", "said"),
    [
        (errno.ENOSPC, None, "No space left on device"),
        (errno.ENOSPC, "run/figures", "run/figures: No space left on device"),
        (errno.EPIPE, None, "Broken pipe"),
        (errno.EPIPE, "pipe", "pipe: Broken pipe"),
    ],
)
def test_only_errors_of_stdout_are_blamed_on_it(
    run: Run, monkeypatch: pytest.MonkeyPatch, number: int, name: str | None, said: str
) -> None:
    def fail() -> None:
        raise OSError(number, os.strerror(number), name)

    monkeypatch.setattr(LazyGroup, "get_command", lambda *_: click.Command("x", callback=fail))
    result = run("x")
    assert (result.code, result.err) == (1, f"tccodec: {said}\n")


@pytest.mark.parametrize(
    ("pixels", "text"),
    [(1, "0.000001"), (9_500, "0.0095"), (1_840_000, "1.8"), (251 * 10**6, "250")],
)
def test_a_speed_has_two_digits_and_no_exponent(pixels: int, text: str) -> None:
    assert rate_text(0, pixels, 1.0).endswith(f", {text} MP/s")
