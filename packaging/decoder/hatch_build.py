"""Files and dependencies of `tccodec-decoder`, both taken from the project above."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.builders.wheel import WheelBuilder
from hatchling.metadata.plugin.interface import MetadataHookInterface

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = {"torch", "jinja2"}  # torch brings jinja2, so adding torch makes the codec complete


class Files(BuildHookInterface):
    """The wheel has the files of the wheel `tccodec`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add them to what is built."""
        files = {
            f.path: f.distribution_path for f in WheelBuilder(str(ROOT)).recurse_included_files()
        }
        build_data["force_include"] |= files | {str(ROOT / "LICENSE"): "tccodec/LICENSE"}


class Dependencies(MetadataHookInterface):
    """Those of `tccodec` without torch, and its extra `onnx`."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add them to the metadata."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        lines = project["dependencies"]
        metadata["dependencies"] = [s for s in lines if re.match(r"[\w-]+", s)[0] not in LEFT_OUT]
        metadata["optional-dependencies"] = {"onnx": project["optional-dependencies"]["onnx"]}
