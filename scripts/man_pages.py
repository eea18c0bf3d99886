#!/usr/bin/env python3
"""Writes a man page for each command, from the commands themselves.

    python scripts/man_pages.py FOLDER

FOLDER gets `tccodec.1`, `tccodec-compress.1` and so on. SOURCE_DATE_EPOCH, if it is set, is the
time of the pages, in seconds since 1970.
"""

from __future__ import annotations

import argparse
import inspect
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
from cli_reference import NO_WRAP, commands, default_of, usage, value_of

from tccodec import __version__
from tccodec.cli.program import COMMANDS, program


def escaped(text: str) -> str:
    """Text that roff prints as it is; hyphens stay those that can be copied."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(f"\\&{x}" if x.startswith((".", "'")) else x for x in text.splitlines())


def whole(text: str) -> str:
    """`escaped`, and no option or name is hyphenated: it may be copied."""
    return re.sub(r"\S*-\w\S*", r"\\%\g<0>", escaped(text))


def description(command: click.Command) -> Iterator[str]:
    """The paragraphs of a command's help."""
    for part in inspect.cleandoc(command.help or "").split("\n\n"):
        if part.startswith(NO_WRAP):
            yield f".PP\n.EX\n{escaped(part.removeprefix(NO_WRAP).strip())}\n.EE"
        else:
            yield f".PP\n{whole(part.strip())}"


def entry(option: click.Option) -> str:
    """An option with its names, value, meaning and default."""
    names = ", ".join(f"\\fB{escaped(name)}\\fR" for name in option.opts)
    value = value_of(option)
    meaning, default = default_of(option)
    word = default if default in ("", "required") else f"default: {default}"
    return "\n".join(
        [
            ".TP",
            f"{names} \\fI{escaped(value)}\\fR" if value else names,
            whole(meaning) + (f" [{whole(word)}]" if word else ""),
        ]
    )


def page(path: str, command: click.Command, others: list[str], date: str) -> str:
    """The man page of a command. `others`: the pages that it refers to."""
    name = path.replace(" ", "-")
    _, _, first = path.partition(" ")
    short = (COMMANDS.get(first) or command.get_short_help_str(200)).rstrip(".")
    synopsis = usage(path, command).removeprefix(path).strip()
    parts = [
        f'.TH {escaped(name).upper()} 1 {date} "tccodec {escaped(__version__)}"',
        f".SH NAME\n{escaped(name)} \\- {escaped(short)}",
        f".SH SYNOPSIS\n\\fB{escaped(path)}\\fR {escaped(synopsis)}",
        ".SH DESCRIPTION",
        *description(command),
    ]
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    if options:
        parts += [".SH OPTIONS", *map(entry, options)]
    status = "0: success. 1: something failed. 2: wrong usage. 130: interrupted."
    parts.append(f".SH EXIT STATUS\n{escaped(status)}")
    parts.append(".SH SEE ALSO\n" + ",\n".join(f"\\fB{whole(x)}\\fR(1)" for x in others))
    return "\n".join(parts).replace(".SH DESCRIPTION\n.PP", ".SH DESCRIPTION", 1) + "\n"


def main() -> int:
    """Write all pages; 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    now = int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))
    date = time.strftime("%Y-%m-%d", time.gmtime(now))
    pages = {"tccodec": program, **dict(commands(program, "tccodec"))}
    for path, command in pages.items():
        others = ["tccodec"]
        if isinstance(command, click.Group):
            below = [p for p in pages if p.rpartition(" ")[0] == path]
            others = [p.replace(" ", "-") for p in below]
        name = path.replace(" ", "-")
        (folder / f"{name}.1").write_text(page(path, command, others, date), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
