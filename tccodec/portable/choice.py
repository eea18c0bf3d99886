"""Which of the two decoders loads a model: with torch, or where it is not installed, without."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from tccodec.coding.surroundings import has_torch, undisturbed

if TYPE_CHECKING:
    from tccodec.coding.neural import NeuralCodec


def load_core(folder: Path, *, device: str, threads: int | None, precision: str) -> NeuralCodec:
    """A loaded model; without torch one that only decodes. The errors are those of
    `NeuralCodec.load` and `PortableCodec`."""
    if has_torch():
        from tccodec.coding.neural import NeuralCodec

        with undisturbed():
            return NeuralCodec.load(folder, device=device, threads=threads, precision=precision)
    from tccodec.portable.core import PortableCodec

    # It has all that decoding calls; what only encoding calls is not reached without torch.
    return cast("NeuralCodec", PortableCodec(folder, device=device, threads=threads))
