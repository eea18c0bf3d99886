"""Files of a model with one-pass groups, centroids, groups that start at a quality, ten groups."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import tccodec
from tccodec.coding import refine
from tccodec.container import read
from tccodec.entropy.groups import may_be_present
from tccodec.entropy.tables import logistic_tables
from tccodec.training.export import model_tensors, write_model
from tests.support.models import tiny_codec_model, tiny_renderer_config
from tests.support.pictures import photo

SHAPES = dataclasses.replace(
    tiny_renderer_config(),
    groups=(16, 32, 64, 128, 64, 64, 128, 64, 128, 256),
    signed_groups=1,
    one_pass=4,
    centroids=True,
    start=(0, 0, 0, 0, 0, 50, 150, 250, 350, 800),
)


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> tccodec.Codec:
    model = tiny_codec_model(SHAPES)
    with torch.no_grad():  # as training would leave them: nearer to zero, less so for wide tables
        model.entropy.centroids.copy_(-torch.linspace(0.25, 0.0, 64).expand(3, 64))
    folder: Path = tmp_path_factory.mktemp("models") / "options"
    tensors = model_tensors(model, logistic_tables())
    write_model(folder, SHAPES, tensors, description="untrained", rdoq=0.5)
    return tccodec.Codec.from_pretrained(folder, device="cpu", precision="fp32")


@pytest.mark.parametrize("quality", [0, 4.9, 5, 30, 80, 100])
def test_files_name_no_group_below_its_quality(codec: tccodec.Codec, quality: float) -> None:
    rgb = photo(100, 150, noise=12)
    data = codec.compress(Image.fromarray(rgb), quality=quality, lossy=True)
    file = read(data)
    present = [codec._core.entropy.present(payload)[0] for payload in file.tiles]
    assert not any(p & ~may_be_present(SHAPES, file.setting) for p in present)
    assert quality < 80 or max(present) >> 9 & 1  # noise fills the last group
    whole = codec.decode(data)
    assert whole.shape == rgb.shape
    part = np.asarray(codec.decompress(data, region=(40, 24, 64, 40)), int)
    assert np.abs(part - whole[24:64, 40:104]).max() <= 1
    small = np.asarray(codec.decompress(data, scale=1 / 4), float)
    assert small.shape == (25, 38, 3)


def test_error_falls_with_quality(codec: tccodec.Codec) -> None:
    rgb = photo(100, 150, noise=12)
    errors = [
        np.square(codec.decode(codec.encode(rgb, q)).astype(float) - rgb).mean()
        for q in (5, 20, 40, 60, 85)
    ]
    assert errors == sorted(errors, reverse=True)


def test_effort_never_costs_more(codec: tccodec.Codec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refine, "LENGTHS", (4, 6))
    rgb, costs = photo(100, 150, noise=12), []
    for effort in (1, 3, 5, 6):
        data = codec.compress(Image.fromarray(rgb), quality=20, effort=effort, lossy=True)
        error = np.square(codec.decode(data).astype(float) - rgb).sum()
        costs.append(8 * read(data).payload_bytes + SHAPES.lam(200) / 3 * error)
    assert all(higher <= lower * 1.0005 for lower, higher in itertools.pairwise(costs))
