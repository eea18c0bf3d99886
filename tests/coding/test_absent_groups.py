"""Pictures whose latents lie in some groups only: textures, flat parts, and what lies between."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tccodec import Codec
from tccodec.coding.neural import NeuralCodec
from tccodec.entropy import reference
from tccodec.entropy.reference_model import Model, read_model
from tccodec.model.folder import read_config, read_tensors
from tests.support.models import coded_picture, tiny_config, twin_latents

H, W = 3, 5  # latent sites of the synthetic tile group
PIXELS = (W * 32 - 7, H * 32 - 3)
SETTING = 500
GROUPS = tiny_config().groups
SUBSETS = range(1 << len(GROUPS))


@pytest.fixture(scope="module")
def codec(tiny_model_dir: Path) -> Codec:
    return Codec.from_pretrained(tiny_model_dir, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def core(codec: Codec) -> NeuralCodec:
    return codec._core


@pytest.fixture(scope="module")
def twin(tiny_model_dir: Path) -> Model:
    tensors = {k: v.tolist() for k, v in read_tensors(tiny_model_dir).items() if k[:4] == "int."}
    return read_model(read_config(tiny_model_dir)["model"], tensors)


def latents(subset: int, h: int = H, w: int = W) -> torch.Tensor:
    """Latents in steps `(h, w, C)` with content in the groups of `subset` alone."""
    generator = torch.Generator().manual_seed(subset)
    parts = [
        2 * torch.randn(h, w, n, generator=generator) * (subset >> g & 1)
        for g, n in enumerate(GROUPS)
    ]
    return torch.cat(parts, -1)


@pytest.mark.parametrize("subset", SUBSETS)
def test_any_groups_may_be_absent(core: NeuralCodec, twin: Model, subset: int) -> None:
    (payload,), _ = core.encode_latents(latents(subset), SETTING)
    assert (payload[0] if payload else 0) == subset
    whole = core.entropy.decode(payload, SETTING, h=H, w=W)
    assert [bool(t.any()) for t in whole] == [bool(subset >> g & 1) for g in range(len(GROUPS))]
    for n in range(1, len(GROUPS) + 1):  # as a reduced picture asks for
        some = core.entropy.decode(payload, SETTING, h=H, w=W, groups=n)
        assert len(some) == n and all(map(torch.equal, some, whole))
    slow = reference.TileDecoder(twin, payload, SETTING, h=H, w=W).decode()
    joined = torch.cat(whole, -1).view(H, W, -1)
    assert torch.equal(twin_latents(slow, core.cfg, H, W, joined.shape[-1]), joined)


@pytest.mark.parametrize("realism", [0, 1])
@pytest.mark.parametrize("subset", SUBSETS)
def test_scales_and_regions_with_absent_groups(
    core: NeuralCodec, subset: int, realism: int
) -> None:
    payloads, _ = core.encode_latents(latents(subset), SETTING)
    coded = coded_picture(payloads, PIXELS, setting=SETTING)
    for scale in (1, 2, 4, 8):
        whole = core.decode(coded, scale=scale, realism=realism)
        assert whole.shape == (-(-PIXELS[1] // scale), -(-PIXELS[0] // scale), 3)
        for left, top, width, height in ((0, 0, 1, 1), (40, 24, 64, 40), (152, 92, 1, 1)):
            region = (left, top, width, height)
            part = core.decode(coded, scale=scale, realism=realism, region=region)
            y, x = top // scale, left // scale
            crop = whole[y : y + part.shape[0], x : x + part.shape[1]].astype(int)
            assert np.abs(part - crop).max() <= 1


def test_tile_groups_with_other_absent_groups_side_by_side(core: NeuralCodec) -> None:
    """One has no coarse group, one no fine one, one nothing at all, one everything."""
    subsets = (0b1100, 0b0011, 0, 0b1111)
    blocks = [latents(s, 32 if i < 2 else 2, 2 if i % 2 else 32) for i, s in enumerate(subsets)]
    rows = [torch.cat(blocks[i : i + 2], 1) for i in (0, 2)]
    v = torch.cat(rows)
    payloads, _ = core.encode_latents(v, SETTING)
    assert [p[0] if p else 0 for p in payloads] == list(subsets)
    size = 34 * 32, 34 * 32
    coded = coded_picture(payloads, size, setting=SETTING)
    whole = core.decode(coded).astype(float)
    for scale in (2, 4, 8):
        small = core.decode(coded, scale=scale)
        n = size[0] // scale
        mean = whole.reshape(n, scale, n, scale, 3).mean((1, 3))
        # The groups that it leaves out have all their weight in noise here.
        assert np.corrcoef(small.ravel(), mean.ravel())[0, 1] > 0.8


def texture(kind: str) -> Image.Image:
    """Mid-grey texture, whose coarse latents are all below half a step."""
    y, x = np.mgrid[:128, :160]
    bright = {"stripes": x % 2, "check": (x + y) % 2, "weave": (x // 2 + y // 2) % 2}[kind]
    return Image.fromarray((118 + 20 * bright).astype(np.uint8))


@pytest.mark.parametrize("kind", ["stripes", "check", "weave"])
@pytest.mark.parametrize("quality", [5, 20, 40])
def test_mid_grey_texture_decodes_at_every_scale(codec: Codec, kind: str, quality: int) -> None:
    data = codec.compress(texture(kind), quality=quality, lossy=True)
    whole = np.asarray(codec.decompress(data), float)
    for scale in (2, 4, 8):
        small = np.asarray(codec.decompress(data, scale=1 / scale), float)
        mean = whole.reshape(128 // scale, scale, 160 // scale, scale).mean((1, 3))
        assert small.shape == mean.shape and np.abs(small - mean).mean() < 2
        part = codec.decompress(data, scale=1 / scale, region=(32, 40, 64, 48))
        assert part.size == (64 // scale, 48 // scale)


def test_released_model_shows_mid_grey_stripes_small() -> None:
    codec = Codec.from_pretrained("tcae-s", device="cpu")
    source = io.BytesIO()
    texture("stripes").save(source, "PNG")
    data = codec.compress(source.getvalue(), quality=20, lossy=True)
    small = np.asarray(codec.decompress(data, scale=1 / 8), int)
    assert small.shape == (16, 20) and np.abs(small - 128).max() < 20
