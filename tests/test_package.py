"""The public surface, and what importing it costs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import tccodec
from tccodec import errors
from tests.support.paths import ROOT


def imported(code: str) -> set[str]:
    """Top-level names of the modules loaded after `code` ran in a fresh interpreter."""
    code += "; import sys; print(*{m.partition('.')[0] for m in sys.modules})"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(out.stdout.split())


def test_public_names_are_exactly_these() -> None:
    assert tccodec.__all__ == sorted(tccodec.__all__)
    assert {n for n in dir(tccodec) if not n.startswith("_")} == set(tccodec.__all__) - {
        "__version__"
    }
    for name in tccodec.__all__:
        assert getattr(tccodec, name) is not None


def test_importing_loads_neither_torch_nor_numpy_nor_pillow() -> None:
    assert not {"torch", "numpy", "PIL", "constriction"} & imported("import tccodec")


def test_the_api_does_not_load_torch_before_a_model_is_loaded() -> None:
    found = imported("import tccodec; tccodec.Codec; tccodec.compress")
    assert "PIL" in found
    assert not {"torch", "constriction"} & found


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        tccodec.nonsense  # noqa: B018


def test_every_error_is_in_the_tree_and_in_its_drawing() -> None:
    assert errors.__doc__ is not None
    for name in errors.__all__:
        cls = getattr(errors, name)
        assert issubclass(cls, errors.TccodecError) and cls.__doc__
        assert re.search(rf"^ +{name}\b", errors.__doc__, re.MULTILINE)


def test_no_long_files_in_the_package() -> None:
    root = Path(tccodec.__file__).parent
    long = [p.name for p in root.rglob("*.py") if len(p.read_text().splitlines()) > 420]
    assert long == []


def test_no_test_module_imports_another() -> None:
    """What they share stands in tests/support."""
    for file in (ROOT / "tests").rglob("*.py"):
        imports = re.findall(r"^ *(?:from|import) (\S+)", file.read_text("utf-8"), re.MULTILINE)
        assert not [name for name in imports if ".test_" in name], file
