"""The recipe of the released model: its configurations load, its command lines are right."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from pathlib import Path

import click

from tccodec.cli.program import program
from tccodec.training.config import find_config, load_config, shipped_configs

RECIPE = Path(__file__).parents[2] / "models" / "tcae-s" / "recipe"


def steps() -> list[list[str]]:
    """The words of each command line, in order, without `tccodec`."""
    text = (RECIPE / "README.md").read_text("utf-8")
    return [shlex.split(line) for line in re.findall(r"^    tccodec (.+)$", text, re.MULTILINE)]


def test_command_lines_are_right_and_use_what_was_made_before() -> None:
    made: set[str] = set()
    for name, *words in steps():
        with click.Context(program) as ctx:
            command = program.get_command(ctx, name)
            assert command is not None
            command.make_context(name, list(words), parent=ctx)
        used = {w.removesuffix("/last") for w in words if w.startswith(("runs/", "models/"))}
        new = words[words.index("--out" if name == "train" else "-o") + 1]
        assert used - {new} <= made
        made.add(new)


def test_every_configuration_is_used_in_order_and_loads() -> None:
    names = [words[1] for words in steps() if words[0] == "train"]
    own = [name for name in names if name.endswith(".toml")]
    assert own == sorted(path.name for path in RECIPE.glob("*.toml"))
    assert set(names) - set(own) <= set(shipped_configs())
    shapes = [load_config(RECIPE / n if n in own else find_config(n))[0] for n in names]
    assert all(shape.can_start_from(before) for before, shape in pairwise(shapes))
