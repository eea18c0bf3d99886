"""Which states a run has, which commands ask before they load torch."""

from __future__ import annotations

from pathlib import Path

from tccodec.errors import UnknownModel
from tccodec.files.folders import current
from tccodec.model.folder import CONFIG

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
