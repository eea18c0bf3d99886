"""Files of JSON objects, one per line, that grow while a program runs.

A line counts when its end is there, so a run that was killed loses at most the line it was writing.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tccodec.errors import UnreadableFile
from tccodec.files.text import from_json


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file; none if it does not exist. An unfinished last line is left out.

    Raises `UnreadableFile` for a line that is no object, `OSError` if the file cannot be read.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return
    for number, line in enumerate(text.split(b"\n")[:-1], 1):
        try:
            value = from_json(line)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise UnreadableFile(f"{path}: line {number} is not a JSON object")
        yield value


def append_line(path: Path, value: dict[str, Any]) -> None:
    """Add an object to a file, which is made if needed. Several processes may do so at once.

    An `OSError` names the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("ab") as file:  # one write to the end, which systems do not mix with others
            file.write(json.dumps(value).encode() + b"\n")
    except OSError as e:  # that of a full disk has no name
        raise OSError(e.errno, e.strerror or str(e), str(path)) from e


def drop_unfinished_line(path: Path) -> None:
    """Remove what a killed run left after the last line end; to be done before lines are added."""
    with contextlib.suppress(FileNotFoundError):
        text = path.read_bytes()
        whole = text.rfind(b"\n") + 1
        if whole < len(text):
            os.truncate(path, whole)
