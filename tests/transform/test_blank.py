"""Pictures without latents: the middle of a small one is repeated, to the pixels of the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tccodec.coding.coded import CodedPicture
from tccodec.coding.neural import NeuralCodec
from tccodec.container import Setting
from tccodec.portable.core import PortableCodec
from tccodec.transform.blank import folded
from tests.support.models import coded_picture
from tests.support.pictures import photo


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
    side = folded(size, [True] * -(-size // 1024), core.cfg, side=1024)
    shorter, at = side.size, side.at
    assert shorter <= 1300 and (shorter == size or shorter < size)
    assert len(side.tiles) == -(-shorter // 1024)
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


@pytest.fixture(scope="module")
def shown(core: NeuralCodec) -> bytes:
    """The payload of a tile group of 1024 x 1024 pixels."""
    return core.encode(photo(1024, 1024), Setting(300)).payloads[0]


@pytest.mark.parametrize("corner", [(0, 0), (4, 1), (2, 0)])
def test_a_picture_with_one_tile_group_costs_little_more_than_that_one(
    core: NeuralCodec, shown: bytes, corner: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pixels are those that the network makes of the whole, in the regions between as well."""
    x, y = corner
    payloads = [b""] * 12
    payloads[6 * y + x] = shown
    coded = coded_picture(payloads, (5 * 1024 + 300, 1024 + 1024), setting=300)
    picture, down, across = coded.folded(core.cfg)
    assert picture.width < 4 * 1024 and across.at[-1] == picture.width - 1
    assert set(across.at) == set(range(picture.width)) and down.size == coded.height
    found = core.decode(coded).astype(int)
    region = core.decode(coded, region=(700, 300, 4500, 1500))
    assert np.abs(region - found[300:1800, 700:5200]).max() <= 1
    eighth = core.decode(coded, scale=8)
    monkeypatch.setattr(CodedPicture, "folded", lambda self, cfg: (self, None, None))
    assert np.abs(core.decode(coded) - found).max() <= 1
    assert np.abs(core.decode(coded, scale=8) - eighth.astype(int)).max() <= 1


def test_the_decoder_without_torch_leaves_out_the_same(
    core: NeuralCodec, shown: bytes, tiny_model_dir: Path
) -> None:
    pytest.importorskip("onnxruntime")
    coded = coded_picture([b"", b"", b"", shown, b"", b"", b""], (6300, 1024), setting=300)
    rows = PortableCodec(tiny_model_dir, threads=1).decode_rows(coded)
    assert np.abs(np.concatenate(list(rows)) - core.decode(coded).astype(int)).max() <= 1
