"""Public signatures: their types are public, and docstrings describe parameters and errors."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

import pytest

import tccodec
from tccodec import errors

# Of the standard library, Pillow and torch.
FOREIGN = {"Any", "Callable", "Image", "Iterator", "Mapping", "Path", "Self", "Tensor", "os"}


def classes() -> list[type]:
    public = (getattr(tccodec, name) for name in tccodec.__all__)
    return [c for c in public if inspect.isclass(c) and not issubclass(c, Exception)]


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """Methods and properties of a public class and of the bases that tccodec gives it."""
    for base in cls.__mro__:
        if base.__module__.startswith("tccodec"):
            yield from ((n, m) for n, m in vars(base).items() if not n.startswith("_"))


def function(member: Any) -> Callable[..., Any] | None:
    """What a method, class method or property calls; None for anything else."""
    inner = member.fget if isinstance(member, property) else inspect.unwrap(member)
    inner = getattr(inner, "__func__", inner)
    return inner if inspect.isfunction(inner) else None


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "compress": tccodec.compress,
    "decompress": tccodec.decompress,
    "preview": tccodec.preview,
    **{
        f"{cls.__name__}.{name}": f
        for cls in classes()
        for name, member in members(cls)
        if (f := function(member)) and not isinstance(member, property)
    },
}
PROPERTIES = {
    f"{cls.__name__}.{name}": member.fget
    for cls in classes()
    for name, member in members(cls)
    if isinstance(member, property)
}


def described(name: str) -> str:
    """A function's docstring, after it that of the method whose description it shares."""
    doc = inspect.getdoc(FUNCTIONS[name]) or ""
    other = re.search(r"\bas(?: in)? `(?:Codec\.)?((?:de)?compress)`", doc)
    return doc + described(f"Codec.{other[1]}") if other else doc


def used(annotations: dict[str, str]) -> set[str]:
    nodes = (node for text in annotations.values() for node in ast.walk(ast.parse(text)))
    return {node.id for node in nodes if isinstance(node, ast.Name)}


@pytest.mark.parametrize("name", [*FUNCTIONS, *PROPERTIES])
def test_types_in_signatures_are_public(name: str) -> None:
    found = used(inspect.get_annotations((FUNCTIONS | PROPERTIES)[name]))
    assert found <= {*tccodec.__all__, *FOREIGN, *dir(builtins)}


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if "Codec." in n or "." not in n])
def test_annotations_can_be_evaluated(name: str) -> None:
    assert "return" in get_type_hints(FUNCTIONS[name])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_docstrings_describe_every_parameter(name: str) -> None:
    parameters = set(inspect.signature(FUNCTIONS[name]).parameters) - {"self", "cls"}
    text = described(name)
    assert [p for p in parameters if not re.search(rf"\b{p}\b", text)] == []


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if "Codec." in n or "." not in n])
def test_docstrings_of_the_codec_name_errors(name: str) -> None:
    assert any(f"`{error}`" in described(name) for error in errors.__all__)


@pytest.mark.parametrize("cls", classes(), ids=lambda cls: cls.__name__)
def test_fields_of_public_classes_are_public_and_described(cls: type) -> None:
    assert cls.__doc__
    if not is_dataclass(cls):
        return
    bases = [base for base in cls.__mro__ if is_dataclass(base)]
    text = "".join(base.__doc__ or "" for base in bases)
    assert [f.name for f in fields(cls) if not re.search(rf"\b{f.name}\b", text)] == []
    for base in bases:
        assert used(inspect.get_annotations(base)) <= {*tccodec.__all__, *FOREIGN, *dir(builtins)}


@pytest.mark.parametrize("name", PROPERTIES)
def test_properties_are_described(name: str) -> None:
    assert inspect.getdoc(PROPERTIES[name])


def test_type_aliases_can_be_used() -> None:
    for name in (
        "FileSource",
        "PictureSource",
        "Pixels",
        "Progress",
        "Region",
        "TargetKind",
        "Tune",
    ):
        assert getattr(tccodec, name) is not None
