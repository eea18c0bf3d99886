"""Errors by their visibility: where they count more, and what that does to a picture."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import tccodec
from tccodec.coding.effort import TUNES, Tune
from tccodec.coding.neural import NeuralCodec
from tccodec.coding.visibility import ErrorWeights, Visibility
from tccodec.container import Setting, read
from tccodec.transform.layout import split_latents
from tests.support.pictures import photo

H, W = 4, 6


@pytest.fixture(scope="module")
def codec(tiny_model_dir: Path) -> tccodec.Codec:
    return tccodec.Codec.from_pretrained(tiny_model_dir, device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def core(codec: tccodec.Codec) -> NeuralCodec:
    return codec._core  # type: ignore[return-value]


def shrunk(core: NeuralCodec, sites: Tensor) -> tuple[Tensor, Tensor]:
    """Where symbols are nearer to zero than the nearest ones: blocks `(H, W)`, quadrants."""
    v = 4 * torch.randn(H, W, core.cfg.latents, generator=torch.Generator().manual_seed(1))
    z = torch.zeros(-(-H // 2), -(-W // 2), core.cfg.hyper)
    weight = torch.ones(core.cfg.latents)
    payload, _ = core.entropy.encode(v, z, Setting(900), weight=weight, sites=sites)
    groups = core.entropy.decode(payload, Setting(900), h=H, w=W)
    decoded = torch.cat(groups, -1).view(H, W, -1) / 16
    wrong = ((decoded - v).abs() > 0.51)[None]  # the mean is rounded to a sixteenth
    coarse, fine = split_latents(wrong.float(), core.cfg)
    return coarse[0].any(-1), fine[0].any(-1)


def test_factors_meet_the_latents_of_their_place(core: NeuralCodec) -> None:
    sites = torch.full((2 * H, 2 * W), 1e12)
    coarse, fine = shrunk(core, sites)
    assert not coarse.any() and not fine.any()
    sites[2:4, 6:8] = 1e-12  # a whole block
    sites[7, 1] = 1e-12  # a quadrant
    coarse, fine = shrunk(core, sites)
    assert coarse.nonzero().tolist() == [[1, 3]]
    assert fine.nonzero().tolist() == [[2, 6], [2, 7], [3, 6], [3, 7], [7, 1]]


def test_errors_count_less_where_the_picture_is_busy(core: NeuralCodec) -> None:
    seen = Visibility(coarse=(2.0, 1.0), fine=(0.5,), masking=0.5)
    steps = torch.full((core.cfg.latents,), 2.0)
    weights = ErrorWeights.of(core.cfg, steps, per_error=3.0, tune="visual", visibility=seen)
    first, second, *rest = torch.split(weights.channels, list(core.cfg.groups))
    assert (first == 24).all() and (second == 12).all()
    assert all((group == 6).all() for group in rest)
    v = torch.zeros(H, W, core.cfg.latents)
    start = sum(core.cfg.groups[: core.cfg.coarse])
    v[1, 2, start] = 100  # the first latent of the first quadrant
    sites = weights.by_site(v)
    assert sites is not None and sites.shape == (2 * H, 2 * W)
    quiet = (20 / 100) ** -0.5
    assert sites[2, 4] == pytest.approx(((200**2 / 768 + 20) / 100) ** -0.5)
    sites[2, 4] = quiet
    assert torch.allclose(sites, torch.tensor(quiet))


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_weights_do_not_depend_on_the_default_type(core: NeuralCodec, dtype: torch.dtype) -> None:
    seen = Visibility(coarse=(1.4, 1.1), fine=(0.9, 0.6), masking=0.15)
    wanted = seen.by_channel(core.cfg)
    torch.set_default_dtype(dtype)
    try:
        found = seen.by_channel(core.cfg)
    finally:
        torch.set_default_dtype(torch.float32)
    assert found.dtype == torch.float32 and torch.equal(found, wanted)


def test_by_squared_error_all_count_alike(core: NeuralCodec) -> None:
    steps = torch.arange(1.0, core.cfg.latents + 1)
    weights = ErrorWeights.of(core.cfg, steps, per_error=0.5, tune="psnr")
    assert torch.equal(weights.channels, 0.5 * steps.square())
    assert weights.by_site(torch.zeros(H, W, core.cfg.latents)) is None


def test_tune_changes_the_file_from_effort_2_on(
    codec: tccodec.Codec, core: NeuralCodec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core, "rdoq", 0.5)
    rgb = photo(96, 128)

    def payloads(effort: int, tune: Tune) -> tuple[bytes, ...]:
        picture, target = tccodec.Picture(rgb=rgb), tccodec.Target("quality", 50)
        done = codec.compress_picture(picture, target, effort=effort, tune=tune)
        return read(done.data).tiles

    rounded = payloads(1, "visual")
    assert rounded == payloads(1, "psnr")
    balanced, squared, structure, mix = (payloads(2, tune) for tune in TUNES)
    assert len({rounded, squared, structure}) == 3
    assert balanced == squared and structure == mix
    (coded,) = core.encode(rgb, Setting(600), tune="visual").payloads
    assert (coded,) == mix
