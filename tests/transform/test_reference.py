"""The readable synthesis against the fast one: every shape of the networks, random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tccodec.config import ModelConfig
from tccodec.transform import reference
from tccodec.transform.blank import folded
from tccodec.transform.decoder import depends_on_realism
from tccodec.transform.lapped import prefilter_matrix
from tccodec.transform.layout import split_latents
from tccodec.transform.reach import latents_for
from tccodec.transform.reference import Synthesis, Tensors
from tests.support.paths import ROOT
from tests.support.synthesis import (
    SETTING,
    SHAPES,
    fast,
    next_config,
    random_model,
    some_latents,
    tensors_of,
)

DECODER = "tcae.decoder."


def slow(cfg: ModelConfig, tensors: Tensors, v16: torch.Tensor, factor: int = 1) -> reference.Array:
    twin = Synthesis(cfg.to_dict(), tensors, setting=SETTING)
    coarse, fine = (part[0].double().numpy() for part in split_latents(v16, cfg))
    return twin.picture(coarse, fine, factor=factor)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (9, 7)])
def test_the_twin_computes_what_the_codec_computes(shape: str, size: tuple[int, int]) -> None:
    """Maps below one window, with part of a window, and with windows inside."""
    cfg = SHAPES[shape]
    model = random_model(cfg)
    v16 = some_latents(cfg, *size)
    found, wanted = slow(cfg, tensors_of(model), v16), fast(model, v16)
    assert found.shape == wanted.shape == (32 * size[0], 32 * size[1], 3)
    assert wanted.std() > 20
    np.testing.assert_allclose(found, wanted, atol=0.01)


def test_the_twin_knows_the_next_model() -> None:
    cfg = next_config()
    model = random_model(cfg)
    v16 = some_latents(cfg, 3, 4)
    for factor in (1, 4):
        found, wanted = slow(cfg, tensors_of(model), v16, factor), fast(model, v16, factor)
        np.testing.assert_allclose(found, wanted, atol=0.02)


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("shape", ["tiny", "renderer", "patches of 4", "patches of 4, one stage"])
def test_the_twin_knows_the_way_to_smaller_pictures(shape: str, factor: int) -> None:
    cfg = SHAPES[shape]
    model = random_model(cfg)
    v16 = some_latents(cfg, 3, 5)
    found, wanted = slow(cfg, tensors_of(model), v16, factor), fast(model, v16, factor)
    assert found.shape == (96 // factor, 160 // factor, 3)
    np.testing.assert_allclose(found, wanted, atol=0.01)


@pytest.mark.parametrize("shape", ["tiny", "renderer", "one stage"])
def test_every_tensor_of_the_decoder_matters(shape: str) -> None:
    """So none can be wrong unseen in the comparisons above."""
    cfg = SHAPES[shape]
    tensors = tensors_of(random_model(cfg))
    v16 = some_latents(cfg, 3, 2)
    pictures = {f: slow(cfg, tensors, v16, f) for f in (1, 4)}
    for name in tensors:
        if name.startswith("tcae.encoder."):
            continue
        factor = 4 if name.startswith("tcae.decoder.small") else 1
        without = tensors | {name: np.ones_like(tensors[name]) * (name == "tcae.std")}
        off = np.abs(slow(cfg, without, v16, factor) - pictures[factor])
        assert off.max() > 0.05, name


@pytest.mark.parametrize("shape", ["tiny", "renderer"])
@pytest.mark.parametrize("setting", [0, 125, 437, 1000])
def test_the_twin_leaves_out_the_same_groups(shape: str, setting: int) -> None:
    cfg = SHAPES[shape]
    model = random_model(cfg)
    for falling in (0.5, 2.0):  # deviations of later groups fall slowly or fast
        model.std.copy_(40 * torch.linspace(1, 0.01, len(model.std)) ** falling)
        twin = Synthesis(cfg.to_dict(), tensors_of(model), setting=setting)
        counts = [twin.groups_for(f) for f in (1, 2, 4, 8)]
        assert counts[0] == len(cfg.groups)
        q = torch.tensor([float(setting)])
        assert counts[1:] == [model.groups_for(q, f) for f in (2, 4, 8)]


@pytest.mark.parametrize("shape", ["tiny", "renderer"])
def test_realism_lies_between_two_sets_of_parameters(shape: str) -> None:
    cfg = SHAPES[shape]
    model, v16 = random_model(cfg), some_latents(cfg, 2, 2)
    first = tensors_of(model)
    second: Tensors = {
        name.removeprefix(DECODER): value + 0.05
        for name, value in first.items()
        if name.startswith(DECODER) and depends_on_realism(name.removeprefix(DECODER))
    }
    twin = Synthesis(cfg.to_dict(), first, setting=SETTING, realism=0.25, realism_tensors=second)
    coarse, fine = (part[0].double().numpy() for part in split_latents(v16, cfg))
    mixed = first | {f"{DECODER}{name}": first[DECODER + name] + 0.0125 for name in second}
    found = twin.picture(coarse, fine)
    np.testing.assert_allclose(found, slow(cfg, mixed, v16), atol=1e-3)
    assert np.abs(found - slow(cfg, first, v16)).max() > 1


def test_the_lapped_filter_is_that_of_the_format_document() -> None:
    matrix = reference.lapped_matrix()
    np.testing.assert_allclose(matrix, prefilter_matrix().numpy(), atol=1e-12)
    [page] = (ROOT / "docs").rglob("format.md")
    assert ", ".join(f"{v:.6f}" for v in matrix[0, :4]) in page.read_text("utf-8")


def test_tensor_files_are_read_without_a_library(tmp_path: Path) -> None:
    wanted = {
        "half": torch.tensor([[1.5, -2.0, 65504.0]], dtype=torch.float16),
        "float": torch.tensor([1e-30, 3e30]),
        "signed": torch.tensor([-128, 127], dtype=torch.int8),
        "unsigned": torch.tensor([[0], [255]], dtype=torch.uint8),
        "whole": torch.tensor([-(2**31), 2**31 - 1], dtype=torch.int32),
    }
    path = tmp_path / "some.safetensors"
    save_file(wanted, path, metadata={"format": "pt"})
    found = reference.read_tensors(path.read_bytes())
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert found[name].shape == value.shape
        assert (found[name] == value.numpy()).all(), name


@pytest.mark.parametrize("shape", SHAPES)
def test_a_part_of_the_latents_gives_the_pixels_of_its_region(shape: str) -> None:
    """In 64 bits rounding cannot hide a latent that is missing."""
    cfg = SHAPES[shape]
    tensors, v16 = tensors_of(random_model(cfg)), some_latents(cfg, 17, 19)
    whole = slow(cfg, tensors, v16)
    for top, bottom, left, right in ((250, 270, 300, 301), (0, 33, 575, 608), (480, 544, 0, 70)):
        y0, y1 = latents_for((top, bottom), 32 * 17, cfg)
        x0, x1 = latents_for((left, right), 32 * 19, cfg)
        assert (y1 - y0) * (x1 - x0) < 17 * 19
        part = slow(cfg, tensors, v16[:, y0:y1, x0:x1])
        part = part[top - 32 * y0 : bottom - 32 * y0, left - 32 * x0 : right - 32 * x0]
        np.testing.assert_allclose(part, whole[top:bottom, left:right], atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_blank_picture_is_a_small_one_whose_middle_repeats(shape: str) -> None:
    cfg = SHAPES[shape]
    tensors = tensors_of(random_model(cfg))
    width = 32 * 91
    side = folded(width, [True, True, True], cfg, side=1024)
    short, at = side.size, side.at
    assert short < width
    whole, small = (
        slow(cfg, tensors, torch.zeros(1, 1, w // 32, cfg.latents)) for w in (width, short)
    )
    np.testing.assert_allclose(small[:, at], whole, atol=1e-8)
