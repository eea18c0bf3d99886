"""Drawn pictures that are stored lossless, where that takes no more bytes."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tccodec import Codec
from tccodec.container import Tag, make_section, read, tcz, write
from tccodec.errors import BadFile, LimitExceeded
from tccodec.picture import looks_drawn, pack_exact, unpack_exact
from tests.support.pictures import page, photo


@pytest.fixture(scope="module")
def codec(tiny_model_dir: Path) -> Codec:
    return Codec.from_pretrained(tiny_model_dir, device="cpu")


def exact_body(data: bytes) -> bytes | None:
    return read(data).section(Tag.EXACT)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_a_page_comes_back_as_it_was(codec: Codec, mode: str) -> None:
    image = page().convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(np.maximum(photo(200, 300)[:, :, 0], 1)))
    data = codec.compress(image, quality=100)
    back = codec.decompress(data)
    assert exact_body(data) and back.mode == mode and np.array_equal(back, image)
    assert len(data) < len(codec.compress(image, quality=100, lossy=True))
    for realism in (0, 1):
        part = codec.decompress(data, region=(31, 17, 100, 60), realism=realism)
        assert np.array_equal(part, image.crop((31, 17, 131, 77)))
    small = codec.decompress(data, scale=1 / 4)
    for band, whole in zip(small.split(), image.split(), strict=True):
        assert np.abs(np.asarray(band, int) - np.asarray(whole.reduce(4))).max() <= 1
    assert codec.verify(data).section(Tag.EXACT)


def test_photographs_and_few_bits_go_through_the_network(codec: Codec) -> None:
    noisy = photo(200, 300)
    assert not looks_drawn(noisy)
    assert exact_body(codec.encode(noisy, 90)) is None
    assert exact_body(codec.compress(page(), quality=60, lossy=True)) is None
    flat = Image.new("RGB", (64, 64), "gray")  # a few bytes of latents are less than a WebP file
    assert looks_drawn(np.asarray(flat)) and exact_body(codec.compress(flat, quality=10)) is None


def test_targets_that_a_lossless_file_meets(codec: Codec) -> None:
    image = page()
    size = len(codec.compress(image, quality=100))
    assert exact_body(codec.compress(image, size=size))
    assert exact_body(codec.compress(image, bpp=8 * size / (300 * 200)))
    assert exact_body(codec.compress(image, psnr=99))  # out of the network's reach
    for target in ({"size": size - 1}, {"bpp": 7 * size / (300 * 200)}):
        data = codec.compress(image, **target)
        assert exact_body(data) is None and len(data) < 1.02 * size
    assert exact_body(codec.compress(image, psnr=99, lossy=True)) is None
    assert exact_body(codec.compress(Image.fromarray(photo(96, 96)), psnr=99)) is None
    assert exact_body(codec.compress(image, quality=100, effort=3))


def test_wide_pages_and_large_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = np.asarray(page(400, 60).resize((16_400, 60), Image.Resampling.NEAREST))
    body = pack_exact(wide, at_most=1e6)
    assert body is not None and body[0] == 1  # PNG: too wide for WebP
    assert np.array_equal(unpack_exact(body, width=16_400, height=60), wide)
    rng = np.random.default_rng(0)
    speckled = np.asarray(page(1000, 1000)).copy()
    at = rng.random((1000, 1000)) < 0.15
    speckled[at] = rng.integers(0, 256, (int(at.sum()), 3))
    assert looks_drawn(speckled)
    tried: list[tuple[int, ...]] = []
    from tccodec.picture import exact

    embed = exact.embed
    monkeypatch.setattr(exact, "embed", lambda im, *a, **k: tried.append(im.size) or embed(im, *a))
    assert pack_exact(speckled, at_most=20_000) is None
    assert tried == [(1000, 260)]  # a sample told


def test_damaged_exact_sections(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    file = read(codec.compress(page(), quality=100))
    body = file.section(Tag.EXACT)
    assert body is not None
    other = io.BytesIO()
    page(301, 200).save(other, "WEBP", lossless=True)
    for bad, words in (
        (b"", "does not know"),
        (b"\7" + body[1:], "does not know"),
        (body[:-30], "form that is allowed"),
        (b"\2" + other.getvalue(), "not the size"),
    ):
        broken = write(replace(file, sections=(make_section(Tag.EXACT, bad),)))
        for use in (codec.decompress, codec.verify):
            with pytest.raises(BadFile, match=words):
                use(broken)
    both = replace(file, tiles=(b"\1",))
    with pytest.raises(ValueError, match="pixels twice"):
        write(both)
    with monkeypatch.context() as patch:
        patch.setattr(tcz, "_pixels_twice", lambda *_: False)
        data = write(both)
    with pytest.raises(BadFile, match="pixels twice"):
        read(data)
    with pytest.raises(LimitExceeded, match="exact"):
        read(write(replace(file, sections=(make_section(Tag.EXACT, bytes(300 * 200 * 4 + 5000)),))))
