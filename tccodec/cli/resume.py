"""The list of outputs that earlier runs finished, for `--resume FILE`.

Each line names an output, by its path from the folder of FILE, and what it was made from: the
hash of the input, the model and the settings.
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
from tccodec.cli.reporter import FinishedJob
from tccodec.files.lines import append_line, read_lines


class FinishedOutputs:
    """A list of finished outputs. settings: the model and the options of this run."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        """Read the list; an `UnreadableFile` or `OSError` if that is not possible."""
        self.path, self._settings = path, dict(settings)
        self._listed = {line.get("output"): line for line in read_lines(path)}

    def checked(self, job: Job, data: bytes) -> Job:
        """The job, marked as replaceable if its output is one that an earlier run wrote.

        data: the bytes of the input. Raises `SkipJob` if the output is what this run would write.
        """
        line = self._listed.get(self._name(job))
        if line is None or job.target is None or not job.target.is_file():
            return job
        if line.get("output_sha256") != _hash(job.target.read_bytes()):
            return job
        made_from = line.get("input_sha256"), line.get("settings")
        if made_from == (_hash(data), self._settings):
            raise SkipJob(f"finished before, as {self.path.name} says")
        return replace(job, replaceable=True)

    def line(self, job: Job, data: bytes, output: bytes) -> dict[str, Any]:
        """What the list says of a finished job."""
        return {
            "output": self._name(job),
            "input_sha256": _hash(data),
            "output_sha256": _hash(output),
            "settings": self._settings,
        }

    def note(self, done: FinishedJob) -> None:
        """Add a finished job to the list."""
        if done.listed:
            append_line(self.path, done.listed)

    def _name(self, job: Job) -> str | None:
        return None if job.target is None else os.path.relpath(job.target, self.path.parent)


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
