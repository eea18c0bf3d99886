"""Latents as tensors: of pictures, of files, and back to pixels."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import tccodec
from tccodec.container import read, write
from tccodec.errors import BadOption, UnknownModel
from tests.support.pictures import picture

SIZE = (150, 70)  # 5 x 3 sites


@pytest.fixture(scope="module")
def codec(tiny_model_dir: Path) -> tccodec.Codec:
    return tccodec.Codec.from_pretrained(tiny_model_dir, device="cpu")


@pytest.fixture(scope="module")
def image() -> Image.Image:
    return picture(size=SIZE)


def test_groups_have_their_names_and_shapes(codec: tccodec.Codec, image: Image.Image) -> None:
    latents = codec.latents(image)
    assert {name: tuple(group.shape) for name, group in latents.groups.items()} == {
        "group0": (16, 3, 5),
        "group1": (32, 3, 5),
        "group2": (16, 6, 10),
        "group3": (32, 6, 10),
    }
    assert (latents.width, latents.height) == SIZE
    assert latents.setting == 600  # of quality 50
    assert codec.latents(image, 100).setting == 1000


def test_those_of_a_file_give_its_pixels(
    codec: tccodec.Codec, image: Image.Image, tmp_path: Path
) -> None:
    path = tmp_path / "in.tcz"
    path.write_bytes(codec.compress(image, quality=93, lossy=True))
    latents = codec.latents(path)
    assert np.array_equal(codec.from_latents(latents), codec.decode(path))
    realistic = codec.from_latents(latents, realism=1)
    assert np.array_equal(realistic, codec.decompress(path, realism=1))
    assert not np.array_equal(realistic, codec.decode(path))


def test_those_of_a_picture_are_near_those_of_its_file(
    codec: tccodec.Codec, image: Image.Image
) -> None:
    free = codec.latents(image, 93).groups
    stored = codec.latents(codec.compress(image, quality=93, lossy=True)).groups
    for name, group in free.items():
        assert (group - stored[name]).abs().mean() < 0.6, name
    assert sum(group.abs().sum() for group in stored.values()) > 0


def test_a_part_of_a_group_shows_in_its_place(codec: tccodec.Codec, image: Image.Image) -> None:
    """Each quadrant of a fine group lies where its pixels are."""
    latents = codec.latents(image, 80)
    zeros = {name: torch.zeros_like(group) for name, group in latents.groups.items()}
    flat = codec.from_latents(replace(latents, groups={}))
    assert np.array_equal(flat, codec.from_latents(replace(latents, groups=zeros)))
    zeros["group2"][:, 3, 8] = 200.0
    changed = codec.from_latents(replace(latents, groups=zeros)).astype(int) - flat
    y, x = np.unravel_index(np.abs(changed).sum(2).argmax(), flat.shape[:2])
    assert 48 - 8 <= y < 64 + 8 and 128 - 8 <= x < 144 + 8


def test_they_can_be_learned_on(codec: tccodec.Codec, image: Image.Image) -> None:
    group = codec.latents(image).groups["group0"]
    layer = torch.nn.Conv2d(group.shape[0], 2, 1)
    layer(group[None]).sum().backward()
    assert layer.weight.grad is not None
    slope = layer.weight.grad[:, :, 0, 0]
    assert torch.allclose(slope, group.sum((1, 2)).expand(2, -1), rtol=1e-4)


def test_what_does_not_fit_is_one_sentence(
    codec: tccodec.Codec, image: Image.Image, model_without_realism: Path
) -> None:
    latents = codec.latents(image)
    with pytest.raises(BadOption, match=r"the groups group0, .*, not colour"):
        codec.from_latents(replace(latents, groups={"colour": torch.zeros(1)}))
    with pytest.raises(BadOption, match=r"the groups group0, .*, not 1"):
        codec.from_latents(replace(latents, groups={"x": torch.zeros(1), 1: torch.zeros(1)}))  # type: ignore[dict-item]
    right = torch.zeros(16, 3, 5)
    for group in (right.to(torch.complex64), right.to("meta"), right.to_sparse()):
        with pytest.raises(BadOption, match="group0 must be a dense tensor of real numbers"):
            codec.from_latents(replace(latents, groups={"group0": group}))
    with pytest.raises(BadOption, match=r"group0 must have the shape \(16, 3, 5\), not \(16, 5\)"):
        codec.from_latents(replace(latents, groups={"group0": torch.zeros(16, 5)}))
    for wrong in (math.nan, math.inf, -math.inf, 1e30, -1e300):
        group = torch.zeros(16, 3, 5, dtype=torch.float64)
        group[3, 2, 1] = wrong
        text = r"group0 must hold numbers from -131072 to 131072, not (nan|-?inf|1e\+30)$"
        with pytest.raises(BadOption, match=text):
            codec.from_latents(replace(latents, groups={"group0": group}))
    data = codec.compress(image, lossy=True)
    with pytest.raises(BadOption, match="a quality of its own"):
        codec.latents(data, 50)
    with pytest.raises(BadOption, match="from 0 to 1"):
        codec.from_latents(latents, realism=2)
    with pytest.raises(BadOption, match="quality"):
        codec.latents(image, 101)
    with pytest.raises(UnknownModel):
        codec.latents(write(replace(read(data), model_id=bytes(5))))
    bare = tccodec.Codec.from_pretrained(model_without_realism, device="cpu")
    with pytest.raises(BadOption, match="realism"):
        bare.from_latents(bare.latents(image), realism=1)
