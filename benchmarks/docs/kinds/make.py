"""Make the pictures of all kinds, and a README with their sources."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.common import table_head, table_row
from benchmarks.docs.kinds import (
    KINDS,
    captions,
    drawings,
    jpegs,
    mixed,
    plots,
    screens,
    signs,
    web,
)
from benchmarks.docs.kinds.browser import Renderer, renderer
from benchmarks.docs.kinds.photographs import Photographs
from tests.support.browser import what_is_missing

# Each writes NAME.png files into a folder, and returns their sources by NAME.
Drawn = Callable[[Renderer, Path], dict[str, str]]
WithPhotographs = Callable[[Renderer, Path, Photographs], dict[str, str]]

DRAWN: dict[str, Drawn] = {
    "web": web.make,
    "screens": screens.make,
    "plots": plots.make,
    "drawings": drawings.make,
    "jpegs": jpegs.make,
}
WITH_PHOTOGRAPHS: dict[str, WithPhotographs] = {
    "photographs": lambda _, folder, photographs: photographs.plain("photographs", folder),
    "interiors": lambda _, folder, photographs: photographs.plain("interiors", folder),
    "signs": signs.make,
    "captions": captions.make,
    "mixed": mixed.make,
}


def make(folder: Path, kinds: Sequence[str], photographs: Path | None) -> None:
    """Make the pictures of `kinds` in DIR/KIND, each kind anew."""
    if missing := what_is_missing():
        sys.exit(missing)
    wanting = [kind for kind in kinds if kind in WITH_PHOTOGRAPHS]
    if wanting and photographs is None:
        sys.exit(f"--photographs is needed for: {', '.join(wanting)}")
    opened = Photographs(photographs) if wanting and photographs else None
    with renderer() as browser:
        for kind in kinds:
            target = folder / kind
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            if kind in DRAWN:
                sources = DRAWN[kind](browser, target)
            else:
                assert opened is not None
                sources = WITH_PHOTOGRAPHS[kind](browser, target, opened)
            (target / "README.md").write_text(readme(kind, sources), "utf-8")
            print(f"{kind}: {len(sources)} pictures", file=sys.stderr, flush=True)


def readme(kind: str, sources: dict[str, str]) -> str:
    """The sources and licences of one kind as a page."""
    lines = [f"# {KINDS[kind].capitalize()}", "", table_head("picture", "source and licence")]
    lines += [table_row([f"{name}.png", source]) for name, source in sorted(sources.items())]
    return "\n".join(lines) + "\n"
