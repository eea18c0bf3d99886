"""Effort and tune: more work never costs more, and every file decodes the same way."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import tccodec
from tccodec import Picture, Target
from tccodec.coding import refine
from tccodec.coding.distortion import (
    EVENLY,
    VISIBLE,
    Distortion,
    squared_error,
    structural_error,
)
from tccodec.coding.effort import TUNES
from tccodec.coding.refine import Refiner
from tccodec.container import read
from tests.support.paths import EXAMPLE
from tests.support.pictures import photo


@pytest.fixture(scope="module")
def codec(tiny_model_dir: Path) -> tccodec.Codec:
    return tccodec.Codec.from_pretrained(tiny_model_dir, device="cpu", precision="fp32")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refine, "LENGTHS", (4, 6, 8, 8, 8))


def cost(codec: tccodec.Codec, data: bytes, rgb: np.ndarray) -> float:
    """bits + lambda * squared error, of the real file."""
    file = read(data)
    error = np.square(codec.decode(data).astype(float) - rgb).sum()
    return 8 * file.payload_bytes + codec._core.cfg.lam(file.setting) / 3 * error


@pytest.mark.parametrize("quality", [15, 55])
def test_more_effort_never_costs_more(quality: int) -> None:
    codec = tccodec.Codec.from_pretrained("tcae-s", device="cpu")
    with Image.open(EXAMPLE) as photo:
        image = photo.convert("RGB").crop((520, 150, 712, 310))
    rgb = np.asarray(image)
    efforts = (1, 2, 3, 5, 7)
    costs = [
        cost(codec, codec.compress(image, quality=quality, effort=e, tune="psnr"), rgb)
        for e in efforts
    ]
    # From 3 on every candidate was decoded; rounding of pixels is all that is left to chance.
    for lower, higher in itertools.pairwise(costs[2:]):
        assert higher <= lower * 1.0005
    assert costs[2] <= min(costs[:2]) * 1.0005
    assert costs[-1] < 0.998 * costs[1]


def test_tile_groups_are_refined_together(codec: tccodec.Codec) -> None:
    rgb = photo(70, 1200)  # two tile groups
    before = codec.encode(rgb, 45)
    refiner = Refiner(codec._core, rgb, 450)
    progress: list[float] = []
    coded = refiner.run(5, progress=progress.append)
    assert len(coded.payloads) == 2
    out = codec._core.decode(coded)
    lam = codec._core.cfg.lam(450) / 3
    after = 8 * sum(map(len, coded.payloads)) + lam * np.square(out.astype(float) - rgb).sum()
    assert after < cost(codec, before, rgb)
    assert progress == sorted(progress) and progress[-1] == 1.0 and len(progress) == 2 * (6 + 4)


def test_interrupted_search_keeps_the_best(
    codec: tccodec.Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    rgb = photo(100, 150)
    whole = Refiner._anneal

    def stopped(self: Refiner, *args: object) -> None:
        if args[-1] == 1:
            raise KeyboardInterrupt
        whole(self, *args)  # type: ignore[arg-type]

    first = Refiner(codec._core, rgb, 450).run(5)
    monkeypatch.setattr(Refiner, "_anneal", stopped)
    refiner = Refiner(codec._core, rgb, 450)
    assert refiner.run(8, keep_best=True) == first
    assert refiner.interrupted
    done = codec.compress_picture(Picture(rgb=rgb), Target("quality", 37.5), effort=8)
    assert done.stopped and [done.setting, *read(done.data).tiles] == [450, *first.payloads]
    with pytest.raises(KeyboardInterrupt):
        codec.compress(Image.fromarray(rgb), quality=37.5, effort=8)
    with pytest.raises(KeyboardInterrupt):
        codec.compress(Image.fromarray(rgb), size=3000, effort=8, lossy=True)


def test_size_is_kept_at_any_effort(codec: tccodec.Codec) -> None:
    rgb = photo(100, 150)
    goal = len(codec.encode(rgb, 50))
    for effort in (1, 3, 5):
        size = len(codec.compress(Image.fromarray(rgb), size=goal, effort=effort))
        assert 0.98 * goal <= size <= goal


def test_structure_improves_when_it_is_what_counts(codec: tccodec.Codec) -> None:
    rgb = photo(100, 150)
    x = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() - 128
    core = codec._core
    lam = core.cfg.lam(450) / 3

    def result(tune: str) -> tuple[float, float, float]:
        refiner = Refiner(core, rgb, 450, tune=tune)  # type: ignore[arg-type]
        coded = refiner.run(7)
        y = torch.from_numpy(core.decode(coded))
        y = y.permute(2, 0, 1)[None].float() - 128
        scale = refiner.distortion._scale
        squared, structural = float(squared_error(y, x)), float(structural_error(y, x))
        return 8 * sum(map(len, coded.payloads)), lam * squared, lam * scale * structural

    bits, squared, structural = result("ssim")
    plain_bits, plain_squared, _ = result("psnr")
    assert plain_bits + plain_squared < bits + squared
    refiner = Refiner(core, rgb, 450, tune="ssim")
    start = refiner.run(3)
    y = torch.from_numpy(core.decode(start)).permute(2, 0, 1)[None].float() - 128
    first = 8 * sum(map(len, start.payloads)) + lam * refiner.distortion._scale * float(
        structural_error(y, x)
    )
    assert bits + structural < first


def test_structural_error_is_zero_for_the_same_picture_only() -> None:
    x = torch.randn(1, 3, 40, 60, generator=torch.Generator().manual_seed(1)) * 40
    assert float(structural_error(x, x)) == pytest.approx(0, abs=1e-2)
    flat = x.mean((2, 3), keepdim=True).expand_as(x)
    assert float(structural_error(flat, x)) > 0.5 * 40 * 60
    squared = float(squared_error(flat, x))
    one, other = (float(structural_error(flat, x, sizes=sizes)) for sizes in (EVENLY, VISIBLE))
    wanted = {
        "psnr": squared,
        "balanced": 0.75 * squared + 0.25 * 5 * one,
        "visual": 0.5 * squared + 0.5 * 5 * other,
        "ssim": 5 * one,
    }
    assert set(wanted) == set(TUNES)
    for tune in TUNES:
        distortion = Distortion(tune)
        distortion.calibrate(10.0, 2.0)
        assert float(distortion(flat, x)) == pytest.approx(wanted[tune], rel=1e-5)


def test_sizes_that_a_picture_is_too_small_for_are_left_out() -> None:
    x = torch.randn(1, 3, 44, 43, generator=torch.Generator().manual_seed(1)) * 40
    y = 0.5 * x
    full, half = (float(structural_error(y, x, sizes=s)) for s in ((1.0,), (0.0, 1.0)))
    all_sizes = float(structural_error(y, x, sizes=(0.5, 1.0, 0.7)))
    assert all_sizes == pytest.approx((0.5 * full + half) / 1.5)
    tiny = [t[..., :15, :15] for t in (y, x)]
    assert float(structural_error(*tiny, sizes=VISIBLE)) == float(structural_error(*tiny)) > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [({"effort": 0}, "from 1 to 9"), ({"effort": 10}, "from 1 to 9"), ({"tune": "x"}, "one of")],
)
def test_bad_efforts_and_tunes(codec: tccodec.Codec, options: dict, words: str) -> None:
    with pytest.raises(tccodec.TccodecError, match=words):
        codec.compress(Image.fromarray(photo(100, 150)), **options)
