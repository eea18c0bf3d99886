"""The photographs that come from outside: which ones, and what is made of them alone."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from PIL import Image

from benchmarks.common import open_rgb

LIST = Path(__file__).with_name("photographs.toml")
SIDE = 900  # pixels; made smaller, a photograph loses most of what its first codec left


class Photographs:
    """A folder of the files that photographs.toml names."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.rows: list[dict[str, str]] = tomllib.loads(LIST.read_text("utf-8"))["photograph"]
        missing = [r["file"] for r in self.rows if not (folder / r["file"]).is_file()]
        if missing:
            sys.exit(f"{folder} lacks {len(missing)} files of {LIST.name}, such as {missing[0]}")

    def names(self, use: str) -> list[str]:
        """The files for a use."""
        return [r["file"] for r in self.rows if r["use"] == use]

    def open(self, name: str, side: int = SIDE) -> Image.Image:
        """A photograph in RGB, its longer side at most `side` pixels."""
        image = open_rgb(self._folder / name)
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        return image

    def source(self, name: str) -> str:
        """Where a file comes from, and its licence."""
        row = next(r for r in self.rows if r["file"] == name)
        return f"{row['source']}; {row['licence']}"

    def plain(self, use: str, folder: Path) -> dict[str, str]:
        """Write the photographs of a use as they are; the source of each."""
        sources = {}
        for name in self.names(use):
            stem = Path(name).stem
            self.open(name).save(folder / f"{stem}.png")
            sources[stem] = self.source(name)
        return sources
