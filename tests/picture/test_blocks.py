"""The section blocks: which blocks it holds, its picture, and what a damaged one does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tccodec.container.blocks import BLOCK, block_grid
from tccodec.errors import BadFile
from tccodec.picture import av1
from tccodec.picture.blocks import (
    AV1,
    BlocksSection,
    pack_blocks,
    pixel_mask,
    pixels_of,
    unpack_blocks,
)
from tccodec.picture.embedded import WEBP, embed
from tests.support.pictures import page, photo


@given(arrays.arrays(np.bool_, st.tuples(st.integers(1, 5), st.integers(1, 5))))
def test_masks_come_back(mask: np.ndarray) -> None:
    if not mask.any():
        mask[-1, 0] = True
    blocks = BlocksSection(WEBP, mask, b"file")
    height, width = (BLOCK * (side - 1) + 1 for side in mask.shape)
    body = pack_blocks(blocks)
    back = unpack_blocks(body, width=width, height=height)
    assert (back.mask == mask).all() and (back.method, back.file) == (WEBP, b"file")
    assert pack_blocks(back) == body


def test_runs_that_do_not_fit_are_refused() -> None:
    for runs, words in (
        (b"\6", "holds no block"),
        (b"\7", "do not fit"),
        (b"\2\5", "do not fit"),
        (b"\2\0\4", "do not fit"),
        (b"\0\0\6", "do not fit"),
        (b"\2\2", "cut short"),
        (b"", "cut short"),
        (b"\x80\0\6", "short"),
    ):
        with pytest.raises(BadFile, match=words):
            unpack_blocks(b"\2" + runs, width=3 * BLOCK, height=2 * BLOCK)
    for method in (0, 4, 255):
        with pytest.raises(BadFile, match="does not know"):
            unpack_blocks(bytes([method, 0, 6]), width=3 * BLOCK, height=2 * BLOCK)


def test_pixel_masks_at_every_scale() -> None:
    mask = np.array([[True, False], [False, True]])
    for scale in (1, 2, 4, 8):
        whole = pixel_mask(mask, width=BLOCK + 5, height=BLOCK + 9, scale=scale)
        assert whole.shape == (-(-(BLOCK + 9) // scale), -(-(BLOCK + 5) // scale))
        side = BLOCK // scale
        assert whole[:side, :side].all() and whole[side:, side:].all()
        assert not whole[:side, side:].any() and not whole[side:, :side].any()


@pytest.mark.parametrize("size", [(1, 1), (17, 33), (64, 64), (129, 65)])
@pytest.mark.parametrize("grey", [False, True])
def test_av1_comes_back_without_its_container(size: tuple[int, int], *, grey: bool) -> None:
    rgb = photo(*size, noise=0.0)
    if grey:
        rgb = rgb[..., :1].repeat(3, 2)
    file = av1.encode(rgb, quality=90, speed=8, grey=grey)
    back = av1.decode(file, width=size[1], height=size[0])
    assert back.dtype == np.uint8 and back.shape == rgb.shape
    assert np.square(back.astype(float) - rgb).mean() < 12
    assert len(file) < 60 + 3 * size[0] * size[1]
    if grey:
        assert (back == back[..., :1]).all()


def test_av1_by_a_libaom_that_does_not_know_the_tuning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av1, "_TUNINGS", ({"unknown": "1"}, {"tune": "ssim"}))
    av1._tuning.cache_clear()
    try:
        assert av1._tuning() == {"tune": "ssim"}
        file = av1.encode(photo(40, 48), quality=90, speed=8)
    finally:
        av1._tuning.cache_clear()
    assert av1.decode(file, width=48, height=40).shape == (40, 48, 3)


def test_av1_of_other_forms_is_refused() -> None:
    file = av1.encode(photo(40, 48), quality=40, speed=8)
    for bad, words in (
        (b"", "form that is allowed"),
        (file[:5], "form that is allowed"),
        (file[:-1], "form that is allowed"),
        (file + b"\0", "form that is allowed"),
        (b"\x12\0" + file, "form that is allowed"),
        (b"\x0a\0\x32\0", "form that is allowed"),
        (file[: 2 + file[1]] + b"\x32\4abcd", "cannot be decoded"),
    ):
        with pytest.raises(BadFile, match=words):
            av1.decode(bad, width=48, height=40)
    for width, height in ((47, 40), (48, 41), (1 << 14, 1 << 14)):
        with pytest.raises(BadFile, match="not the size"):
            av1.decode(file, width=width, height=height)


def test_any_changed_byte_of_av1_is_a_picture_or_refused() -> None:
    file = av1.encode(photo(40, 48), quality=20, speed=8)
    for at in range(len(file)):
        for flip in (1, 0x80, 0xFF):
            bent = file[:at] + bytes([file[at] ^ flip]) + file[at + 1 :]
            try:
                assert av1.decode(bent, width=48, height=40).shape == (40, 48, 3)
            except BadFile:
                continue


def test_the_picture_of_a_section() -> None:
    image = page(150, 90)
    mask = np.ones(block_grid(150, 90), np.bool_)
    exact = BlocksSection(WEBP, mask, embed(image, WEBP)[1:])
    assert np.array_equal(pixels_of(exact, width=150, height=90), image)
    with pytest.raises(BadFile, match="not the size"):
        pixels_of(exact, width=151, height=90)
    lossy = BlocksSection(AV1, mask, av1.encode(np.asarray(image), quality=80, speed=8))
    assert np.abs(pixels_of(lossy, width=150, height=90).astype(int) - image).mean() < 3
    with pytest.raises(BadFile, match="form that is allowed"):
        pixels_of(BlocksSection(AV1, mask, exact.file), width=150, height=90)
