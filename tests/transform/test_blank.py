"""Pictures without latents: the middle of a small one is repeated, to the pixels of the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tccodec.coding.coded import CodedPicture
from tccodec.coding.neural import NeuralCodec
from tccodec.container import Setting
from tccodec.transform.blank import folded
from tests.support.models import coded_picture


@pytest.fixture(scope="module")
def core(tiny_model_dir: Path) -> NeuralCodec:
    return NeuralCodec.load(tiny_model_dir, device="cpu", precision="fp32")


def computed(core: NeuralCodec, width: int, height: int) -> np.ndarray:
    """All of it from the network, uint8 `(H, W, 3)`."""
    nothing = torch.zeros(-(-height // 32), -(-width // 32), 0, dtype=torch.int32)
    return core.pixels(nothing, coded_picture([], (width, height), setting=500))


def blank(core: NeuralCodec, width: int, height: int, **options: object) -> np.ndarray:
    return core.decode(CodedPicture.blank(width, height, Setting(500)), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [1, 130, 1100, 4096, 65535])
def test_a_short_side_holds_every_pixel_of_a_long_one(core: NeuralCodec, size: int) -> None:
    shorter, at = folded(size, core.cfg)
    assert shorter <= 1300 and (shorter == size or shorter < size)
    assert at[0] == 0 and at[-1] == shorter - 1 and set(at) == set(range(shorter))
    assert ((at - np.arange(size)) % 128 == 0).all()


@pytest.mark.parametrize("size", [(2100, 33), (9, 1900), (1500, 1400)])
def test_a_blank_picture_is_what_the_network_makes_of_it(
    core: NeuralCodec, size: tuple[int, int]
) -> None:
    whole = computed(core, *size).astype(int)
    assert whole.std() > 0  # the untrained network draws a pattern that depends on the place
    assert np.abs(blank(core, *size) - whole).max() <= 1
    region = (size[0] // 9, size[1] // 9, size[0] - size[0] // 5, size[1] - size[1] // 5)
    left, top, width, height = region
    part = blank(core, *size, region=region)
    assert np.abs(part - whole[top : top + height, left : left + width]).max() <= 1


def test_a_blank_picture_at_smaller_scales(core: NeuralCodec) -> None:
    width, height = 1601, 100
    whole = computed(core, width, height).astype(float)
    for scale in (2, 4, 8):
        small = blank(core, width, height, scale=scale)
        assert small.shape == (-(-height // scale), -(-width // scale), 3)
        rows, columns = height // scale, width // scale
        inner = whole[: rows * scale, : columns * scale]
        mean = inner.reshape(rows, scale, columns, scale, 3).mean((1, 3))
        assert np.abs(small[:rows, :columns] - mean).max() <= 1.5


def test_the_widest_picture_of_one_line(core: NeuralCodec) -> None:
    assert blank(core, 65535, 1).shape == (1, 65535, 3)
    assert blank(core, 1, 65535, scale=8).shape == (8192, 1, 3)
