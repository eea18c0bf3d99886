"""Self-supervision: who is trained by what, masks, centres, and a collapse that is noticed."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tccodec.errors import BadConfig, TccodecError
from tccodec.model.folder import read_tensors
from tccodec.training.config import TrainConfig
from tccodec.training.export import export_run, load_run
from tccodec.training.loop import Trainer
from tccodec.training.masks import block_mask, block_masks, random_views
from tccodec.training.model import CodecModel
from tccodec.training.progress import TrainingDisplay
from tccodec.training.selfsup import (
    COLLAPSED,
    TOKEN_TEMPERATURE,
    HeadScores,
    SelfSupervision,
    information,
    sharpened,
    teacher_momentum,
)
from tests.support.models import tiny_config
from tests.support.training import CFG, pictures, trainer

CFG_SSL = replace(
    CFG, batch=4, rate=False, shortcut=False, selfsup=1.0, prototypes=16, log_steps=1, lr=3e-3
)
SHAPES = {
    "two stages": tiny_config(),
    "one stage": replace(tiny_config(), staged=False),
    "patches of 4": replace(tiny_config(), patch=4),
    "patches of 16": replace(tiny_config(), patch=16, staged=False),
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for i, pixels in enumerate(pictures()):
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


def model_of(shape: str) -> tuple[CodecModel, SelfSupervision]:
    torch.manual_seed(0)
    model = CodecModel(SHAPES[shape])
    for p in model.tcae.encoder.parameters():
        torch.nn.init.normal_(p, std=0.05)
    model.add_self_supervision(16)
    assert model.selfsup is not None
    return model, model.selfsup


def test_masks_hide_exactly_their_share_in_blocks() -> None:
    rng = np.random.default_rng(0)
    together = 0
    for _ in range(200):
        mask = block_mask(rng, 8, 8, hidden=19)
        assert mask.sum() == 19
        together += int((mask[1:] & mask[:-1]).sum() + (mask[:, 1:] & mask[:, :-1]).sum())
    # Of 112 pairs of neighbours, nine in a hundred would be hidden if cells were drawn one by one.
    assert together / 200 > 2 * 112 * (19 / 64) * (18 / 63)
    assert block_masks(3, 8, 8, ratio=0.01).sum((1, 2)).tolist() == [1, 1, 1]
    assert block_masks(3, 8, 8, ratio=0.99).sum((1, 2)).tolist() == [63, 63, 63]


def test_views_differ_and_stay_pixels() -> None:
    x = torch.from_numpy(np.stack(pictures(2, 160))).permute(0, 3, 1, 2).float()[..., :160] - 128
    torch.manual_seed(0)
    a, b = random_views(x), random_views(x)
    assert a.shape == x.shape and not torch.equal(a, b)
    assert float(a.min()) >= -128 and float(a.max()) <= 127
    assert float((a - x).abs().mean()) > 5


def test_the_teacher_gets_no_gradient_and_the_student_does() -> None:
    model, selfsup = model_of("two stages")
    x = 50 * torch.randn(4, 3, 128, 128)
    knots = model.tcae.knot_weights(torch.full((4,), 500.0))
    loss, said = selfsup.loss(model.tcae.encoder, x, knots, ratio=0.3)
    loss.backward()
    assert set(said) == {"selfsup", "information"}
    teachers = [*selfsup.teacher.parameters(), *selfsup.teacher_head.parameters()]
    assert all(p.grad is None and not p.requires_grad for p in teachers)
    for p in (selfsup.hidden_embed, selfsup.head.embed, model.tcae.encoder.embed.weight):
        assert p.grad is not None and p.grad.any()
    assert model.tcae.encoder.coarse1.weight.grad is None  # tokens, not latents


@pytest.mark.parametrize("shape", SHAPES)
def test_only_hidden_positions_count_and_the_student_does_not_see_them(shape: str) -> None:
    model, selfsup = model_of(shape)
    encoder, cells = model.tcae.encoder, torch.zeros(1, 8, 8, dtype=torch.bool)
    cells[0, 2:4, 5] = True
    knots = model.tcae.knot_weights(torch.tensor([500.0]))
    x = 50 * torch.randn(1, 3, 128, 128)
    other = x.clone()
    other[..., 32:64, 80:96] = 100.0  # the pixels of the hidden cells

    def scores(pixels: torch.Tensor, *, hide: bool) -> HeadScores:
        with torch.no_grad():
            return selfsup.scores(
                encoder, selfsup.head, pixels, knot_weights=knots, cells=cells, hide=hide
            )

    tokens_per_cell = (16 // SHAPES[shape].stage_patch) ** 2
    seen, hidden = scores(x, hide=False), scores(x, hide=True)
    assert hidden.tokens.shape == seen.tokens.shape == (2 * tokens_per_cell, 16)
    same = scores(other, hide=True)
    assert torch.equal(hidden.tokens, same.tokens) and torch.equal(hidden.views, same.views)
    assert not torch.allclose(seen.tokens, scores(other, hide=False).tokens)
    with torch.no_grad():
        t = encoder.tokens(x, knots)
        side = 16 // SHAPES[shape].stage_patch
        chosen = t[0, 2 * side : 4 * side, 5 * side : 6 * side].reshape(-1, t.shape[-1])
        assert torch.allclose(selfsup.head(chosen), seen.tokens, atol=1e-5)


def test_the_student_is_compared_with_the_other_view() -> None:
    _, selfsup = model_of("two stages")
    sure = 30 * torch.eye(16)
    tokens = sure[:2]
    a, b = sure[3], sure[7]
    right = selfsup.compare(
        HeadScores(tokens, torch.stack([b, a])), HeadScores(tokens, torch.stack([a, b]))
    )
    wrong = selfsup.compare(
        HeadScores(tokens, torch.stack([a, b])), HeadScores(tokens, torch.stack([a, b]))
    )
    assert float(right[0]) < 0.01 < 10 < float(wrong[0])


def test_centring_keeps_the_entropy_up() -> None:
    _, selfsup = model_of("two stages")
    torch.manual_seed(1)
    bias = torch.zeros(16)
    bias[5] = 1.5  # one prototype is always nearest
    tokens = bias + 0.3 * torch.randn(400, 16)
    alone = sharpened(tokens, torch.zeros(16), temperature=TOKEN_TEMPERATURE)
    assert float(information(alone)) < COLLAPSED
    for _ in range(40):
        selfsup.move_centres(HeadScores(tokens, tokens))
    centred = sharpened(tokens, selfsup.token_centre, temperature=TOKEN_TEMPERATURE)
    assert torch.allclose(selfsup.token_centre, tokens.mean(0), atol=0.05)
    assert float(information(centred)) > 0.5
    assert int(centred.argmax(-1).bincount(minlength=16).min()) > 5


def test_information_is_zero_for_both_ways_to_collapse() -> None:
    sharp = torch.eye(16).repeat(4, 1)
    assert float(information(sharp)) == pytest.approx(1, abs=1e-4)
    assert float(information(sharp[:1].repeat(64, 1))) == pytest.approx(0, abs=1e-6)
    assert float(information(torch.full((64, 16), 1 / 16))) == pytest.approx(0, abs=1e-6)


def test_the_momentum_follows_its_schedule_and_moves_the_teacher() -> None:
    assert teacher_momentum(0, 0.99) == pytest.approx(0.99)
    assert teacher_momentum(0.5, 0.99) == pytest.approx(0.995)
    assert teacher_momentum(1, 0.99) == 1
    assert teacher_momentum(0.25, 0.9) == pytest.approx(1 - 0.05 * (1 + math.sqrt(0.5)))
    model, selfsup = model_of("two stages")
    encoder = model.tcae.encoder
    before = selfsup.teacher.embed.weight.clone()
    with torch.no_grad():
        encoder.embed.weight.add_(1.0)
    selfsup.update(encoder, 0.75)
    assert torch.allclose(selfsup.teacher.embed.weight, before + 0.25, atol=1e-6)
    selfsup.update(encoder, 1.0)
    assert torch.allclose(selfsup.teacher.embed.weight, before + 0.25, atol=1e-6)


def test_a_run_trains_both_at_once_and_resumes_exactly(photos: Path, tmp_path: Path) -> None:
    straight = trainer(photos, tmp_path / "a", CFG_SSL)
    straight.initialise()
    rows: list[dict[str, Any]] = []
    straight.run(report=rows.append, steps=8)
    assert all(0 < row["selfsup"] < 20 and row["information"] >= 0 for row in rows)
    assert rows[-1]["psnr"] > rows[0]["psnr"]
    cfg = replace(CFG_SSL, save_minutes=1e-9)

    def cut(row: dict[str, Any]) -> None:
        if row["step"] == 5:
            raise KeyboardInterrupt

    half = trainer(photos, tmp_path / "b", cfg)
    half.initialise()
    with pytest.raises(KeyboardInterrupt):
        half.run(report=cut, steps=8)
    resumed = trainer(photos, tmp_path / "b", cfg)
    resumed.load(tmp_path / "b" / "last")
    resumed.run(report=lambda row: None, steps=8)
    for name, a in straight.model.state_dict().items():
        assert torch.equal(a, resumed.model.state_dict()[name]), name
    plain = Trainer(tiny_config(), replace(CFG_SSL, selfsup=0.0), tmp_path / "b")
    with pytest.raises(TccodecError, match="selfsup"):
        plain.load(tmp_path / "b" / "last")

    model, _ = load_run(tmp_path / "a")
    assert model.selfsup is None
    with pytest.raises(TccodecError, match="without a rate"):
        export_run(tmp_path / "a", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_codec_that_was_trained_with_it_is_exported_without_it(
    photos: Path, tmp_path: Path
) -> None:
    run = trainer(photos, tmp_path / "run", replace(CFG, selfsup=1.0, prototypes=16))
    run.initialise(blocks=300)
    run.run(report=lambda row: None, steps=2)
    export_run(tmp_path / "run", tmp_path / "model")
    names = read_tensors(tmp_path / "model")
    assert names and not any("selfsup" in name for name in names)


def test_a_collapse_is_said_once(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def rows_of(run: Trainer) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        with TrainingDisplay(tmp_path, minutes=5, pixels_per_step=1, quiet=False) as display:

            def report(row: dict[str, Any]) -> None:
                rows.append(row)
                display(row)

            run.run(report=report, steps=6)
        return rows

    healthy = trainer(photos, tmp_path / "healthy", replace(CFG_SSL, lr=1e-3))
    healthy.initialise()
    assert not any("collapsed" in row for row in rows_of(healthy))
    assert "collapsed" not in capsys.readouterr().err
    collapsed = trainer(photos, tmp_path / "collapsed", replace(CFG_SSL, lr=0.0))
    collapsed.initialise()
    assert collapsed.model.selfsup is not None
    with torch.no_grad():  # all prototypes alike: flat probabilities
        for head in (collapsed.model.selfsup.head, collapsed.model.selfsup.teacher_head):
            head.embed.copy_(head.embed[:1].clone().expand_as(head.embed))
    assert [row.get("collapsed") for row in rows_of(collapsed)] == [None, 1, 1, 1, 1, 1]
    assert capsys.readouterr().err.count("self-supervision has collapsed") == 1


@pytest.mark.parametrize("name", ["decoder_only", "rate_only"])
def test_a_frozen_encoder_is_not_supervised(name: str) -> None:
    with pytest.raises(BadConfig, match="selfsup trains the encoder"):
        TrainConfig(selfsup=1.0, **{name: True})
