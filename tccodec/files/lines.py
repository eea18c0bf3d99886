"""Files of JSON objects, one per line, that grow while a program runs.

A line counts when its end is there, so a run that was killed loses at most the line it was writing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tccodec.errors import UnreadableFile


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
            value = json.loads(line)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise UnreadableFile(f"{path}: line {number} is no JSON object")
        yield value


def append_line(path: Path, value: dict[str, Any]) -> None:
    """Add an object to a file, which is made if needed. An unfinished last line is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab+") as file:
        end = file.seek(0, os.SEEK_END)
        start = _start_of_last_line(file, end)
        if start != end:
            file.truncate(start)
        file.write(json.dumps(value).encode() + b"\n")


def _start_of_last_line(file: Any, end: int) -> int:
    """Where the text after the last line end begins; `end` if the last line is finished."""
    at = end
    while at > 0:
        before = max(0, at - 4096)
        file.seek(before)
        found = file.read(at - before).rfind(b"\n")
        if found >= 0:
            return int(before + found + 1)
        at = before
    return 0
