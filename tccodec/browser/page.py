"""What the page consists of: its scripts, the models, and a list of the pictures."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tccodec.container import read_header
from tccodec.errors import BadModel, TccodecError, UnknownModel
from tccodec.files.walk import LINKED, SPECIAL, Entry, walk
from tccodec.model.folder import CONFIG, REALISM, WEIGHTS, checked_file
from tccodec.model.registry import (
    DEFAULT_MODEL,
    ModelCard,
    find_by_id,
    find_model,
    load_by_id,
)

INDEX, LIST = "index.html", "files.json"
HEAD = 64  # bytes, more than a header has
_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Pictures:
    """Pictures to show. files: by their names in the page. skipped: names, and why."""

    files: Mapping[str, Path]
    skipped: Mapping[str, str] = field(default_factory=dict)


def find_pictures(source: Path, *, skip: Path | None = None) -> Pictures:
    """A `.tcz` file, or all of a folder and below it that are not hidden.

    Links that lead out of the folder are skipped. skip: a folder that is not entered. `OSError` if
    there is nothing there, `TccodecError` if no file can be shown.
    """
    if not source.exists():
        raise FileNotFoundError(2, "no such file or folder", str(source))
    by_name: dict[str, Path] = {}
    skipped: dict[str, str] = {}
    entries, root = walk(source, skip=skip), source
    if not source.is_dir():
        entries, root = iter([Entry(source)]), source.parent
    for entry in entries:
        path = entry.path
        name = path.relative_to(root).as_posix()
        is_picture = path.suffix.lower() == ".tcz" or path == source
        if entry.error or (entry.skipped == LINKED) or (entry.skipped == SPECIAL and is_picture):
            skipped[name] = entry.error or entry.skipped
        elif is_picture and not entry.skipped:
            try:
                _check(path, root if path != source else None)
            except (TccodecError, OSError) as e:
                skipped[name] = reason(e)
            else:
                by_name[name] = path
    if not by_name:
        raise nothing_to_show(source, skipped)
    return Pictures(by_name, skipped)


def _check(path: Path, root: Path | None) -> None:
    """Raise what keeps a file from being shown, as far as its header and its place tell."""
    if root and not path.resolve().is_relative_to(root.resolve()):
        raise TccodecError("a link that leads out of the folder")
    find_by_id(_model_id(path))


def _model_id(path: Path) -> bytes:
    with path.open("rb") as file:
        return read_header(file.read(HEAD)).model_id


def reason(error: TccodecError | OSError) -> str:
    """Why a file is left out."""
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)


def nothing_to_show(source: Path, skipped: Mapping[str, str]) -> TccodecError:
    """The error for a file that cannot be shown, or a folder of which everything is left out."""
    if skipped.keys() == {source.name} and not source.is_dir():
        return TccodecError(f"{source}: {skipped[source.name]}")
    reasons = "".join(f"; {name}: {why}" for name, why in skipped.items())
    return TccodecError(f"{source} has no .tcz file to show{reasons}")


def scripts() -> dict[str, Path]:
    """The files of the page but its list, by name. `TccodecError` if it was not built."""
    for folder in (_PACKAGE / "browser" / "dist", _PACKAGE.parent / "web" / "dist"):
        if (folder / INDEX).is_file():
            return {path.name: path for path in sorted(folder.iterdir()) if path.name != LIST}
    raise TccodecError("this installation has no page: it is built by `npm run build` in web/")


def models(pictures: Pictures) -> dict[str, ModelCard]:
    """The models of all pictures, and the default one, by the names of their folders in the page.

    `BadModel` if files of a picture's model are missing.
    """
    cards: list[ModelCard] = []
    with contextlib.suppress(UnknownModel, BadModel):
        cards.append(_whole(find_model(DEFAULT_MODEL)))
    ids = dict.fromkeys(_model_id(path) for path in pictures.files.values())
    cards += [load_by_id(file_id, _whole) for file_id in ids]
    return {f"models/{card.file_id.hex()}/": card for card in cards}


def _whole(card: ModelCard) -> ModelCard:
    """The card; `BadModel` if a file of the model is missing."""
    for name in _names(card):
        checked_file(card.folder / name, lambda path: None)
    return card


def _names(card: ModelCard) -> list[str]:
    return [CONFIG, WEIGHTS, *([REALISM] if card.has_realism else [])]


def model_files(cards: Mapping[str, ModelCard]) -> dict[str, Path]:
    """The files of models that a decoder needs, by their names in the page."""
    files: dict[str, Path] = {}
    for folder, card in cards.items():
        files |= {folder + name: card.folder / name for name in _names(card)}
    return files


def listing(
    pictures: Pictures, folders: Iterable[str], *, previews: Mapping[str, str] | None = None
) -> bytes:
    """`files.json`: the pictures and models. previews: address of a small picture, by name."""
    files: list[dict[str, Any]] = []
    for name in pictures.files:
        entry = {"name": name, "url": address(name)}
        if previews and name in previews:
            entry["preview"] = previews[name]
        files.append(entry)
    return json.dumps({"models": list(folders), "files": files}).encode()


def address(name: str) -> str:
    """Where the page finds a picture."""
    return "files/" + quote(name, errors="surrogateescape")
