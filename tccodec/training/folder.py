"""Whether a run has a state, which commands ask before they load torch."""

from __future__ import annotations

from pathlib import Path

from tccodec.files.folders import current

META = "state.json"  # beside the shards of a state; written last


def has_state(folder: Path) -> bool:
    """Whether `tccodec.training.state.load_shards` finds a state there."""
    return (current(folder) / META).is_file()
