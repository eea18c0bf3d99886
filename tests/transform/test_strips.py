"""Maps in pieces give what whole maps give; a region needs exactly the latents it is said to."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tccodec.coding.transforms
from tccodec.coding.neural import NeuralCodec
from tccodec.transform.reach import latents_for
from tccodec.transform.rows import PIXELS, Rows, join_rows, overlapped, regrouped, zip_rows
from tccodec.transform.tcae import TCAE
from tests.support.models import tiny_codec_model, tiny_config, tiny_renderer_config

SHAPES = {
    "blocks": tiny_config(),
    "renderer": tiny_renderer_config(),
    # Windows of both kinds in the decoder.
    "attention": dataclasses.replace(tiny_renderer_config(), dec_attention=1),
    "small tokens": dataclasses.replace(tiny_renderer_config(), patch=4, dec_attention=1),
}


@pytest.fixture(
    scope="module", params=["blocks fp32", "blocks bf16", "renderer fp32", "renderer bf16"]
)
def model(request: pytest.FixtureRequest) -> TCAE:
    shape, precision = request.param.split()
    tcae: TCAE = tiny_codec_model(SHAPES[shape]).tcae.requires_grad_(False)
    if precision == "bf16":
        for module in tcae.modules():
            if isinstance(module, (nn.Linear, nn.Conv2d)):
                module.bfloat16()
    return tcae


def uneven(x: Tensor, sizes: list[int], dim: int) -> Rows:
    """Pieces of the given sizes, over and over."""
    at, i = 0, 0
    while at < x.shape[dim]:
        n = min(sizes[i % len(sizes)], x.shape[dim] - at)
        yield x.narrow(dim, at, n), at + n == x.shape[dim]
        at, i = at + n, i + 1


@pytest.mark.parametrize("first", [0, 3])
def test_regrouped_rows_end_where_they_are_told(first: int) -> None:
    x = torch.arange(29.0).view(1, 29, 1, 1)
    out = list(regrouped(uneven(x, [1, 5, 2, 9], 1), 8, first=first))
    assert torch.equal(torch.cat([p for p, _ in out], 1), x)
    ends = np.cumsum([p.shape[1] for p, _ in out])
    assert all(e % 8 == first for e in ends[:-1])
    assert [last for _, last in out] == [False] * (len(out) - 1) + [True]


def test_overlapped_rows_see_their_neighbours_and_zeros_outside() -> None:
    x = torch.randn(1, 23, 4, 2)

    def total(t: Tensor) -> Tensor:
        return t[:, :-4] + t[:, 2:-2] + t[:, 4:]

    padded = nn.functional.pad(x, (0, 0, 0, 0, 2, 2))
    for sizes in ([1], [4], [23], [1, 7, 2]):
        assert torch.equal(join_rows(overlapped(uneven(x, sizes, 1), 2, total)), total(padded))


def test_paired_rows_meet_whatever_the_pieces() -> None:
    a, b = torch.randn(1, 3, 17, 4), torch.randn(1, 3, 17, 4)
    rows = zip_rows(uneven(a, [3, 1], PIXELS), uneven(b, [2, 6], PIXELS), torch.add, dim=PIXELS)
    assert torch.equal(join_rows(rows, dim=PIXELS), a + b)


@pytest.mark.parametrize("size", [(32, 32), (96, 160), (416, 224), (256, 288)])
def test_strips_give_what_the_whole_picture_gives(model: TCAE, size: tuple[int, int]) -> None:
    torch.manual_seed(2)
    knot_weights = model.knot_weights(torch.tensor([437.0]))
    x = torch.randint(-128, 128, (1, 3, *size)).float()
    y = model.analyse(x, knot_weights)
    out = model.synthesise(y, knot_weights)
    for sizes in ([32], [128], [96, 32, 160]):
        rows = model.analyse_stream(uneven(x + 128, sizes, PIXELS), knot_weights)
        assert torch.allclose(join_rows(rows), y, atol=1e-3)
        small = [s // 32 for s in sizes]
        back = join_rows(model.synthesise_stream(uneven(y, small, 1), knot_weights), dim=PIXELS)
        assert torch.allclose(back, out, atol=0.05)


def test_a_stream_holds_a_few_rows_only(model: TCAE) -> None:
    """What comes out lags behind what went in by the layers' reach, not by the height."""
    knot_weights = model.knot_weights(torch.tensor([500.0]))
    taken, given, lag = 0, 0, 0

    def source() -> Rows:
        nonlocal taken
        for i in range(24):
            taken += 4
            yield torch.zeros(1, 4, 2, model.cfg.latents), i == 23

    for piece, _ in model.synthesise_stream(source(), knot_weights):
        given += piece.shape[PIXELS]
        lag = max(lag, 32 * taken - given)
    assert given == 32 * taken == 96 * 32 and lag <= 28 * 32


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_symbols_do_not_depend_on_the_strips(
    tiny_model_dir: Path, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = NeuralCodec.load(tiny_model_dir, device="cpu", precision=precision)
    rng = np.random.default_rng(3)
    rgb = np.clip(
        128
        + 60 * np.sin(np.mgrid[:700, :260].sum(0) / 9)[..., None]
        + rng.normal(0, 9, (700, 260, 3)),
        0,
        255,
    ).astype(np.uint8)
    files, pictures = [], []
    for strip in (1 << 30, 1):
        monkeypatch.setattr(tccodec.coding.transforms, "STRIP_PIXELS", strip)
        files.append(codec.encode(rgb, 600))
        pictures.append(codec.decode(files[0]))
    assert files[0] == files[1]
    assert np.abs(pictures[0].astype(int) - pictures[1]).max() <= 1


@pytest.mark.parametrize("shape", SHAPES)
def test_a_region_needs_the_latents_it_is_said_to(shape: str) -> None:
    """The synthesis of those latents alone is right inside; without their outermost it is not."""
    model = tiny_codec_model(SHAPES[shape]).tcae.requires_grad_(False)
    torch.manual_seed(4)
    knot_weights = model.knot_weights(torch.tensor([500.0]))
    h, w = 1536, 128
    y = torch.randn(1, h // 32, w // 32, model.cfg.latents) * 30
    whole = model.synthesise(y, knot_weights)
    for span in ((700, 708), (640, 896), (0, 50), (1400, 1536)):
        low, high = latents_for(span, h, model.cfg)
        inside = slice(span[0] - 32 * low, span[1] - 32 * low)
        part = model.synthesise(y[:, low:high], knot_weights)[:, :, inside]
        assert torch.allclose(part, whole[:, :, span[0] : span[1]], atol=1e-2), span
    low, high = latents_for((700, 708), h, model.cfg)
    assert low > 0 and high < h // 32 and high - low < 40
    touched = y.clone()
    touched[:, high - 1] += 5000
    assert (model.synthesise(touched, knot_weights) - whole)[:, :, 700:708].abs().max() > 1e-4


@pytest.mark.parametrize(
    "region", [(0, 0, 30, 20), (100, 620, 61, 80), (259, 699, 1, 1), (0, 0, 260, 700)]
)
def test_region_is_the_crop_of_the_whole(
    tiny_model_dir: Path, region: tuple[int, int, int, int]
) -> None:
    codec = NeuralCodec.load(tiny_model_dir, device="cpu", precision="fp32")
    rgb = np.random.default_rng(5).integers(0, 255, (700, 260, 3)).astype(np.uint8)
    coded = codec.encode(rgb, 300)
    whole = codec.decode(coded)
    left, top, w, h = region
    part = codec.decode(coded, region=region)
    assert part.shape == (h, w, 3)
    assert np.abs(part.astype(int) - whole[top : top + h, left : left + w]).max() <= 1
