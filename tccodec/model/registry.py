"""Which models there are, and where: names and content ids -> folders.

A model is looked for, in this order, as a path (anything with a separator in it, or a folder
that exists under that name), then by name in

    the folders of the environment variable TCCODEC_MODELS (separated like PATH)
    tccodec/models/ inside the installed package: the wheel carries the default model there
    models/ at the root of a checkout

Only `config.json` is read here, so this needs no torch and answers at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tccodec.arguments import path_of, short_repr
from tccodec.container.layout import MODEL_ID_BYTES
from tccodec.errors import BadModel, UnknownModel
from tccodec.model.folder import CONFIG, read_config

T = TypeVar("T")
DEFAULT_MODEL = "tcae-s"
ENVIRONMENT = "TCCODEC_MODELS"
_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model that was found.

    folder: where it is. name: as in its `config.json`, or the folder's. model_id: content hash,
    8 bytes. config: the whole `config.json`.
    """

    folder: Path
    name: str
    model_id: bytes
    config: dict[str, Any]

    @property
    def file_id(self) -> bytes:
        """The part of the id that a file stores."""
        return self.model_id[:MODEL_ID_BYTES]

    @property
    def description(self) -> str:
        """One sentence, or an empty string."""
        return str(self.config.get("description", ""))

    @property
    def has_realism(self) -> bool:
        """Whether its decoder can give natural texture instead of the least error."""
        return "realism" in self.config


def search_path() -> list[Path]:
    """Folders that hold model folders, first to last; they need not exist."""
    named = os.environ.get(ENVIRONMENT, "")
    found = [Path(os.path.expanduser(p)) for p in named.split(os.pathsep) if p]
    found.append(_PACKAGE / "models")
    if (_PACKAGE.parent / "pyproject.toml").is_file():
        found.append(_PACKAGE.parent / "models")
    return found


def read_card(folder: Path) -> ModelCard:
    """The card of one folder; `UnknownModel` if it is no model folder, `BadModel` if a bad one."""
    config = read_config(folder)
    name = config.get("name") or folder.name
    return ModelCard(folder, name, bytes.fromhex(config["model_id"]), config)


def folders() -> Iterator[ModelCard | BadModel]:
    """All model folders of the search path; of a damaged one the error that says so."""
    for root in search_path():
        try:
            names = sorted(os.listdir(root))
        except OSError:
            continue
        for name in names:
            if os.path.isfile(root / name / CONFIG):
                try:
                    yield read_card(root / name)
                except BadModel as e:
                    yield e


def models() -> Iterator[ModelCard]:
    """All models of the search path; damaged folders are passed over, doubles given once."""
    seen: set[bytes] = set()
    for card in folders():
        if isinstance(card, ModelCard) and card.model_id not in seen:
            seen.add(card.model_id)
            yield card


def find_model(name_or_path: str | os.PathLike[str] = DEFAULT_MODEL) -> ModelCard:
    """The model of that name (its folder's or its config's) or in that folder.

    `UnknownModel` if there is none, `BadModel` if its folder is damaged.
    """
    text = path_of("a model must be a name or a folder", name_or_path)
    path = Path(os.path.expanduser(text))
    # A bare name is a name first: a stray folder in the working directory must not shadow it.
    if path.name == text:
        for root in search_path():
            if os.path.isfile(root / text / CONFIG):
                return read_card(root / text)
        for card in models():
            if card.name == text:
                return card
    if text and os.path.isdir(path):
        return read_card(path)
    known = ", ".join(sorted(c.name for c in models())) or "none"
    raise UnknownModel(f"there is no model {short_repr(text)}; known by name: {known}{_damaged()}")


def find_by_id(file_id: bytes) -> ModelCard:
    """The model whose id begins with `file_id`; `UnknownModel` names the id if there is none."""
    return _all_by_id(file_id)[0]


def load_by_id(file_id: bytes, load: Callable[[ModelCard], T]) -> T:
    """What `load` makes of a model whose id begins with `file_id`: the first that loads.

    One id, one content: where a folder turns out damaged, another does as well. `UnknownModel`
    if there is none, `BadModel` if all are damaged.
    """
    *others, last = _all_by_id(file_id)
    for card in others:
        with suppress(BadModel):
            return load(card)
    return load(last)


def _all_by_id(file_id: bytes) -> list[ModelCard]:
    cards = [card for card in folders() if isinstance(card, ModelCard)]
    found = [card for card in cards if card.model_id.startswith(file_id)]
    if found:
        return found
    raise UnknownModel(
        f"the file was made with model {file_id.hex()}, which is not here;"
        f" name its folder with --model, or put it into a folder named by {ENVIRONMENT}{_damaged()}"
    )


def _damaged() -> str:
    """What to add where a model is missed: it may be one that could not be read."""
    errors = [str(found) for found in folders() if isinstance(found, BadModel)]
    return f" (passed over: {'; '.join(errors)})" if errors else ""
