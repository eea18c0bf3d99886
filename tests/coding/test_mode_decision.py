"""Blocks without latents: where they are found, what is chosen, and that all paths show them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from tccodec import Codec, Target
from tccodec.coding import block_coder, mode_decision
from tccodec.coding.block_coder import (
    COLOURS,
    NEARLY,
    QUALITIES,
    BlockCoder,
    CodedBlocks,
    Errors,
    are_neighbours,
)
from tccodec.coding.distortion import VISIBLE, structural_error, visible_error
from tccodec.coding.drawn import clean_share, drawn_blocks, filled
from tccodec.coding.reference import decode
from tccodec.container import Tag, make_section, read, write
from tccodec.container.blocks import METHODS, block_grid
from tccodec.errors import BadFile, BadOption
from tccodec.picture import av1, from_image
from tccodec.picture.blocks import AV1, pixel_mask, unpack_blocks
from tccodec.picture.embedded import WEBP
from tccodec.picture.types import Pixels
from tests.support.pictures import gradient, page, photo


@pytest.fixture(scope="module")
def codec(tiny_model_dir: Path) -> Codec:
    return Codec.from_pretrained(tiny_model_dir, device="cpu")


@pytest.fixture(scope="module")
def released() -> Codec:
    return Codec.from_pretrained(device="cpu")


@pytest.fixture(scope="module")
def mixed() -> Image.Image:
    """A photograph beside text."""
    path = Path(__file__).parents[2] / "examples" / "photo.jpg"
    with Image.open(path) as image:
        left = image.convert("RGB").crop((400, 300, 720, 620))
    out = Image.new("RGB", (640, 320), "white")
    out.paste(page(320, 320), (320, 0))
    out.paste(left, (0, 0))
    return out


def middle(mixed: Image.Image) -> Image.Image:
    """Half photograph, half text."""
    return mixed.crop((192, 64, 448, 256))


def blocks_of(data: bytes) -> tuple[str, float] | None:
    """Method and share of the section."""
    file = read(data)
    body = file.section(Tag.BLOCKS)
    if body is None:
        return None
    blocks = unpack_blocks(body, width=file.width, height=file.height)
    return METHODS[blocks.method], blocks.share


def test_blocks_that_look_drawn() -> None:
    rgb = photo(256, 384)
    assert not drawn_blocks(rgb).any()
    rgb[64:192, 128:320] = np.asarray(page(192, 128))
    found = drawn_blocks(rgb)
    assert found.shape == (4, 6) and found[1:3, 2:5].all() and found.sum() == 6
    assert drawn_blocks(np.asarray(page(300, 200))).all()  # white blocks go with their neighbours
    assert not drawn_blocks(np.full((100, 100, 3), 7, np.uint8)).any()


def test_photographs_with_clean_edges_may_be_av1(
    codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = gradient(256, 320).astype(float)
    room[:, ::40] = 20
    room[::50] = 220
    noisy = np.clip(room + np.random.default_rng(1).normal(0, 1, room.shape), 0, 255)
    rgb = noisy.astype(np.uint8)
    assert clean_share(rgb) > 0.5 and not drawn_blocks(rgb).any()
    assert clean_share(photo(256, 320)) < 0.1
    image = Image.fromarray(rgb)
    assert blocks_of(codec.compress(image, quality=50)) == ("AV1", 1)
    assert blocks_of(codec.compress(image, quality=50, lossy=True)) is None
    monkeypatch.setattr(mode_decision, "_CLEAN", 1.1)
    assert blocks_of(codec.compress(image, quality=50)) is None
    monkeypatch.undo()
    monkeypatch.setattr(mode_decision, "_LARGEST", 320 * 256 - 1)
    assert blocks_of(codec.compress(image, quality=50)) is None


def test_a_sample_decides_about_large_photographs(
    codec: Codec, released: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: list[tuple[int, int]] = []
    encode = av1.encode

    def noted(rgb: Pixels, **settings: Any) -> bytes:
        if rgb.shape == room.shape:
            whole.append((settings["quality"], settings["speed"]))
        return encode(rgb, **settings)

    monkeypatch.setattr(av1, "encode", noted)
    for module in (block_coder, mode_decision):
        monkeypatch.setattr(module, "LARGE", 100_000)
    monkeypatch.setattr(mode_decision, "_SAMPLE_SIDE", 64)
    room = gradient(400, 600)
    room[:, ::40], room[::50] = 20, 220
    room += np.random.default_rng(1).integers(0, 3, room.shape, np.uint8)
    assert clean_share(room) > 0.5 and not drawn_blocks(room).any()
    data = codec.compress(Image.fromarray(room), quality=50)
    assert blocks_of(data) == ("AV1", 1) and [speed for _, speed in whole] == [6]
    sample = mode_decision.sampled(room, width=600, height=400)
    assert sample.shape == (256, 256, 3)
    assert np.array_equal(sample[-64:, -64:], room[320:384, 512:576])  # whole blocks
    whole.clear()
    monkeypatch.setattr(mode_decision, "clean_share", lambda rgb: 0.5)
    with Image.open(Path(__file__).parents[2] / "examples" / "photo.jpg") as image:
        leaves = image.convert("RGB").crop((300, 200, 900, 600))
    assert blocks_of(released.compress(leaves, quality=20)) is None and not whole


@pytest.mark.parametrize("image", [Image.fromarray(photo(320, 512)), page(512, 320)])
def test_what_is_too_large_for_av1_is_not_tried_in_it(
    codec: Codec, monkeypatch: pytest.MonkeyPatch, image: Image.Image
) -> None:
    def refuse(*_: Any, **__: Any) -> bytes:
        raise AssertionError("AV1, or a decode that only a comparison with AV1 needs")

    monkeypatch.setattr(av1, "SIDE", 511)
    monkeypatch.setattr(av1, "encode", refuse)
    drawn = drawn_blocks(np.asarray(image)).any()
    if not drawn:
        monkeypatch.setattr(codec._core, "decode", refuse)
    for module in (block_coder, mode_decision):
        monkeypatch.setattr(module, "LARGE", 100_000)  # a sample of it is small enough for AV1
    monkeypatch.setattr(mode_decision, "_SAMPLE_SIDE", 64)
    file = read(codec.compress(image, quality=70))
    assert drawn == any(section.number in (Tag.BLOCKS, Tag.EXACT) for section in file.sections)


@pytest.mark.parametrize(("width", "height"), [(2880, 1800), (1000, 2100), (1024, 1025)])
def test_a_sample_has_the_blocks_of_its_pixels(width: int, height: int) -> None:
    rows, columns = block_grid(width, height)
    mask = np.random.default_rng(1).random((rows, columns)) < 0.5
    seen = mode_decision.sampled(
        pixel_mask(mask, width=width, height=height), width=width, height=height
    )
    sample = mode_decision.sampled(mask, width=width, height=height)
    assert sample.shape == block_grid(seen.shape[1], seen.shape[0]) and sample.size <= 16 * 16
    assert np.array_equal(pixel_mask(sample, width=seen.shape[1], height=seen.shape[0]), seen)


def test_a_sample_decides_about_large_screens(
    codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: list[int] = []
    embed, encode = block_coder.embed, av1.encode

    def noted(image: Image.Image, method: int, **settings: Any) -> bytes:
        whole.append(image.width * image.height)
        return embed(image, method, **settings)

    def noted_av1(rgb: Pixels, **settings: Any) -> bytes:
        whole.append(rgb.shape[0] * rgb.shape[1])
        return encode(rgb, **settings)

    screen = page(640, 512)
    data = codec.compress(screen, quality=30)
    monkeypatch.setattr(block_coder, "embed", noted)
    monkeypatch.setattr(av1, "encode", noted_av1)
    for module in (block_coder, mode_decision):
        monkeypatch.setattr(module, "LARGE", 100_000)
    monkeypatch.setattr(mode_decision, "_SAMPLE_SIDE", 64)
    quick = codec.compress(screen, quality=30)
    assert blocks_of(quick) == blocks_of(data) and len(quick) <= 1.1 * len(data)
    assert whole.count(640 * 512) == 1
    whole.clear()
    for at in (64, 256, 448):  # between the squares of the sample
        screen.paste(Image.fromarray(photo(512, 128, noise=9)), (at, 0))
    codec.compress(screen, quality=30)
    assert whole.count(640 * 512) > 2


def test_what_latents_see_in_place_of_blocks_is_smooth() -> None:
    rgb = np.full((192, 192, 3), 90, np.uint8)
    rgb[:, :64] = 30
    rgb[64:128, 64:128] = np.asarray(page(64, 64))
    mask = np.zeros((3, 3), np.bool_)
    mask[1, 1] = True
    out = filled(rgb, mask)
    hole = out[64:128, 64:128].astype(int)
    assert np.array_equal(out[:64], rgb[:64]) and np.array_equal(out[:, 128:], rgb[:, 128:])
    assert hole.min() >= 30 and hole.max() <= 90
    assert np.abs(np.diff(hole, axis=1)).max() <= 12
    assert (filled(rgb, np.ones((3, 3), np.bool_)) == 0).all()  # nothing is known


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
@pytest.mark.parametrize("quality", [5, 50])
def test_text_needs_no_latents(codec: Codec, mode: str, quality: int) -> None:
    image = page().convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(photo(200, 300)[:, :, 0]))
    data = codec.compress(image, quality=quality)
    found = blocks_of(data)
    assert found and found[1] == 1 and not any(read(data).tiles)
    back = codec.decompress(data)
    assert back.mode == mode and codec.verify(data).section(Tag.BLOCKS)
    difference = np.asarray(back).astype(float) - np.asarray(image)
    assert np.square(difference).mean() < (400 if quality == 5 else 12)
    if mode == "RGBA":
        assert not difference[..., 3].any()


def test_a_mixed_picture_has_both(released: Codec, mixed: Image.Image, tmp_path: Path) -> None:
    data = released.compress(mixed, quality=40)
    found = blocks_of(data)
    assert found and found[1] == 0.5 and any(read(data).tiles)
    whole = np.asarray(released.decompress(data))
    text = np.square(whole[:, 320:].astype(float) - np.asarray(mixed)[:, 320:]).mean()
    assert text < 5
    for other in ({"lossy": True}, {"screen": True}):
        forced = released.compress(mixed, quality=40, **other)
        assert (blocks_of(forced) is None) == ("lossy" in other)
    part = released.decompress(data, region=(250, 30, 200, 100))
    assert np.array_equal(part, whole[30:130, 250:450])
    only = released.decompress(data, region=(400, 30, 100, 100))  # no latents are needed
    assert np.array_equal(only, whole[30:130, 400:500])
    for scale in (2, 4, 8):
        small = np.asarray(released.decompress(data, scale=1 / scale)).astype(int)
        means = np.asarray(Image.fromarray(whole).reduce(scale)).astype(int)
        assert np.abs(small - means)[:, 320 // scale :].max() <= 1
        assert np.abs(small - means).mean() < 2
    natural = np.asarray(released.decompress(data, realism=1))
    assert np.array_equal(natural[:, 320:], whole[:, 320:])
    assert not np.array_equal(natural[:, :320], whole[:, :320])


def test_the_second_decoder_shows_the_same(released: Codec, mixed: Image.Image) -> None:
    small = mixed.crop((256, 0, 384, 64))
    data = released.compress(small, quality=30)
    assert blocks_of(data)
    folder = released.card.folder
    for factor in (1, 2):
        ours = np.asarray(released.decompress(data, scale=1 / factor)).astype(int)
        assert np.abs(decode(data, folder, factor=factor).astype(int) - ours).max() <= 1


@pytest.mark.parametrize("lam", [0.0005, 0.0015, 0.006, 0.05, 0.6])
def test_no_other_coding_of_blocks_costs_less(lam: float) -> None:
    large = Image.new("RGB", (1280, 800), "white")
    draw = ImageDraw.Draw(large)
    for k in range(24):
        x, y, r = k * 367 % 1280, k * 211 % 800, 60 + 7 * k
        colour = k * 37 % 256, k * 91 % 256, k * 53 % 256
        draw.ellipse((x - r, y - r, x + r, y + r), fill=colour, outline="black", width=5)
    rgb = np.array(large.reduce(4))
    rgb[:, 160:] = photo(200, 160, noise=2)
    part = BlockCoder(rgb, np.ones(block_grid(320, 200), np.bool_), grey=False, speed=6)
    every = [part.palette(count) for count in (*COLOURS, 0)]
    every += [part.av1(quality, 6) for quality in QUALITIES]
    assert part.best(lam).cost(lam) <= 1.02 * min(coded.cost(lam) for coded in every)


def test_av1_in_place_of_latents_looks_as_good() -> None:
    with Image.open(Path(__file__).parents[2] / "examples" / "photo.jpg") as image:
        rgb = np.asarray(image.convert("RGB").crop((400, 300, 720, 556)))
    part = BlockCoder(rgb, np.ones(block_grid(320, 256), np.bool_), grey=False, speed=6)

    def errors_at(quality: int) -> Errors:
        shown = av1.decode(part.av1(quality, 6).file, width=320, height=256)
        return Errors.of(shown, rgb)

    for quality in (20, 55, 90):
        wanted = errors_at(quality)
        for lam in (0.0015, 0.6):  # only tells where to look first
            found = part.av1_like(wanted, lam, max_bytes=1e9)
            assert found and NEARLY < errors_at(found.level).relative_to(wanted) <= 1
            assert part.av1_like(wanted, lam, max_bytes=1.1 * len(found.file)) == found
            assert part.av1_like(wanted, lam, max_bytes=len(found.file)) is None
    assert part.av1_like(Errors(0, 0), 0.05, max_bytes=1e9) is None  # AV1 is never as good
    same = Errors(30, 2)
    assert same.relative_to(same) == 1 and Errors(60, 2).relative_to(same) == 1.5


def test_photographs_may_be_av1_at_high_qualities(released: Codec) -> None:
    with Image.open(Path(__file__).parents[2] / "examples" / "photo.jpg") as image:
        leaves = image.convert("RGB").crop((300, 200, 620, 456))
    rgb = np.asarray(leaves)
    sizes, errors = [], []
    for quality in (60, 75, 90, 100):
        data, lossy = (released.compress(leaves, quality=quality, lossy=k) for k in (False, True))
        error, other = (
            np.square(np.asarray(released.decompress(d)).astype(float) - rgb).mean()
            for d in (data, lossy)
        )
        assert error <= other
        assert (blocks_of(data) == ("AV1", 1)) == (quality > 60)
        sizes.append(len(data))
        errors.append(error)
    assert sizes == sorted(sizes) and errors == sorted(errors, reverse=True)
    assert errors[-1] < 255**2 / 10**4.8


def test_strips_change_the_visible_error_little() -> None:
    rgb = photo(1030, 96)
    shown = av1.decode(av1.encode(rgb, quality=30, speed=8), width=96, height=1030)
    with torch.inference_mode():
        y, x = (torch.tensor(p).permute(2, 0, 1)[None].float() - 128 for p in (shown, rgb))
        whole = float(structural_error(y, x, sizes=VISIBLE))
    assert visible_error(shown, rgb) == pytest.approx(whole, rel=0.02)


def test_av1_without_error_can_be_read(codec: Codec) -> None:
    board = np.kron([[0, 255], [255, 0]], np.ones((20, 20))).astype(np.uint8)
    image = Image.fromarray(board)
    data = codec.compress(image, quality=50)
    assert blocks_of(data) == ("AV1", 1)
    assert np.abs(np.asarray(codec.decompress(data)).astype(int) - np.asarray(image)).max() <= 1


def test_more_quality_is_more_bytes_and_less_error(released: Codec, mixed: Image.Image) -> None:
    sizes, errors = [], []
    part = middle(mixed)
    for quality in (5, 20, 40, 60, 80, 100):
        data = released.compress(part, quality=quality)
        back = np.asarray(released.decompress(data)).astype(float)
        sizes.append(len(data))
        errors.append(np.square(back - np.asarray(part)).mean())
    assert sizes == sorted(sizes) and errors == sorted(errors, reverse=True)


def test_targets_hold_with_blocks(released: Codec, mixed: Image.Image) -> None:
    part = middle(mixed)
    assert len(released.compress(part, size=4000)) <= 4000
    data = released.compress(part, psnr=36)
    assert blocks_of(data) is not None
    back = np.asarray(released.decompress(data)).astype(float)
    assert 10 * np.log10(255**2 / np.square(back - np.asarray(part)).mean()) >= 36


def test_a_search_ends_between_neighbouring_levels(
    released: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At high qualities many settings give one file; they need not all be tried."""
    with Image.open(Path(__file__).parents[2] / "examples" / "photo.jpg") as image:
        leaves = from_image(image.convert("RGB").crop((300, 200, 492, 328)))
    target = Target("psnr", 43)
    quick = released.compress_picture(leaves, target)
    assert blocks_of(quick.data) == ("AV1", 1)
    monkeypatch.setattr(
        mode_decision.ModeDecision, "adjacent", lambda self, low, high: high - low <= 1
    )
    thorough = released.compress_picture(leaves, target)
    assert quick.encodes < thorough.encodes
    assert abs(len(quick.data) - len(thorough.data)) <= 1


def test_neighbouring_levels() -> None:
    def blocks(method: int, level: int) -> CodedBlocks:
        return CodedBlocks(method, level, b"", 1)

    assert are_neighbours(blocks(AV1, 41), blocks(AV1, 40), every_quality=True)
    assert not are_neighbours(blocks(AV1, 40), blocks(AV1, 48), every_quality=True)
    assert are_neighbours(blocks(AV1, 40), blocks(AV1, 48), every_quality=False)
    assert not are_neighbours(blocks(AV1, 40), blocks(AV1, 56), every_quality=False)
    assert are_neighbours(blocks(WEBP, 0), blocks(WEBP, 256), every_quality=False)
    assert not are_neighbours(blocks(WEBP, 64), blocks(AV1, 64), every_quality=True)


def test_what_excludes_each_other_is_said(codec: Codec) -> None:
    with pytest.raises(BadOption, match="not both"):
        codec.compress(page(), lossy=True, screen=True)


def test_blocks_that_cover_all_leave_no_latents(codec: Codec) -> None:
    file = read(codec.compress(page(), quality=50))
    with pytest.raises(BadFile, match="pixels twice"):
        codec.decompress(write(replace(file, tiles=(b"\1",))))
    body = file.section(Tag.BLOCKS)
    assert body is not None
    exact = make_section(Tag.EXACT, b"\2")
    with pytest.raises(ValueError, match="pixels twice"):
        write(replace(file, sections=(exact, make_section(Tag.BLOCKS, body))))
