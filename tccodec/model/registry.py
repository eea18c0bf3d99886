"""The registry of models: finds folders by name, path or content id.

Text with a separator in it is a path. A name is looked up in the folders below, in this order, and
is taken for a path only if none has it:

    the folders of the environment variable TCCODEC_MODELS (separated like PATH)
    tccodec/models/ in the installed package, where the wheel has the default model
    models/ at the root of a checkout

Only `config.json` is read, so this needs no torch and is fast.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tccodec.arguments import path_text, short_repr
from tccodec.container.layout import MODEL_ID_BYTES
from tccodec.errors import BadModel, UnknownModel
from tccodec.model.folder import CONFIG, read_config

T = TypeVar("T")
DEFAULT_MODEL = "tcae-s"
ENVIRONMENT = "TCCODEC_MODELS"
_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
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
        """The first bytes of the id, which a file stores."""
        return self.model_id[:MODEL_ID_BYTES]

    @property
    def description(self) -> str:
        """The description, one sentence, or an empty string."""
        return str(self.config.get("description", ""))

    @property
    def has_realism(self) -> bool:
        """Whether the model has a second set of decoder parameters, for realism 1."""
        return "realism" in self.config


def search_path() -> list[Path]:
    """Folders that hold model folders, first to last; they need not exist."""
    listed = os.environ.get(ENVIRONMENT, "")
    roots = [Path(os.path.expanduser(p)) for p in listed.split(os.pathsep) if p]
    roots.append(_PACKAGE / "models")
    if (_PACKAGE.parent / "pyproject.toml").is_file():
        roots.append(_PACKAGE.parent / "models")
    return roots


def read_card(folder: Path) -> ModelCard:
    """The card of a folder; `UnknownModel` if it is not a model folder, `BadModel` if damaged."""
    config = read_config(folder)
    name = config.get("name") or folder.name
    model_id = bytes.fromhex(config["model_id"])
    return ModelCard(folder=folder, name=name, model_id=model_id, config=config)


def folders() -> Iterator[ModelCard | BadModel]:
    """All model folders of the search path; for a damaged folder, its error."""
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
    """All models of the search path, each once, without damaged folders."""
    seen: set[bytes] = set()
    for card in folders():
        if isinstance(card, ModelCard) and card.model_id not in seen:
            seen.add(card.model_id)
            yield card


def find_model(name_or_path: str | os.PathLike[str] = DEFAULT_MODEL) -> ModelCard:
    """The model with that name, of its folder or in its configuration, or in that folder.

    `UnknownModel` if there is none, `BadModel` if its folder is damaged.
    """
    text = path_text("a model must be a name or a folder", name_or_path)
    path = Path(os.path.expanduser(text))
    # A name is a name first: a folder in the working directory must not shadow a model.
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
    """The model whose id begins with `file_id`; `UnknownModel` if there is none."""
    return _all_by_id(file_id)[0]


def load_by_id(file_id: bytes, load: Callable[[ModelCard], T]) -> T:
    """The result of `load` for a model whose id begins with `file_id`: the first that loads.

    Folders with the same id have the same content, so if one is damaged, the next one will do.
    `UnknownModel` if there is none, `BadModel` if all are damaged.
    """
    *others, last = _all_by_id(file_id)
    for card in others:
        with suppress(BadModel):
            return load(card)
    return load(last)


def _all_by_id(file_id: bytes) -> list[ModelCard]:
    cards = [card for card in folders() if isinstance(card, ModelCard)]
    matching = [card for card in cards if card.model_id.startswith(file_id)]
    if matching:
        return matching
    raise UnknownModel(
        f"the file was made with model {file_id.hex()}, which is not here;"
        f" name its folder with --model, or put it into a folder named by {ENVIRONMENT}{_damaged()}"
    )


def _damaged() -> str:
    """Text for errors about missing models: the damaged folders, which may be meant."""
    errors = [str(card) for card in folders() if isinstance(card, BadModel)]
    return f" (passed over: {'; '.join(errors)})" if errors else ""
