"""Shapes with a renderer: scales without pixels, attention in some blocks, whole-block latents."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tccodec.coding.neural import NeuralCodec
from tccodec.config import ModelConfig
from tccodec.entropy.tables import logistic_tables
from tccodec.model.complexity import complexity
from tccodec.training.export import model_tensors, write_model
from tccodec.transform.blocks import Block, prepare_to_compile
from tccodec.transform.decoder import depends_on_realism
from tccodec.transform.rows import PIXELS, join_rows, pieces
from tccodec.transform.tcae import TCAE
from tests.support.models import tiny_codec_model, tiny_config, tiny_renderer_config


@pytest.fixture(scope="module")
def model() -> TCAE:
    tcae: TCAE = tiny_codec_model(tiny_renderer_config()).tcae.requires_grad_(False)
    return tcae


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> NeuralCodec:
    model = tiny_codec_model(tiny_renderer_config())
    folder = tmp_path_factory.mktemp("renderer")
    tensors = model_tensors(model, logistic_tables())
    write_model(folder, model.cfg, tensors, description="untrained, for tests")
    return NeuralCodec.load(folder, device="cpu", precision="fp32")


def some_latents(model: TCAE, h: int, w: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(5)
    y = torch.randn(1, h, w, model.cfg.latents) * 30
    return y, model.knot_weights(torch.tensor([437.0]))


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (5, 2), (9, 7)])
@pytest.mark.parametrize("scale", [4, 8])
def test_averages_of_the_linear_part_need_no_pixels(
    model: TCAE, size: tuple[int, int], scale: int
) -> None:
    y, _ = some_latents(model, *size)
    truth = F.avg_pool2d(model.shortcut.synthesise(y), scale)
    for strip in (1, 4, 9):
        rows = model.shortcut.reduced_stream(pieces(y, strip), scale)
        assert torch.allclose(join_rows(rows, dim=PIXELS), truth, atol=1e-3)


@pytest.mark.parametrize("size", [(1, 1), (5, 2), (9, 7)])
@pytest.mark.parametrize("strip", [1, 4, 9])
def test_scales_are_averages_of_what_training_sees(
    model: TCAE, size: tuple[int, int], strip: int
) -> None:
    """Scale 2 of the whole picture, 4 and 8 of the decoder's second way out."""
    y, knot_weights = some_latents(model, *size)
    full, small = model.synthesise_both(y, knot_weights)
    assert torch.equal(full, model.synthesise(y, knot_weights))
    pooled = {1: full, 2: F.avg_pool2d(full, 2), 4: small, 8: F.avg_pool2d(small, 2)}
    for scale, truth in pooled.items():
        out = join_rows(
            model.synthesise_stream(pieces(y, strip), knot_weights, scale=scale), dim=PIXELS
        )
        assert torch.allclose(out, truth, atol=1e-2), scale


def test_small_scales_do_not_run_the_renderer() -> None:
    model = tiny_codec_model(tiny_renderer_config()).tcae.requires_grad_(False)
    y, knot_weights = some_latents(model, 3, 3)
    for p in model.decoder.renderer.parameters():
        p.fill_(math.nan)
    for scale, runs in ((1, True), (2, True), (4, False), (8, False)):
        out = join_rows(
            model.synthesise_stream(pieces(y, 4), knot_weights, scale=scale), dim=PIXELS
        )
        assert bool(out.isnan().any()) is runs


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
@pytest.mark.parametrize("region", [(0, 0, 30, 20), (100, 620, 61, 80), (259, 699, 1, 1)])
def test_region_of_a_scale_is_the_crop_of_that_scale(
    codec: NeuralCodec, scale: int, region: tuple[int, int, int, int]
) -> None:
    rgb = np.random.default_rng(5).integers(0, 255, (700, 260, 3)).astype(np.uint8)
    coded = codec.encode(rgb, 300)
    whole = codec.decode(coded, scale=scale)
    assert whole.shape == (-(-700 // scale), -(-260 // scale), 3)
    left, top, w, h = region
    part = codec.decode(coded, region=region, scale=scale)
    crop = whole[top // scale : -(-(top + h) // scale), left // scale : -(-(left + w) // scale)]
    assert part.shape == crop.shape
    assert np.abs(part.astype(int) - crop).max() <= 1


@pytest.mark.parametrize(
    ("count", "every", "attending"),
    [(3, 0, ()), (3, 1, (0, 1, 2)), (3, 2, (1,)), (4, 2, (1, 3)), (1, 2, (0,)), (2, 3, (1,))],
)
def test_which_blocks_attend(count: int, every: int, attending: tuple[int, ...]) -> None:
    model = TCAE(dataclasses.replace(tiny_config(), enc_blocks2=count, enc_attention=every))
    found = []
    for i, block in enumerate(model.encoder.blocks2):
        assert isinstance(block, Block)
        if block.attn is not None:
            assert bool(block.attn.shift) is bool(len(found) % 2)
            found.append(i)
    assert tuple(found) == attending


@pytest.mark.parametrize("cfg", [tiny_config(), tiny_renderer_config()], ids=lambda c: c.name)
@pytest.mark.parametrize("size", [(96, 160), (256, 256)])
def test_networks_compile_in_one_piece(cfg: ModelConfig, size: tuple[int, int]) -> None:
    """Shifted and padded windows, too; and what decoding has cached serves training."""
    torch.compiler.reset()
    prepare_to_compile()
    model = TCAE(cfg)
    x, knot_weights = torch.randn(2, 3, *size), model.knot_weights(torch.tensor([300.0, 700.0]))
    with torch.inference_mode():
        plain = model.encoder(x, knot_weights)
    encoder, decoder = (
        torch.compile(m, fullgraph=True, dynamic=False, backend="eager")
        for m in (model.encoder, model.decoder)
    )
    y = encoder(x, knot_weights)
    assert torch.equal(y, plain)
    (y.sum() + decoder(y.detach(), x, knot_weights).sum()).backward()


def test_every_parameter_learns_from_the_start() -> None:
    """Zero layers let go one after the other: three steps reach all."""
    model = TCAE(tiny_renderer_config())
    model.log_step.requires_grad_(False)  # learns from the rate
    torch.manual_seed(6)
    with torch.no_grad():
        for p in (model.shortcut.basis, model.shortcut.merge):
            torch.nn.init.orthogonal_(p)
    x = torch.randn(2, 3, 64, 64) * 30
    knot_weights = model.knot_weights(torch.tensor([300.0, 700.0]))
    for _ in range(3):
        model.zero_grad()
        y = model.analyse(x, knot_weights)
        full, small = model.synthesise_both(y, knot_weights)
        loss = (full - x).square().mean() + (small - F.avg_pool2d(x, 4)).square().mean()
        loss.backward()
        with torch.no_grad():
            for p in model.parameters():
                if p.grad is not None:
                    p -= 0.01 * p.grad.sign()
    learn = {n for n, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert {n for n, _ in model.named_parameters()} - learn == {"log_step"}


def test_whole_block_latents_hold_any_picture() -> None:
    cfg = ModelConfig(
        dim1=32,
        dim2=32,
        groups=(32, 32, 64, 128, 256, 512, 384, 640, 1024),
        dec_blocks1=0,
        renderer=16,
        gated=True,
        bottleneck=16,
    )
    assert cfg.latents == 3 * 32 * 32
    model = TCAE(cfg).requires_grad_(False)
    torch.manual_seed(7)
    torch.nn.init.orthogonal_(model.shortcut.basis)
    torch.nn.init.orthogonal_(model.shortcut.merge)
    x = torch.randint(0, 256, (1, 3, 96, 160)) - 128.0
    knot_weights = model.knot_weights(torch.tensor([500.0]))
    error = (model.synthesise(model.analyse(x, knot_weights), knot_weights) - x).square().mean()
    assert 10 * math.log10(255**2 / float(error)) > 60


def test_realism_has_its_own_renderer_and_small_pictures(model: TCAE) -> None:
    own = {
        name.split(".")[0]
        for name, _ in model.decoder.named_parameters()
        if depends_on_realism(name)
    }
    assert own == {"blocks2", "renderer", "small"}


def test_complexity_of_a_renderer_is_that_counted_by_hand() -> None:
    cfg = ModelConfig(
        dec_blocks1=0,
        dec_blocks2=3,
        dec_attention=0,
        gated=True,
        mlp_ratio=2,
        renderer=48,
        renderer_hidden=64,
        groups=(32, 32, 64, 128, 256, 512, 384, 640, 1024),
    )
    at_32 = 64 * 256 + 256 * 1024 + 64 * 64
    block = 9 * 256 + 256 * 1024 + 512 * 256
    at_16 = 752 * 256 + 256 * 256 + 3 * block + 256 * 2 * 16 * 48 + 768 * 768
    at_4 = 48 * 48 + 9 * 48 + 48 * 128 + 64 * 48 + 48 * 48
    lapped = 2 * 3 * 16
    by_hand = at_32 / 32**2 + at_16 / 16**2 + at_4 / 4**2 + lapped
    assert complexity(cfg).decoder_kmac == pytest.approx(by_hand / 1e3)


@pytest.mark.parametrize(
    "values", [{"dec_blocks1": 1}, {"blend": 3}, {"patch": 4, "staged": False}]
)
def test_a_renderer_takes_the_place_of_other_layers(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="renderer needs"):
        ModelConfig.from_dict({"renderer": 16, "dec_blocks1": 0, **values})
