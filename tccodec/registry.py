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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tccodec.container.layout import MODEL_ID_BYTES
from tccodec.errors import UnknownModel
from tccodec.modelfile import CONFIG, read_config

DEFAULT_MODEL = "tcae-s"
ENVIRONMENT = "TCCODEC_MODELS"
_PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model folder that was found. `config` is its whole `config.json`."""

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
    found = [Path(p).expanduser() for p in named.split(os.pathsep) if p]
    found.append(_PACKAGE / "models")
    if (_PACKAGE.parent / "pyproject.toml").is_file():
        found.append(_PACKAGE.parent / "models")
    return found


def read_card(folder: Path) -> ModelCard:
    """The card of one folder; `UnknownModel` if it is no model folder."""
    config = read_config(folder)
    name = config.get("name")
    return ModelCard(
        folder,
        name if isinstance(name, str) and name else folder.name,
        bytes.fromhex(config["model_id"]),
        config,
    )


def models() -> Iterator[ModelCard]:
    """All models of the search path; damaged folders are passed over, doubles given once."""
    seen: set[bytes] = set()
    for root in search_path():
        if not root.is_dir():
            continue
        for folder in sorted(root.iterdir()):
            if not (folder / CONFIG).is_file():
                continue
            try:
                card = read_card(folder)
            except UnknownModel:
                continue
            if card.model_id not in seen:
                seen.add(card.model_id)
                yield card


def find_model(name_or_path: str | os.PathLike[str] = DEFAULT_MODEL) -> ModelCard:
    """The model of that name (its folder's or its config's) or in that folder."""
    text = os.fspath(name_or_path)
    path = Path(text).expanduser()
    # A bare name is a name first: a stray folder in the working directory must not shadow it.
    if path.name == text:
        for root in search_path():
            if (root / text / CONFIG).is_file():
                return read_card(root / text)
        for card in models():
            if card.name == text:
                return card
    if path.is_dir():
        return read_card(path)
    known = ", ".join(sorted(c.name for c in models())) or "none"
    raise UnknownModel(f"there is no model {text!r}; known by name: {known}")


def find_by_id(file_id: bytes) -> ModelCard:
    """The model whose id begins with `file_id`; `UnknownModel` names the id if there is none."""
    for card in models():
        if card.model_id.startswith(file_id):
            return card
    raise UnknownModel(
        f"the file was made with model {file_id.hex()}, which is not here;"
        f" name its folder with --model, or put it into a folder named by {ENVIRONMENT}"
    )
