"""The codecs that files ask for, each loaded once, when the first file needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tccodec.registry import find_by_id, find_model

if TYPE_CHECKING:
    from tccodec.api import Codec


class Codecs:
    """Codecs by the model id of a file; a model named by the user stands for all of them."""

    def __init__(self, model: str | None, *, device: str, threads: int | None) -> None:
        self._named = find_model(model) if model else None
        self._device, self._threads = device, threads
        self._loaded: dict[bytes, Codec] = {}

    def of(self, file_id: bytes) -> Codec:
        """The codec for a file with that id. Raises `UnknownModel` without importing torch."""
        card = self._named or find_by_id(file_id)
        if card.model_id not in self._loaded:
            from tccodec.api import Codec

            self._loaded[card.model_id] = Codec.from_pretrained(
                card.folder, device=self._device, threads=self._threads
            )
        return self._loaded[card.model_id]
