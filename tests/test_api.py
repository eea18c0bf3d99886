"""Pictures through a real (tiny, untrained) model and back, with everything they carry."""

from __future__ import annotations

import gc
import io
import shutil
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import tccodec
from tccodec.api import Codec
from tccodec.coding.coded import CodedPicture
from tccodec.coding.neural import NeuralCodec
from tccodec.coding.reference import decode
from tccodec.coding.scores import picture_psnr
from tccodec.container import Limits, Tag, read, write
from tccodec.errors import (
    BadFile,
    BadOption,
    BadPicture,
    BadTarget,
    LimitExceeded,
    TccodecError,
    UnknownModel,
)
from tccodec.picture import Picture
from tccodec.portable.core import PortableCodec
from tests.support import pictures


@pytest.fixture(scope="module")
def codec(tiny_model_dir: Path) -> Codec:
    return Codec.from_pretrained(tiny_model_dir, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return Image.fromarray(pictures.photo(120, 200, seed=1))


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (33, 1), (31, 33), (64, 64), (100, 257)])
def test_any_size(codec: Codec, tiny_model_dir: Path, size: tuple[int, int]) -> None:
    """The pixels are those that the readable decoder finds in the same file."""
    data = codec.compress(Image.fromarray(pictures.photo(*size)), quality=80, lossy=True)
    back = codec.decompress(data)
    assert back.size == (size[1], size[0]) and back.mode == "RGB"
    off = np.abs(np.asarray(back, int) - decode(data, tiny_model_dir))
    assert off.max() <= 1 and off.mean() < 0.01


def test_two_tile_groups(codec: Codec) -> None:
    pixels = pictures.photo(40, 1030)
    data = codec.encode(pixels, 30)
    assert len(read(data).tiles) == 2
    assert codec.decode(data).shape == pixels.shape


def test_overhead_in_a_real_file(codec: Codec, photo: Image.Image) -> None:
    data = codec.compress(photo)
    assert len(data) - read(data).payload_bytes == 19  # width and height share three bytes


def test_quality_orders_bytes(codec: Codec, photo: Image.Image) -> None:
    sizes = [len(codec.compress(photo, quality=q)) for q in (0, 30, 60, 100)]
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "CMYK", "I;16", "F"])
def test_modes_come_back(codec: Codec, photo: Image.Image, mode: str) -> None:
    """As the same picture does that was converted to a mode of files before."""
    if mode == "I;16":
        image = Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257)
    else:
        image = (photo.convert("L") if mode == "F" else photo).convert(mode)
    alpha = Image.fromarray(pictures.photo(120, 200)[:, :, 1])
    if mode.endswith("A"):
        image.putalpha(alpha)
    back = codec.decompress(codec.compress(image, quality=90, lossy=True))
    wanted = {"P": "RGB", "CMYK": "RGB", "1": "L", "I;16": "L", "F": "L"}.get(mode, mode)
    assert back.mode == wanted and back.size == image.size
    if mode.endswith("A"):
        assert back.getchannel("A").tobytes() == alpha.tobytes()
    plain = photo.convert("L") if mode == "I;16" else image.convert(wanted.removesuffix("A"))
    colours = codec.decompress(codec.compress(plain, quality=90, lossy=True))
    assert np.array_equal(np.asarray(back.convert(colours.mode)), np.asarray(colours))


def test_metadata_comes_back(codec: Codec, photo: Image.Image) -> None:
    from PIL import ImageCms

    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Maker", 6
    image = photo.copy()
    image.info |= {
        "icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        "exif": exif.tobytes(),
        "xmp": b"<x:xmpmeta>packet</x:xmpmeta>",
        "comment": b"hello",
    }
    back = codec.decompress(codec.compress(image, quality=10))
    assert back.size == (120, 200), "the orientation is applied"
    for key in ("icc_profile", "xmp", "comment"):
        assert back.info[key] == image.info[key]
    assert back.getexif()[0x010F] == "Maker" and back.getexif()[0x0112] == 1


def test_sources_of_every_kind(codec: Codec, photo: Image.Image, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    photo.save(path)
    from_image = codec.compress(photo, quality=20)
    assert codec.compress(path, quality=20) == from_image
    assert codec.compress(str(path), quality=20) == from_image
    assert codec.compress(path.read_bytes(), quality=20) == from_image


def test_encode_and_decode_of_arrays(codec: Codec, photo: Image.Image) -> None:
    pixels = np.asarray(photo)
    assert codec.encode(pixels, 20) == codec.compress(photo, quality=20)
    assert codec.decode(codec.encode(pixels)).shape == pixels.shape
    assert codec.decode(codec.encode(pixels[:, :, 0])).shape == pixels.shape[:2]
    assert codec.decode(codec.encode(pixels[::2, ::-1])).shape == (60, 200, 3)
    for rows in (pixels, pixels[:, :, 0]):
        assert codec.decode(codec.encode(rows)).flags.writeable  # torch warns of others


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4,), np.uint8),
    ],
)
def test_arrays_of_other_shapes(codec: Codec, bad: NDArray[np.uint8]) -> None:
    with pytest.raises(BadPicture, match="must be uint8"):
        codec.encode(bad)


def test_arrays_above_the_limits(codec: Codec, photo: Image.Image) -> None:
    pixels, small = np.asarray(photo), Limits(max_pixels=photo.width * photo.height - 1)
    with pytest.raises(LimitExceeded, match="above the limit"):
        codec.encode(pixels, limits=small)
    with pytest.raises(LimitExceeded, match="above the limit"):
        codec.decode(codec.encode(pixels), limits=small)


def test_empty_array(codec: Codec) -> None:
    with pytest.raises(LimitExceeded, match="no pixels"):
        codec.encode(np.zeros((0, 4, 3), np.uint8))


def test_targets(codec: Codec, photo: Image.Image) -> None:
    low, high = (
        len(codec.compress(photo, quality=0, lossy=True)),
        len(codec.compress(photo, quality=100, lossy=True)),
    )
    goal = int((low * high) ** 0.5)
    data = codec.compress(photo, size=goal, lossy=True)
    assert goal * 0.97 <= len(data) <= goal
    bpp = goal * 8 / (120 * 200)
    data = codec.compress(photo, bpp=bpp, lossy=True)
    assert goal * 0.98 <= len(data) <= goal
    assert len(codec.compress(photo, size=high * 2, lossy=True)) == high
    with pytest.raises(BadTarget, match=f"at least {low} bytes"):
        codec.compress(photo, size=low - 1, lossy=True)
    with pytest.raises(BadOption, match="one target"):
        codec.compress(photo, size=1000, bpp=1, lossy=True)


def test_psnr_target(codec: Codec, photo: Image.Image) -> None:
    def reached(data: bytes) -> float:
        truth = Picture(rgb=np.asarray(photo))
        return picture_psnr(truth, codec.decompress_file(read(data)))

    goal = (
        reached(codec.compress(photo, quality=0, lossy=True))
        + reached(codec.compress(photo, quality=100, lossy=True))
    ) / 2
    assert 0 <= reached(codec.compress(photo, psnr=goal, lossy=True)) - goal <= 0.1


def test_psnr_by_hand() -> None:
    one = np.zeros((3, 5, 3), np.uint8)
    two = one.copy()
    two[0, 0, 0] = 45
    expected = 10 * np.log10(255**2 / (45**2 / 45))
    assert picture_psnr(Picture(rgb=one), Picture(rgb=two)) == pytest.approx(expected)
    assert picture_psnr(Picture(rgb=one), Picture(rgb=one)) == float("inf")
    assert picture_psnr(Picture(rgb=one, grey=True), Picture(rgb=two)) == pytest.approx(
        10 * np.log10(255**2 / (15**2 / 15))
    )


def test_wrong_model_is_named(codec: Codec, photo: Image.Image) -> None:
    file = read(codec.compress(photo, quality=0))
    other = write(replace(file, model_id=b"other"))
    with pytest.raises(UnknownModel, match="model 6f74686572"):
        codec.decompress(other)
    with pytest.raises(UnknownModel, match="6f74686572"):
        codec.verify(other)
    with pytest.raises(UnknownModel, match="6f74686572"):
        tccodec.decompress(other)


def test_payload_that_passes_its_checksum_but_is_nonsense(codec: Codec, photo: Image.Image) -> None:
    """A file written by a broken encoder: the entropy decoder is the second line of defence."""
    file = read(codec.compress(photo, quality=60))
    payload = file.tiles[0]
    for bad in (payload[:-4], payload + b"\1\2\3\4", payload[:20] + payload[24:]):
        data = write(replace(file, tiles=(bad,)))
        with pytest.raises(BadFile):
            codec.verify(data)
        with pytest.raises(BadFile):
            codec.decompress(data)


def test_bad_alpha_is_found_before_the_network_runs(codec: Codec, photo: Image.Image) -> None:
    from tccodec.container import make_section

    file = read(codec.compress(photo, quality=0))
    data = write(replace(file, sections=(make_section(Tag.ALPHA, b"\1junk"),)))
    for use in (codec.verify, codec.decompress, codec.decode):
        with pytest.raises(BadFile, match="alpha"):
            use(data)


def test_limits(codec: Codec, photo: Image.Image) -> None:
    assert codec.compress(photo, limits=Limits(max_pixels=10**400))  # more than a float holds
    tight = Limits(max_pixels=120 * 200 - 1)
    with pytest.raises(LimitExceeded):
        codec.compress(photo, limits=tight)
    with pytest.raises(LimitExceeded):
        codec.decompress(codec.compress(photo, quality=0), limits=tight)


def test_verify_returns_the_content(codec: Codec, photo: Image.Image) -> None:
    data = codec.compress(photo, quality=33.3)
    assert codec.verify(data).setting == 400


def test_progress_reaches_one(codec: Codec) -> None:
    seen: list[float] = []
    data = codec.compress(Image.fromarray(pictures.photo(40, 1030)), progress=seen.append)
    assert seen and seen == sorted(seen) and seen[-1] == 1.0
    seen.clear()
    codec.decompress(data, progress=seen.append)
    assert seen and seen[-1] == 1.0


@pytest.mark.parametrize(
    "options",
    [
        {"lossless": True},
        {"screen": True},
        {"quality": 90},
        {"quality": 90, "effort": 3},
        {"size": 100_000},
        {"psnr": 30.0, "screen": True},
    ],
    ids=str,
)
def test_progress_reaches_one_without_latents(
    codec: Codec, photo: Image.Image, options: dict[str, Any]
) -> None:
    seen: list[float] = []
    data = codec.compress(photo, progress=seen.append, **options)
    assert seen and seen[-1] == 1.0
    for part in ({}, {"region": (5, 5, 9, 9)}, {"scale": 1 / 8}):
        seen.clear()
        codec.decompress(data, progress=seen.append, **part)  # type: ignore[arg-type]
        assert seen == [1.0]


def test_module_level_functions(
    tiny_model_dir: Path, photo: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tccodec.compress(photo, quality=30, model=tiny_model_dir, device="cpu")
    assert tccodec.decompress(data, model=tiny_model_dir, device="cpu").size == photo.size
    monkeypatch.setenv("TCCODEC_MODELS", str(tiny_model_dir.parent))
    assert tccodec.decompress(data, device="cpu").size == photo.size
    assert tccodec.compress(photo, quality=30, model="tiny", device="cpu") == data


def test_codec_describes_itself(codec: Codec, tiny_model_dir: Path) -> None:
    assert codec.name == "tiny" and len(codec.model_id) == 8
    assert codec.card.folder == tiny_model_dir


@pytest.mark.parametrize("kind", [NeuralCodec, PortableCodec])
def test_a_model_that_is_let_go_leaves_memory_at_once(
    codec: Codec, photo: Image.Image, tiny_model_dir: Path, kind: type[NeuralCodec | PortableCodec]
) -> None:
    coded = CodedPicture.of(read(codec.compress(photo, lossy=True)))
    load = NeuralCodec.load if kind is NeuralCodec else PortableCodec
    core = load(tiny_model_dir, device="cpu")
    for realism in (0.0, 0.5):
        next(core.decode_rows(coded, realism=realism))
    seen = weakref.ref(core.transforms if isinstance(core, NeuralCodec) else core)
    gc.collect()
    gc.disable()
    try:
        del core
        assert seen() is None
    finally:
        gc.enable()


def test_result_is_a_plain_image(codec: Codec, photo: Image.Image) -> None:
    out = io.BytesIO()
    codec.decompress(codec.compress(photo)).save(out, "PNG")
    assert out.getvalue().startswith(b"\x89PNG")


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_a_region_is_the_crop_of_all(codec: Codec, mode: str) -> None:
    image = Image.fromarray(pictures.photo(150, 260)).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(pictures.photo(150, 260)[:, :, 1]))
    data = codec.compress(image, quality=60)
    whole = codec.decompress(data)
    for left, top, w, h in ((0, 0, 260, 150), (13, 71, 90, 50), (259, 149, 1, 1)):
        part = codec.decompress(data, region=(left, top, w, h))
        assert part.mode == mode and part.size == (w, h)
        wanted = whole.crop((left, top, left + w, top + h))
        assert np.abs(np.asarray(part).astype(int) - np.asarray(wanted)).max() <= 1


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
@pytest.mark.parametrize("factor", [2, 4, 8])
def test_a_scaled_picture_is_a_reduced_one(codec: Codec, mode: str, factor: int) -> None:
    image = Image.fromarray(pictures.photo(150, 261)).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(pictures.photo(150, 261)[:, :, 1]))
    data = codec.compress(image, quality=95)
    small = codec.decompress(data, scale=1 / factor)
    assert small.mode == mode and small.size == (-(-261 // factor), -(-150 // factor))
    wanted = np.asarray(codec.decompress(data).reduce(factor)).astype(int)
    whole = np.s_[: 150 // factor, : 261 // factor]
    assert np.abs(np.asarray(small).astype(int) - wanted)[whole].mean() < 1.5
    both = codec.decompress(data, scale=1 / factor, region=(33, 17, 64, 40))
    box = (33 // factor, 17 // factor, -(-97 // factor), -(-57 // factor))
    assert np.abs(np.asarray(both).astype(int) - np.asarray(small.crop(box))).max() <= 1


def test_one_file_has_two_looks(codec: Codec, photo: Image.Image) -> None:
    data = codec.compress(photo, quality=60)
    plain, half, real = (np.asarray(codec.decompress(data, realism=r), int) for r in (0, 0.5, 1))
    assert np.array_equal(plain, codec.decompress(data)) and codec.has_realism
    # Only the last, linear layer differs here, so that the middle is the mean of both.
    inside = (real > 0) & (real < 255) & (plain > 0) & (plain < 255)
    assert np.abs(2 * half - plain - real)[inside].max() <= 4
    assert np.abs(real - plain).mean() > 1
    part = codec.decompress(data, realism=1, region=(50, 20, 60, 40))
    assert np.abs(np.asarray(part, int) - real[20:60, 50:110]).max() <= 1
    small = codec.decompress(data, realism=1, scale=1 / 4)
    wanted = Image.fromarray(real.astype(np.uint8)).reduce(4)
    assert np.abs(np.asarray(small, int) - np.asarray(wanted)).max() <= 6


def test_realism_that_cannot_be(
    codec: Codec,
    photo: Image.Image,
    tiny_model_dir: Path,
    model_without_realism: Path,
    tmp_path: Path,
) -> None:
    data = codec.compress(photo)
    for realism in (-0.1, 1.5, float("nan")):
        with pytest.raises(BadOption, match="from 0 to 1"):
            codec.decompress(data, realism=realism)
    folder = tmp_path / "model"
    shutil.copytree(tiny_model_dir, folder)
    weights = folder / "realism.safetensors"
    whole = weights.read_bytes()
    for damaged in (whole[:-1] + b"!", whole[:50]):
        weights.write_bytes(damaged)
        damaged_codec = Codec.from_pretrained(folder, device="cpu")
        assert damaged_codec.decompress(data).size == photo.size
        with pytest.raises(TccodecError, match=r"realism\.safetensors"):
            damaged_codec.decompress(data, realism=1)
    without = Codec.from_pretrained(model_without_realism, device="cpu")
    assert not without.has_realism
    with pytest.raises(BadOption, match="tiny has no decoder for realism"):
        without.decompress(data, realism=0.5)


def test_regions_and_scales_that_cannot_be(codec: Codec, photo: Image.Image) -> None:
    data = codec.compress(photo)
    for region in ((0, 0, 201, 10), (0, 0, 0, 1), (-1, 0, 5, 5), (199, 119, 2, 1)):
        with pytest.raises(BadOption, match="not inside the picture of 200 x 120 pixels"):
            codec.decompress(data, region=region)
    for scale in (2, 1 / 3, 0):
        with pytest.raises(BadOption, match="1/8"):
            codec.decompress(data, scale=scale)


def test_a_region_reads_only_its_tile_groups(codec: Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    data = codec.encode(pictures.photo(40, 3200), 30)
    seen: list[tuple[int, int]] = []
    decode = codec._core.entropy.decode

    def spy(payload: bytes, setting: int, *, h: int, w: int, groups: int | None) -> object:
        seen.append((h, w))
        return decode(payload, setting, h=h, w=w, groups=groups)

    monkeypatch.setattr(codec._core.entropy, "decode", spy)
    codec.decompress(data, region=(3000, 0, 200, 40))
    assert seen == [(2, 32), (2, 4)]
