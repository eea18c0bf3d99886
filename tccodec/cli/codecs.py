"""The codecs that files need, each loaded once, for the first file that needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tccodec.model.registry import ModelCard, find_model, load_by_id

if TYPE_CHECKING:
    from tccodec.api import Codec


class Codecs:
    """Codecs by a file's model id. A model that the user names is used for every file."""

    def __init__(self, model: str | None, *, device: str, threads: int | None) -> None:
        self._named = None if model is None else find_model(model)
        self.device, self.threads = device, threads
        self._loaded: dict[bytes, Codec] = {}

    def of(self, file_id: bytes) -> Codec:
        """The codec for a file with this id. Raises `UnknownModel` before torch is imported."""
        if self._named:
            file_id = self._named.file_id
        if file_id not in self._loaded:
            named = self._named
            self._loaded[file_id] = self._load(named) if named else load_by_id(file_id, self._load)
        return self._loaded[file_id]

    def _load(self, card: ModelCard) -> Codec:
        from tccodec.api import Codec

        return Codec.from_pretrained(card.folder, device=self.device, threads=self.threads)
