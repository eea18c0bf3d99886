"""No import points up: each package imports what the table in docs/architecture.md allows it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import tccodec

ROOT = Path(tccodec.__file__).parent
PAGE = (ROOT.parent / "docs" / "architecture.md").read_text("utf-8")
ROW = re.compile(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", re.MULTILINE)
#: Package -> packages that it may import, the highest first.
TABLE = {name: re.findall(r"`(\w+)`", allowed) for name, allowed in ROW.findall(PAGE)}


def imported(file: Path) -> set[str]:
    """The packages, or modules at the root, that a file of tccodec imports anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    names = {tuple(name.split(".")) for name in found if name.startswith("tccodec.")}
    return {name[1] for name in names if name[1] != "__version__"}


def test_the_table_names_every_package_and_points_down() -> None:
    packages = {p.stem for p in ROOT.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert set(TABLE) == packages - {"__init__", "__main__"}
    order = list(TABLE)
    for name, allowed in TABLE.items():
        assert all(order.index(name) < order.index(below) for below in allowed), name


def test_every_import_is_in_the_table() -> None:
    for name, allowed in TABLE.items():
        files = (
            [ROOT / f"{name}.py"] if (ROOT / f"{name}.py").exists() else (ROOT / name).rglob("*.py")
        )
        for file in files:
            assert imported(file) <= {name, *allowed}, file


def test_the_picture_is_drawn_from_the_table() -> None:
    assert picture() in PAGE


def picture() -> str:
    """The table as a graph, without the arrows that others imply."""

    def reached(name: str) -> set[str]:
        return {name}.union(*(reached(below) for below in TABLE[name]))

    lines = ["```mermaid", "flowchart TD"]
    for name, allowed in TABLE.items():
        for below in allowed:
            if not any(below in reached(other) for other in allowed if other != below):
                lines.append(f"    {name} --> {below}")
    return "\n".join([*lines, "```"])
