#!/usr/bin/env python3
"""Writes the commands and their options into docs/reference/cli.md, from the commands themselves.

    python scripts/cli_reference.py [--check]

With `--check` nothing is written, and the exit status is 1 if the page is out of date.
"""

from __future__ import annotations

import argparse
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from tccodec.cli.program import program
from tccodec.cli.ranges import spelled

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "cli.md"
START, END = "<!-- commands -->", "<!-- /commands -->"
BAR = "\\|"  # a vertical line inside a table
NO_WRAP = "\b"  # click's mark before a paragraph whose lines stay as they are


def commands(group: click.Group, name: str) -> Iterator[tuple[str, click.Command]]:
    """`("tccodec compress", command)` for each command of a group and of the groups in it."""
    with click.Context(group) as ctx:
        below = [(f"{name} {n}", group.get_command(ctx, n)) for n in group.list_commands(ctx)]
    for path, command in below:
        assert command is not None
        yield path, command
        if isinstance(command, click.Group):
            yield from commands(command, path)


def usage(path: str, command: click.Command) -> str:
    """`tccodec compress [OPTIONS] IN...`."""
    positional = [p for p in command.params if isinstance(p, click.Argument)]
    arguments = [p.metavar or p.human_readable_name.upper() for p in positional]
    if isinstance(command, click.Group):
        arguments.append("[COMMAND]" if command.invoke_without_command else "COMMAND")
    return " ".join([path, "[OPTIONS]", *arguments])


def help_text(command: click.Command) -> str:
    """The description of a command; paragraphs that click does not wrap become code."""
    parts = inspect.cleandoc(command.help or "").split("\n\n")
    blocks = [part.removeprefix(NO_WRAP).strip("\n") for part in parts]
    return "\n\n".join(
        f"```text\n{block}\n```" if part.startswith(NO_WRAP) else block
        for part, block in zip(parts, blocks, strict=True)
    )


def value_of(option: click.Option) -> str:
    """What follows an option: `N`, `auto|cpu`, `1..9`; empty for a flag."""
    kind = option.type
    if option.is_flag:
        return ""
    if option.metavar:
        return option.metavar
    if isinstance(kind, click.Choice):
        return "|".join(map(str, kind.choices))
    return kind.name.upper()


def default_of(option: click.Option) -> tuple[str, str]:
    """`(meaning, default)`, the latter "required" or empty if there is none."""
    text = " ".join((option.help or "").split())
    said = re.fullmatch(r"(.*?) *\[default: (.*)\]", text)
    meaning, default = (said[1], said[2]) if said else (text, "")
    if option.show_default:
        default = spelled(option.default) if isinstance(option.default, float) else option.default
    if option.required:
        default = "required"
    return meaning, str(default)


def row(option: click.Option) -> str:
    """A line of the table: names and value, meaning, default."""
    names = f"{', '.join(option.opts)} {value_of(option)}".strip()
    cells = (f"`{names}`", *default_of(option))
    return f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |"


def section(path: str, command: click.Command) -> str:
    """Heading, usage, description and options of one command."""
    parts = [f"### {path}", f"    {usage(path, command)}", help_text(command)]
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    if options:
        head = ["| option | meaning | default |", "| --- | --- | --- |"]
        parts.append("\n".join([*head, *map(row, options)]))
    return "\n\n".join(parts)


def reference() -> str:
    """All commands, in the order of `tccodec --help`."""
    return "\n\n".join(section(path, command) for path, command in commands(program, "tccodec"))


def main() -> int:
    """0, or with `--check` 1 if the page is out of date."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    old = PAGE.read_text("utf-8")
    head, _, rest = old.partition(START)
    _, _, tail = rest.partition(END)
    new = f"{head}{START}\n\n{reference()}\n\n{END}{tail}"
    if args.check:
        return int(new != old)
    PAGE.write_text(new, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
