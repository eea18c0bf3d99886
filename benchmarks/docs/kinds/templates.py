"""The HTML templates of this package, and texts that fill them."""

from __future__ import annotations

import inspect
import json
import sys
import textwrap
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

ICONS = Path("/usr/share/icons/Adwaita")  # Debian package adwaita-icon-theme
ICON_PACKAGE = "adwaita-icon-theme"


@cache
def environment() -> Environment:
    """Templates of the folder `templates/`."""
    folder = Path(__file__).parent / "templates"
    return Environment(loader=FileSystemLoader(folder), undefined=StrictUndefined)


def filled(name: str, **values: Any) -> str:
    """A template's HTML."""
    return environment().get_template(f"{name}.html").render(**values)


def source_of(module: ModuleType) -> str:
    """The Python file of a module of the standard library."""
    return inspect.getsource(module)


def prose() -> list[str]:
    """Paragraphs of plain English: the documentation of Python's json module, one a paragraph."""
    text = textwrap.dedent(json.JSONEncoder.__init__.__doc__ or "")
    return [" ".join(p.split()) for p in text.split("\n\n") if p.strip()]


def icon(name: str, size: int = 48) -> str:
    """The address of an Adwaita icon."""
    icons = sorted((ICONS / f"{size}x{size}").glob(f"*/{name}.png"))
    if not icons:
        sys.exit(f"the icon {name} is missing; on Debian: apt install {ICON_PACKAGE}")
    return icons[0].as_uri()
