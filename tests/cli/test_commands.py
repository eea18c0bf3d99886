"""info, verify, models, help: what needs no network or little of it."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tccodec import __version__
from tccodec.cli.options import ByteSize
from tccodec.cli.program import COMMANDS, program
from tccodec.container import Tag, TczFile, make_section, read, write
from tests.support.paths import ROOT, files_in
from tests.support.program import TINY, Run


def test_threads_do_not_spin_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """It must be said before torch is imported, and a user's own word counts."""
    code = (
        "import sys, os; from tccodec.cli.program import share_cores; share_cores();"
        "assert 'torch' not in sys.modules; print(os.environ.get('GOMP_SPINCOUNT'))"
    )

    def said() -> str:
        command = [sys.executable, "-c", code]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout

    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    assert said() == "4000\n"
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    assert said() == "None\n"
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    assert said() == "7\n"


def test_info_for_people(run: Run, packed: Path) -> None:
    result = run("info", packed)
    assert result.code == 0
    text = result.out.decode()
    assert "60 x 40, RGB" in text and "quality   50" in text and "tiny (" in text
    assert "version 1, checksums good" in text


def test_info_as_json(run: Run, packed: Path) -> None:
    [found] = run("info", packed, "--json").json()
    size = packed.stat().st_size
    assert found["bytes"] == size and found["bpp"] == pytest.approx(size * 8 / 2400, abs=1e-6)
    assert found["mode"] == "RGB" and found["model"] == "tiny" and found["sections"] == {}
    assert found["bytes"] - found["payload_bytes"] == 18


def test_info_of_sections_and_of_a_model_that_is_not_here(run: Run, tmp_path: Path) -> None:
    file = TczFile(
        width=9,
        height=9,
        setting=1,
        model_id=b"other",
        grey=True,
        tiles=(b"x",),
        sections=(
            make_section(Tag.ALPHA, b"\0\7"),
            make_section(Tag.EXIF, b"12345"),
            make_section(Tag.SOURCE, b"I;16"),
        ),
    )
    (tmp_path / "f.tcz").write_bytes(write(file))
    [found] = run("info", "f.tcz", "--json").json()
    assert found["mode"] == "LA" and found["source_mode"] == "I;16"
    assert found["model"] is None and found["model_id"] == "6f74686572"
    assert found["sections"] == {"alpha": 2, "exif": 5, "source": 4}
    assert "not here (6f74686572)" in run("info", "f.tcz").out.decode()
    result = run("decompress", "f.tcz")
    assert result.code == 1 and "model 6f74686572, which is not here" in result.err


def test_info_and_verify_from_stdin(run: Run, packed: Path) -> None:
    assert run("info", "-", stdin=packed.read_bytes()).code == 0
    assert run("verify", "-", stdin=packed.read_bytes()).out == b"stdin: ok\n"


@pytest.mark.parametrize("command", ["info", "verify", "decompress"])
def test_damaged_files_get_one_sentence(run: Run, packed: Path, command: str) -> None:
    data = bytearray(packed.read_bytes())
    data[-3] ^= 4
    Path("bad.tcz").write_bytes(data)
    Path("short.tcz").write_bytes(data[:9])
    Path("text.tcz").write_text("hello")
    Path("empty.tcz").write_bytes(b"")
    names = ["bad.tcz", "short.tcz", "text.tcz", "empty.tcz", "gone.tcz"]
    for name in names:
        result = run(command, name)
        assert result.code == 1
        assert re.fullmatch(rf"tccodec: {name}: [^\n]+\n", result.err)
    together = run(command, *names, packed, *(["-o", "out"] if command == "decompress" else []))
    assert together.code == 1 and together.err.count("tccodec:") == 5


def test_verify(run: Run, packed: Path) -> None:
    result = run("verify", packed)
    assert (result.code, result.out.decode(), result.err) == (0, f"{packed}: ok\n", "")
    assert run("verify", packed, "--json").json() == [{"file": str(packed), "ok": True}]
    assert run("verify", packed, "-Q").out == b""


def test_verify_decodes_every_symbol(run: Run, packed: Path) -> None:
    """Right checksums around a wrong payload: `info` is content, `verify` is not."""
    file = read(packed.read_bytes())
    payload = file.tiles[0][:-4] + b"\1\2\3\4"
    bad = TczFile(
        width=60, height=40, setting=file.setting, model_id=file.model_id, tiles=(payload,)
    )
    Path("bad.tcz").write_bytes(write(bad))
    assert run("info", "bad.tcz").code == 0
    result = run("verify", "bad.tcz", "--json")
    assert result.code == 1 and result.json()[0]["ok"] is False


def test_models(run: Run) -> None:
    plain = run("models").out.decode()
    assert plain == run("models", "list").out.decode()
    assert re.search(r"^  tiny +[0-9a-f]{10}  untrained, for tests$", plain, re.MULTILINE)
    found = {m["name"]: m for m in run("models", "list", "--json").json()}
    assert found["tiny"]["weights_bytes"] > 1000
    shown = run("models", "show", "tiny").out.decode()
    assert shown.startswith("tiny: untrained, for tests\n") and "groups" in shown
    assert run("models", "show", "tiny", "--json").json()[0]["config"]["format"] == 1
    result = run("models", "show", "none")
    assert result.code == 2 and "no model 'none'" in result.err
    Path("half").mkdir()
    Path("half/config.json").write_text(
        json.dumps(run("models", "show", "tiny", "--json").json()[0]["config"])
    )
    assert "weights_bytes    not there\n" in run("models", "show", "./half").out.decode()


def commands() -> list[tuple[str, click.Command]]:
    """Every command and subcommand that is there, with its path."""
    found = []
    with click.Context(program) as ctx:
        for name in program.list_commands(ctx):
            command = program.get_command(ctx, name)
            assert command is not None
            found.append((name, command))
            if isinstance(command, click.Group):
                found += [(f"{name} {n}", c) for n, c in command.commands.items()]
    return found


@pytest.mark.parametrize(("name", "command"), commands())
def test_every_command_and_option_is_explained(name: str, command: click.Command) -> None:
    assert command.help and command.short_help
    assert len(command.short_help) <= 60
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.name}"


def test_the_table_of_short_helps_is_true() -> None:
    with click.Context(program) as ctx:
        for name in program.list_commands(ctx):
            module = importlib.import_module(f"tccodec.cli.{name}")
            assert module.command.short_help == COMMANDS[name]
            assert module.command.name == name


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help(run: Run, flag: str) -> None:
    result = run(flag)
    assert result.code == 0
    for name in ("compress", "decompress", "info", "verify", "models"):
        assert f"  {name}" in result.out.decode()
    assert "--psnr 1..100" in run("compress", flag).out.decode()


def test_version_and_wrong_usage(run: Run) -> None:
    assert run("--version").out.decode() == f"tccodec {__version__}\n"
    for arguments in (("nonsense",), ("compress",), ("compress", "a", "--nonsense")):
        result = run(*arguments)
        assert result.code == 2 and "Usage" in result.err + result.out.decode()
    result = run()  # to click before 8.2, nothing at all is not yet wrong
    assert result.code in (0, 2) and "Usage" in result.err + result.out.decode()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("20000", 20000), ("20KB", 20000), ("20k", 20000), ("20 KiB", 20480), ("1.5MB", 1.5e6)],
)
def test_sizes(text: str, wanted: float) -> None:
    assert ByteSize().convert(text, None, None) == wanted


@pytest.mark.parametrize("text", ["", "KB", "-5", "1e3", "20TB", "2 0"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(click.BadParameter):
        ByteSize().convert(text, None, None)


def cli(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """`python cli.py ...` in a process of its own."""
    command = [sys.executable, str(ROOT / "cli.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize(
    "arguments", [("--help",), ("compress", "--help"), ("models", "list"), ("info", "photo.tcz")]
)
def test_these_answer_without_torch(
    packed: Path, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    trace = subprocess.run(
        [sys.executable, "-X", "importtime", str(ROOT / "cli.py"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert trace.returncode == 0
    modules = {line.rpartition("|")[2].strip() for line in trace.stderr.splitlines()}
    assert "click" in modules
    assert not {"torch", "numpy", "PIL", "rich", "constriction"} & modules


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no signal to one process")
def test_ctrl_c_while_the_program_starts_is_no_traceback() -> None:
    code = """
import os, signal, sys

class Pressed:
    def find_spec(self, name, path=None, target=None):
        if name == "click" and sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Pressed())
import tccodec.cli
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
"""
    for pressed, status in (("yes", -signal.SIGINT), ("", 0)):
        command = [sys.executable, "-c", code, pressed]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        assert (done.returncode, done.stderr) == (status, "")


def test_closed_pipe_is_no_traceback(packed: Path) -> None:
    line = f"{sys.executable} {ROOT / 'cli.py'} info {str(packed) + ' ' * 1} | head -c 1"
    out = subprocess.run(line, shell=True, capture_output=True, text=True, check=False)
    assert "Traceback" not in out.stderr and "Exception" not in out.stderr


def test_a_real_process_end_to_end(photo: Path, tiny_model_dir: Path) -> None:
    """Through `python -m tccodec`: a wrong file costs no torch import, a right one works."""
    command = [sys.executable, "-m", "tccodec", "compress", "photo.png", "gone.png"]
    out = subprocess.run(
        [*command, "--model", str(tiny_model_dir), "--device", "cpu", "--json", "--threads", "1"],
        capture_output=True,
        text=True,
        check=False,
        cwd=photo.parent,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert out.returncode == 1
    good, bad = map(json.loads, out.stdout.splitlines())
    assert good["output_bytes"] == photo.with_suffix(".tcz").stat().st_size
    assert bad["error"] == "there is no such file"
    assert "1 of 2 failed" in out.stderr


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_progress_on_a_terminal_only(photo: Path, tiny_model_dir: Path) -> None:
    arguments = ["compress", "photo.png", "-f", "--device", "cpu", "--threads", "1"]
    arguments += ["--model", str(tiny_model_dir)]

    def stderr_of(**environment: str) -> str:
        ours, theirs = os.openpty()
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "cli.py"), *arguments],
            cwd=photo.parent,
            stderr=theirs,
            stdout=subprocess.DEVNULL,
            env=os.environ | {"TERM": "xterm", **environment},
        )
        os.close(theirs)
        seen = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # Linux's way of saying that the other end is closed
                piece = b""
            if not piece:
                break
            seen += piece
        os.close(ours)
        assert process.wait() == 0
        return seen.decode()

    colour = re.compile(r"\x1b\[[39][0-7]m")
    shown = stderr_of()
    assert "1/1" in shown and colour.search(shown) and "MP/s" in shown
    plain = stderr_of(NO_COLOR="1")
    assert "1/1" in plain and not colour.search(plain)


def test_the_same_file_twice_and_a_pipe_as_a_file(run: Run, packed: Path) -> None:
    assert len(run("info", packed, packed, "--json").json()) == 2
    os.mkfifo("pipe")
    writer = subprocess.Popen(["sh", "-c", f"cat '{packed}' > pipe"])
    assert run("info", "pipe").code == 0
    assert writer.wait() == 0


@pytest.mark.parametrize("command", ["info", "verify"])
def test_the_option_that_names_all_files_is_one_of_the_command(
    command: str, run: Run, packed: Path
) -> None:
    folder = packed.parent / "mixed"
    folder.mkdir()
    shutil.copy(packed, folder)
    for i in range(7):
        (folder / f"{i}.txt").write_text("no picture")
    result = run(command, "-r", folder)
    [hint] = re.findall(r" and 2 more \((\S+) names all\)", result.err)
    assert result.code == 0 and all(f"{i}.txt" in result.err for i in range(5))
    assert all(f"{i}.txt".encode() in run(command, "-r", folder, hint).out for i in range(7))


def test_info_and_verify_of_folders(run: Run, packed: Path) -> None:
    files = run("info", "-r", ".", "--json").json()
    assert [f["file"] for f in files] == ["photo.tcz", "photo.png"]
    assert files[1]["skipped"]
    result = run("info", ".")
    assert result.code == 1 and "-r walks it" in result.err


@pytest.mark.skipif(sys.platform != "linux", reason="needs names of any bytes")
def test_a_name_that_is_no_text(run: Run, packed: Path) -> None:
    odd = os.fsdecode(b"odd\xff.tcz")
    Path(odd).write_bytes(packed.read_bytes())
    result = run("info", odd)
    assert result.code == 0 and "odd\\xff.tcz" in result.out.decode()
    assert run("decompress", odd, "-o", "x.png").code == 0


# A line for each command that takes --device.
ON_DEVICES = {
    "compress": "compress photo.png nowhere.png -o out/",
    "decompress": "decompress photo.tcz nowhere.tcz -o out/ --jobs 2",
    "archive": "archive photos out --yes",
    "verify": "verify photo.tcz nowhere.tcz",
    "train": "train tcae-s --data photos -o out",
    "generate": "generate --model photos -o out.png",
    "generate train": "generate train {generator} --autoencoder photos --data photos -o out",
}


def test_a_device_that_is_not_there_is_wrong_usage(run: Run, packed: Path) -> None:
    """It is said once, before any file is touched."""
    options = {name: [param.name for param in command.params] for name, command in commands()}
    assert {name for name, names in options.items() if "device" in names} == set(ON_DEVICES)
    Path("photos").mkdir()
    shutil.copy("photo.png", "photos")
    before = files_in(Path())
    generator = ROOT / "configs" / "paper" / "generator.toml"
    for line in (*ON_DEVICES.values(), "archive --restore photos out", "compress - --dry-run"):
        if "--restore" in line:
            Path("photos/manifest.jsonl").write_text('{"schema": "tccodec-archive-1"}\n')
            before = files_in(Path())
        arguments = line.format(generator=generator).split()
        result = run(*arguments, "--device", "cuda:99")
        text = r"tccodec: [^\n]* no (cuda device|device cuda:99[^\n]*)\n"
        assert result.code == 2 and re.fullmatch(text, result.err), (line, result.err)
        assert files_in(Path()) == before, line
    result = run("verify", packed, "--device", "mps")
    if result.code:  # everywhere but on a Mac
        assert re.fullmatch(r"tccodec: [^\n]+ mps device\n", result.err)


def test_common_options_have_common_names() -> None:
    """The same short name means the same everywhere, and what writes takes -o and --output."""
    meanings: dict[str, set[str]] = {}
    for _, command in commands():
        names = {name for o in command.params if isinstance(o, click.Option) for name in o.opts}
        for option in command.params:
            for short in (n for n in option.opts if len(n) == 2):
                meanings.setdefault(short, set()).add(option.opts[1])
        assert ("-o" in names) == ("--output" in names)
        assert ("--quiet" in names) == ("-Q" in names)
    assert all(len(long) == 1 for long in meanings.values()), meanings


@pytest.mark.parametrize("name", ["compress", "decompress", "archive"])
def test_help_lists_every_option_in_a_section(run: Run, name: str) -> None:
    text = run(name, "--help").out.decode()
    command = dict(commands())[name]
    for option in command.params:
        if isinstance(option, click.Option):
            assert text.count(f" {option.opts[-1]} ") >= 1
    titles = [line for line in text.splitlines() if line.endswith(":") and line[0] != " "]
    assert titles[0] == "Outputs:" and titles[-1] == "Messages:" and "Options:" not in titles


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("tccodec comp", {"plain,compress"}),
        ("tccodec compress ph", {"file,ph"}),
        ("tccodec decompress photo.tcz -o ba", {"file,ba"}),
        ("tccodec compress --model ti", {"plain,tiny"}),
        ("tccodec compress --tune s", {"plain,ssim"}),
        ("tccodec compress --dry", {"plain,--dry-run"}),
    ],
)
def test_a_shell_completes_commands_files_and_models(
    tmp_path: Path, line: str, found: set[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from tccodec.cli import main; main()"],
        cwd=tmp_path,
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "_TCCODEC_COMPLETE": "bash_complete"}
        | {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert set(done.stdout.split()) == found


def test_models_as_json(run: Run) -> None:
    assert run("models", "--json").json() == run("models", "list", "--json").json()


def test_an_option_without_an_effect_is_refused(run: Run, photo: Path) -> None:
    result = run("compress", photo, "--tune", "visual", "--effort", "1", *TINY)
    assert result.code == 2 and "--tune has no effect at effort 1" in result.err
    assert not photo.with_suffix(".tcz").exists()
    assert run("compress", photo, "--tune", "visual", *TINY).code == 0


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("compress a.png --lossless --effort 3", "--effort has no effect with --lossless"),
        ("compress a.png --lossless --effort 2", "--effort has no effect with --lossless"),
        ("compress a.png --tune ssim --lossless", "--tune has no effect with --lossless"),
        ("compress a.png --screen --tune ssim", "--tune has no effect with --screen"),
        ("compress a.png -Q -v", "--quiet and --verbose exclude each other"),
        ("compress a.png -o - --preserve-times", "--preserve-times is for output files"),
        ("compress a.png -o - --skip-existing", "--skip-existing is for output files"),
        ("decompress a.tcz -o - --preserve-times", "--preserve-times is for output files"),
        ("decompress a.tcz -o b.png --overwrite-originals", "is for names without -o"),
        ("archive --check small --jobs 2", "--jobs does not go with --check"),
        ("archive --check small --model x", "--model does not go with --check"),
        ("archive --check small --max-megapixels 9", "--max-megapixels does not go with --check"),
        ("report . --qualities 10,30 --points 4", "--points has no effect"),
        ("report . --qualities jpeg=5;10,30 --points 4", "--points has no effect"),
    ],
)
def test_options_without_an_effect_are_refused(line: str, text: str, run: Run) -> None:
    """Before anything is read or written."""
    before = sorted(path.name for path in Path().iterdir())
    result = run(*line.split())
    assert result.code == 2 and result.out == b"" and text in result.err
    assert sorted(path.name for path in Path().iterdir()) == before


def test_a_picture_is_not_overwritten_by_a_slip(run: Run, photo: Path, tmp_path: Path) -> None:
    before = photo.read_bytes()
    for options in ((), ("-f",)):
        result = run("compress", photo, "-o", photo, *options, *TINY)
        assert result.code == 2 and "the name of a picture" in result.err
    assert photo.read_bytes() == before
    assert run("compress", photo, "-o", tmp_path / "other.name", *TINY).code == 0
