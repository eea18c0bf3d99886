"""What commands ask and do about the folder of a run before they load torch."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from tccodec.errors import UnknownModel
from tccodec.files.folders import current
from tccodec.files.lines import only_writer
from tccodec.model.folder import CONFIG

LOG = "metrics.jsonl"  # the figures of a run
META = "state.json"  # beside the shards of a state; written last


def has_state(folder: Path) -> bool:
    """Whether `tccodec.training.state.load_shards` finds a state there."""
    return (current(folder) / META).is_file()


def start_of(source: Path) -> Path:
    """The folder with the weights to start from: a state, that of a run, or a model's folder.

    `UnknownModel` if `source` is none of them.
    """
    for folder in (source, source / "last"):
        if has_state(folder):
            return folder
    if not (source / CONFIG).is_file():
        raise UnknownModel(f"{source} holds neither a training run nor a model")
    return source


def has_rows(run: Path) -> bool:
    """Whether a run has figures."""
    log = run / LOG
    return log.exists() and log.stat().st_size > 0


def training_in(run: Path) -> AbstractContextManager[None]:
    """Held by the one process that trains in a folder; a second one gets a `TccodecError`."""
    return only_writer(run / LOG, "another run is training in this folder")
