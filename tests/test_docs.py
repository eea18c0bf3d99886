"""What the documents say is true: their commands run, line by line, their test vectors are real."""

from __future__ import annotations

import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from PIL import Image

import tccodec
from tccodec.cli.program import COMMANDS, program
from tccodec.container import read, write
from tests.support.models import write_tiny_config
from tests.support.paths import ROOT

README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
SCRIPTS = [p for p in (ROOT / "scripts").iterdir() if p.is_file() and not p.suffix]
# Pages whose links are checked, but not their commands.
LINKING = sorted({*PAGES, *ROOT.glob("[A-Z]*.md"), *ROOT.glob("models/**/README.md")})

# Lines that install packages or enter the environment: their syntax is checked, they are not run.
INSTALLING = ("scripts/try", "scripts/test", ". .venv/bin/activate")
# Lines that need what no test has: their options are parsed, they are not run.
PARSED = (
    "tccodec report photos/ --external",  # another codec's programs
    "tccodec compress photos/ -r -o small/ --engine ray",  # a cluster
    "tccodec archive photos/ small/ --yes --engine ray",
    "tccodec train tcae-s-realism",  # the weights of VGG16
    "tccodec export runs/realism",
)
# Lines that take long: their options are parsed, and they run with these ones after their own.
SHORTER = {
    "tccodec train ": "--minutes 0.02 --init $TINY_MODEL",
    "tccodec report ": "--codecs jpeg,webp --points 2 --metrics psnr",
}
# A configuration that trains for hours -> one that takes a second.
SMALLER = {" tcae-s ": " $TINY_CONFIG "}
SIZE = (720, 440)  # of the photograph that is worked on


def text_of(page: Path) -> str:
    return page.read_text("utf-8")


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a page, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(page), re.MULTILINE | re.DOTALL)


def lines(page: Path) -> list[str]:
    """The shell lines of a page, continued ones joined, as a person pastes them."""
    text = "".join(blocks(page, "sh")).replace("\\\n", " ")
    return [re.sub(" +", " ", line) for line in text.splitlines()]


def parse(line: str) -> None:
    """Raise unless `tccodec ...` is a right command line; it is not run."""
    _, name, *arguments = shlex.split(line.partition(" > ")[0])
    with click.Context(program) as ctx:
        command = program.get_command(ctx, name)
        assert command is not None, name
        command.make_context(name, arguments, parent=ctx)


def as_run(line: str) -> str:
    """What the test runs for a line of a page; an empty string for one that is only parsed."""
    if line.startswith(INSTALLING):
        return ""
    if line.startswith(PARSED):
        parse(line)
        return ""
    for start, options in SHORTER.items():
        if line.startswith(start):
            parse(line)
            for long, short in SMALLER.items():
                line = line.replace(long, short)
            return f"{line} {options}"
    return line


def photo(folder: Path) -> None:
    """The bundled photograph, smaller for the sake of time, in a new folder or an old one."""
    folder.mkdir(parents=True, exist_ok=True)
    with Image.open(ROOT / "examples" / "photo.jpg") as picture:
        picture.resize(SIZE).save(folder / "photo.jpg", quality=95)


def run_in_order(page: Path, folder: Path, tiny_model: Path) -> None:
    """Paste a page's lines into one shell that starts in `folder`; all must succeed."""
    tools = folder.parent / "tools"
    tools.mkdir()
    shim = tools / "tccodec"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tccodec "$@"\n', "utf-8")
    shim.chmod(0o755)
    write_tiny_config(tools / "tiny.toml")
    script, done = tools / "session.sh", tools / "done.txt"
    wanted = [line for line in lines(page) if as_run(line)]
    steps = [f"{as_run(x)}\nprintf '%s %s\\n' $? {shlex.quote(x)} >> \"$DONE\"" for x in wanted]
    script.write_text("\n".join(steps), "utf-8")
    environment = os.environ | {
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "DONE": str(done),
        "TINY_MODEL": str(tiny_model),
        "TINY_CONFIG": str(tools / "tiny.toml"),
    }
    session = subprocess.run(
        ["bash", str(script)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment,
    )
    assert text_of(done).splitlines() == [f"0 {line}" for line in wanted], session.stderr


needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


@pytest.mark.slow
@needs_bash
def test_the_readme_runs_line_by_line(tmp_path: Path, tiny_model_dir: Path) -> None:
    clone = tmp_path / "a clone"
    photo(clone / "examples")
    run_in_order(README, clone, tiny_model_dir)
    tour = clone / "tour"
    sizes = {"part.png": (320, 240), "thumbnail.png": (90, 55), "back/photo.webp": SIZE}
    for name, size in sizes.items():
        with Image.open(tour / name) as picture:
            assert picture.size == size
    assert (tour / "small.tcz").stat().st_size <= 20_000
    assert (tour / "holiday-report" / "report.html").is_file()
    [program] = blocks(README, "python")
    subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        check=True,
        cwd=tour,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


@pytest.mark.slow
@needs_bash
@pytest.mark.parametrize("page", [p for p in PAGES[1:] if lines(p)], ids=lambda p: p.name)
def test_a_page_runs_line_by_line(page: Path, tmp_path: Path, tiny_model_dir: Path) -> None:
    if page.name == "cluster.md":
        pytest.importorskip("ray")
    folder = tmp_path / "empty"
    photo(folder)
    photo(folder / "photos")
    run_in_order(page, folder, tiny_model_dir)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [p for p in PAGES[1:] if blocks(p, "python")], ids=lambda p: p.name
)
def test_python_on_a_page_runs(page: Path, tmp_path: Path) -> None:
    photo(tmp_path)
    photo(tmp_path / "photos")
    subprocess.run(
        [sys.executable, "-W", "error", "-c", "".join(blocks(page, "python"))],
        check=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def benchmarks() -> list[str]:
    """The modules of every indented command line in the pages."""
    found = {m[1] for p in PAGES for m in re.finditer(r"^    python -m (\S+)", text_of(p), re.M)}
    return sorted(found)


@pytest.mark.parametrize("module", benchmarks())
def test_benchmarks_that_pages_name_say_how_they_are_called(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0 and "usage:" in done.stdout, done.stderr


def test_lines_can_be_pasted_into_any_shell() -> None:
    """An interactive zsh knows no comments, and takes brackets for patterns unless quoted."""
    for page in PAGES:
        for line in lines(page):
            bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", line)
            assert not set("#[]*?!~") & set(bare), f"{page.name}: {line}"
            assert line == line.strip() and line


def test_lists_of_lines_that_are_not_run_name_real_ones() -> None:
    every = [line for page in PAGES for line in lines(page)]
    assert len(every) >= 30
    for start in (*INSTALLING, *PARSED, *SHORTER):
        assert any(line.startswith(start) for line in every), start


@pytest.mark.parametrize("script", sorted(p.name for p in SCRIPTS))
def test_scripts_are_right_for_every_shell(script: str) -> None:
    path = ROOT / "scripts" / script
    assert os.access(path, os.X_OK)
    assert text_of(path).startswith("#!/bin/sh\n")
    for shell in ("sh", "dash", "bash", "zsh"):
        if shutil.which(shell):
            subprocess.run([shell, "-n", str(path)], check=True)


def test_the_model_card_has_the_notes_that_it_was_exported_with() -> None:
    assert text_of(ROOT / "configs" / "tcae-s.md") in text_of(ROOT / "models/tcae-s/README.md")


def test_the_model_card_and_the_readme_have_the_same_figures() -> None:
    table = r"<!-- kodak -->.*<!-- /kodak -->"
    [card], [readme] = (
        re.findall(table, text_of(page), re.DOTALL)
        for page in (ROOT / "models/tcae-s/README.md", README)
    )
    assert card == readme


def test_extras_that_are_installed_exist() -> None:
    declared = text_of(ROOT / "pyproject.toml").partition("[project.optional-dependencies]")[2]
    installed = set(re.findall(r"\.\[(\w+)\]|scripts/environment (\w+)", text_of(README)))
    for script in ("scripts/try", "scripts/test", ".ci/run"):
        installed |= set(
            re.findall(r"\.\[(\w+)\]|scripts/environment (\w+)", text_of(ROOT / script))
        )
    for extra in {a or b for a, b in installed}:
        assert re.search(rf"^{extra} = ", declared, re.MULTILINE), extra


def test_continuous_integration_runs_the_tests_that_the_readme_names() -> None:
    assert "`scripts/test`" in text_of(README)
    assert 'scripts/test "$@"' in text_of(ROOT / ".ci" / "run")


def anchors(page: Path) -> set[str]:
    """What links to a page's headings end in: lower case, words joined by hyphens."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", LINKING, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_headings_that_pages_link_to_are_there(page: Path) -> None:
    for name, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", text_of(page)):
        target = page.parent / name if name else page
        assert target.exists(), name
        assert not anchor or anchor in anchors(target), f"{name}#{anchor}"


def test_the_reference_of_commands_is_that_of_the_program() -> None:
    """`python scripts/cli_reference.py` writes it anew."""
    subprocess.run(
        [sys.executable, "scripts/cli_reference.py", "--check"],
        check=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_the_reference_has_every_option_of_help(name: str) -> None:
    shown = CliRunner().invoke(program, [name, "--help"]).output
    options = set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", shown)) - {"-h", "--help"}
    after = text_of(ROOT / "docs" / "reference" / "cli.md").partition(f"### tccodec {name}\n")[2]
    section = after.partition("\n### ")[0]
    assert section and all(re.search(rf"{option}(?![\w-])", section) for option in options)


def test_examples_in_help_are_right() -> None:
    examples = "".join(blocks(ROOT / "docs" / "reference" / "cli.md", "text")).splitlines()
    assert len(examples) >= 10
    for line in examples:
        for command in line.split(" | "):
            if command.startswith("tccodec") and "--print-config" not in command:
                parse(command)


def test_the_python_reference_has_every_public_name_and_argument() -> None:
    page = text_of(ROOT / "docs" / "reference" / "python.md")
    code = " ".join(re.findall(r"`([^`\n]+)`", page))
    methods = [
        getattr(tccodec.Codec, name) for name in vars(tccodec.Codec) if not name.startswith("_")
    ]
    arguments = {
        argument
        for function in (tccodec.compress, tccodec.decompress, *filter(callable, methods))
        for argument in inspect.signature(function).parameters
    } - {"self"}
    names = {*tccodec.__all__, *dir(tccodec.Codec), *arguments}
    public = [name for name in names if not name.startswith("_")]
    assert [name for name in public if not re.search(rf"\b{name}\b", code)] == []


def test_the_map_leads_to_every_page() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {index.parent / name for name in re.findall(r"\]\(([^):]+\.md)\)", text_of(index))}
    assert {page for page in PAGES[1:] if page != index} <= linked


def vectors() -> list[bytes]:
    """The indented blocks of hexadecimal bytes in section 6 of the format document."""
    text = text_of(ROOT / "docs" / "reference" / "format.md").partition("## 6. Test vectors")[2]
    found = re.findall(r"(?:^    (?:[0-9A-F]{2} ?)+ .*\n)+", text, re.MULTILINE)
    hexadecimal = [re.findall(r"^    ((?:[0-9A-F]{2} ?)+)(?= )", b, re.MULTILINE) for b in found]
    return [bytes.fromhex("".join(x)) for x in hexadecimal]


def test_vectors_of_the_format_document() -> None:
    one, two = vectors()
    assert read(one).tiles == (b"payload",) and write(read(one)) == one
    assert read(two).tiles == (b"AB", b"C") and write(read(two)) == two
    assert read(two).grey and read(two).sections[0].body == b"hi"


def test_the_python_that_is_named_makes_the_environment_or_none(tmp_path: Path) -> None:
    if shutil.which("sh") is None:
        pytest.skip("sh is not here")
    done = subprocess.run(
        ["sh", ROOT / "scripts" / "environment", "report"],
        env=os.environ | {"PYTHON": "no such python", "VENV": str(tmp_path / "venv")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode and done.stderr == "PYTHON=no such python is not Python 3.11 or later\n"
    assert not (tmp_path / "venv").exists()
