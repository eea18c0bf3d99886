"""The list of outputs that earlier runs finished, for `--resume FILE`.

Each line names an output, its hash, and what it was made from: the hash of the input, the model and
the settings. The name is a path relative to the folder of FILE, or an absolute one if the output is
on another drive of Windows. A line is written before its output.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tccodec.cli.jobs import Job
from tccodec.cli.outputs import SkipJob
from tccodec.errors import UnreadableFile
from tccodec.files.lines import append_line, drop_unfinished_line, read_lines


class FinishedOutputs:
    """A list of finished outputs. settings: the model and the options of this run."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        """Read the list; an `UnreadableFile` or `OSError` if that is not possible."""
        self.path, self._settings = path, dict(settings)
        self._listed: dict[str | None, list[dict[str, Any]]] = {}
        for number, line in enumerate(read_lines(path), 1):
            name_fits = isinstance(line.get("output"), str | None)
            if not name_fits or "output_sha256" not in line:
                raise UnreadableFile(f"{path}: line {number} is not of a list of finished outputs")
            self._listed.setdefault(line.get("output"), []).append(line)

    def begin(self) -> None:
        """Make the file, or make it ready for more lines; an `OSError` if that is not possible."""
        drop_unfinished_line(self.path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.open("ab").close()

    def check(self, job: Job, data: bytes) -> Job:
        """The job, marked as replaceable if its output is one that an earlier run wrote.

        data: the bytes of the input. Raises `SkipJob` if the output is what this run would write.
        """
        lines = self._listed.get(self._name(job))
        if not lines or job.target is None or not job.target.is_file():
            return job
        there = _hash(job.target.read_bytes())
        written = [line for line in lines if line.get("output_sha256") == there]
        made_from = [(line.get("input_sha256"), line.get("settings")) for line in written]
        if (_hash(data), self._settings) in made_from:
            raise SkipJob(f"finished before, as {self.path.name} says")
        return replace(job, replaceable=bool(written))

    def record(self, job: Job, data: bytes, output: bytes, *, stopped: bool) -> None:
        """Add an output to the list, before it is written: a run may be killed in between.

        stopped: it is not what the settings give, because its search was ended.
        """
        line = {
            "output": self._name(job),
            "input_sha256": _hash(data),
            "output_sha256": _hash(output),
            "settings": None if stopped else self._settings,
        }
        append_line(self.path, line)

    def _name(self, job: Job) -> str | None:
        if job.target is None:
            return None
        try:
            return os.path.relpath(job.target, self.path.parent)
        except ValueError:  # on another drive of Windows
            return os.path.abspath(job.target)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
