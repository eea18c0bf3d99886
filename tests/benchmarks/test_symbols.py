"""The passes of a picture's latents, as the benchmarks of the entropy model see them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.research.symbols import coded_passes
from tccodec.coding.neural import NeuralCodec
from tccodec.container import Setting
from tests.support.pictures import photo


@pytest.mark.parametrize(("height", "width"), [(128, 128), (40, 1060), (1100, 32)])
def test_passes_have_names_in_pictures_of_every_size(
    tiny_model_dir: Path, height: int, width: int
) -> None:
    codec = NeuralCodec.load(tiny_model_dir)
    named = list(coded_passes(codec, photo(height, width), Setting(900)))
    assert named
    for g, number, (symbols, index) in named:
        assert len(symbols) == len(index) > 0
        assert number == 0 if g < 0 else number < (2 if g else 5)
