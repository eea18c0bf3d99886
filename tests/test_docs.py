"""What the documents say is true: their commands parse, their test vectors are real."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from tccodec.cli.program import program
from tccodec.container import read, write

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = re.findall(r"(?<=tccodec )(?:compress|decompress|info|verify|models)\b[^#&|\n]*", README)


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_of_the_readme_parse(line: str) -> None:
    name, *arguments = shlex.split(line.partition(" > ")[0])
    with click.Context(program) as ctx:
        command = program.get_command(ctx, name)
        assert command is not None
        command.make_context(name, arguments, parent=ctx)


def test_readme_has_enough_commands() -> None:
    assert len(COMMANDS) >= 12


def test_readme_and_ci_run_the_same_tests() -> None:
    [line] = [x for x in README.splitlines() if x.endswith("python -m pytest")]
    assert "install -e '.[dev]'" in line
    assert 'python -m pytest "$@"' in (ROOT / ".ci" / "run").read_text("utf-8")


def test_files_that_the_readme_links_to_are_there() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def vectors() -> list[bytes]:
    """The indented blocks of hexadecimal bytes in section 6 of the format document."""
    text = (ROOT / "docs" / "format.md").read_text("utf-8").partition("## 6. Test vectors")[2]
    blocks = re.findall(r"(?:^    (?:[0-9A-F]{2} ?)+ .*\n)+", text, re.MULTILINE)
    lines = [re.findall(r"^    ((?:[0-9A-F]{2} ?)+)(?= )", b, re.MULTILINE) for b in blocks]
    return [bytes.fromhex("".join(x)) for x in lines]


def test_vectors_of_the_format_document() -> None:
    one, two = vectors()
    assert read(one).tiles == (b"payload",) and write(read(one)) == one
    assert read(two).tiles == (b"AB", b"C") and write(read(two)) == two
    assert read(two).grey and read(two).sections[0].body == b"hi"
