"""The program in this process, with its streams caught."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tccodec.cli import main

# Before click 8.2 a runner keeps both streams apart only where it is told to.
_OLD = "mix_stderr" in signature(CliRunner).parameters
_RUNNER = CliRunner(mix_stderr=False) if _OLD else CliRunner()  # type: ignore[call-arg]

# Options for the smallest model, in a test that finds it by this name.
TINY = ("--model", "tiny", "--device", "cpu")


@dataclass
class Result:
    """How a command ended, and what it wrote."""

    code: int
    out: bytes
    err: str

    def json(self) -> list[dict[str, Any]]:
        """One object for each line of the output."""
        return [json.loads(line) for line in self.out.decode().splitlines()]


Run = Callable[..., Result]


def run_program(*arguments: str | Path, stdin: bytes = b"") -> Result:
    """`tccodec ARGUMENTS` in the current folder."""
    with _RUNNER.isolation(input=stdin) as streams:
        with pytest.raises(SystemExit) as end:
            main([str(a) for a in arguments])
        sys.stdout.flush()
        sys.stderr.flush()
        code = end.value.code
        assert isinstance(code, int)
        return Result(code, streams[0].getvalue(), streams[1].getvalue().decode())
