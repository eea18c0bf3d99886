"""Autoencoders without a rate, as the paper's: what is trained, when it ends, the paper's rows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tccodec.errors import BadConfig
from tccodec.model.complexity import complexity
from tccodec.training.config import TrainConfig, load_config
from tccodec.training.sampling import SettingSampler
from tests.support.models import tiny_config
from tests.support.paths import ROOT
from tests.support.program import Run
from tests.support.training import CFG, pictures, trainer

ROWS = sorted(p for p in (ROOT / "configs" / "paper").glob("*.toml") if p.stem != "generator")
CFG_AE = replace(
    CFG,
    rate=False,
    shortcut=False,
    perceptual=100.0,
    perceptual_vgg=False,
    setting_low=500.0,
    setting_high=500.0,
    uniform_share=0.0,
    log_steps=1,
    batch=4,
    lr=3e-3,
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for i, pixels in enumerate(pictures()):
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


def test_an_autoencoder_learns_with_its_networks_alone(photos: Path, tmp_path: Path) -> None:
    run = trainer(photos, tmp_path / "run", CFG_AE)
    run.initialise()
    before = {k: v.clone() for k, v in run.model.state_dict().items()}
    rows: list[dict[str, Any]] = []
    run.run(report=rows.append, steps=30)
    assert rows[-1]["psnr"] > rows[0]["psnr"] + 1
    assert all(row["bpp"] == 0 and row["lpips"] > 0 for row in rows)
    changed = {k for k, v in run.model.state_dict().items() if not torch.equal(v, before[k])}
    assert {"tcae.encoder.embed.weight", "tcae.decoder.out.weight"} <= changed
    assert all(k.startswith(("tcae.encoder.", "tcae.decoder.")) for k in changed)
    assert not run.model.tcae.shortcut.basis.any()
    assert set(run.validate()) == {"bpp500", "psnr500", "cost500", "lpips500"}


def test_with_the_shortcut_it_starts_as_the_linear_transform(photos: Path, tmp_path: Path) -> None:
    run = trainer(photos, tmp_path / "run", replace(CFG_AE, shortcut=True))
    run.initialise(blocks=300)
    x = run.held_out.batch(0, 2)
    with torch.no_grad():
        y = run.model.eval()(x, torch.full((2,), 500.0)).pixels
        linear = run.model.tcae.shortcut
        assert torch.allclose(y, linear.synthesise(linear.analyse(x)), atol=0.02)


def test_one_setting_is_drawn_exactly() -> None:
    settings = SettingSampler(tiny_config(), CFG_AE).draw(np.random.default_rng(0))
    assert (settings == 500).all()


def test_a_run_of_steps_that_was_cut_off_ends_as_one_that_was_not(
    photos: Path, tmp_path: Path
) -> None:
    cfg = replace(CFG_AE, save_minutes=1e-9)
    straight = trainer(photos, tmp_path / "a", cfg)
    straight.initialise()
    straight.run(report=lambda row: None, steps=8)

    def cut(row: dict[str, Any]) -> None:
        if row["step"] == 7:
            raise KeyboardInterrupt

    half = trainer(photos, tmp_path / "b", cfg)
    half.initialise()
    with pytest.raises(KeyboardInterrupt):
        half.run(report=cut, steps=8)
    stable = (tmp_path / "b" / "stable" / "state.json").read_text("utf-8")
    resumed = trainer(photos, tmp_path / "b", cfg)
    resumed.load(tmp_path / "b" / "last")
    assert resumed.step == 6
    resumed.run(report=lambda row: None, steps=8)
    for name, a in straight.model.state_dict().items():
        assert torch.equal(a, resumed.model.state_dict()[name]), name
    for name, a in straight.average.state.items():
        assert torch.equal(a, resumed.average.state[name]), name
    # The state before the decay is that of the run's first part.
    assert (tmp_path / "b" / "stable" / "state.json").read_text("utf-8") == stable


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"rate": False, "rate_only": True}, "autoencoder"),
        ({"rate": False, "decoder_only": True}, "autoencoder"),
        ({"rate": False, "perceptual": 5.0, "second_look": 0.25}, "autoencoder"),
        ({"shortcut": False}, "needs rate = false"),
        ({"batch": 2, "perceptual": 5.0, "second_look": 0.2}, "of a batch of 2 is no crop"),
    ],
)
def test_settings_of_codec_and_autoencoder_exclude_each_other(
    values: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadConfig, match=words):
        TrainConfig(**values)


def test_the_command_stops_after_the_steps_of_the_configuration(
    photos: Path, tmp_path: Path, run: Run
) -> None:
    model = "\n".join(f"{k} = {json.dumps(v)}" for k, v in tiny_config().to_dict().items())
    train = "crop = 128\nbatch = 2\nheld_out = 1\nlog_steps = 1\nsteps = 3\n"
    train += "rate = false\nshortcut = false"
    (tmp_path / "c.toml").write_text(f"[model]\n{model}\n[train]\n{train}\n", "utf-8")
    done = run("train", "c.toml", "--data", photos, "-o", "run")
    assert done.code == 0, done.err
    assert "step 1 of 3  " in done.err and "3 steps" in done.err
    assert json.loads((tmp_path / "run" / "done.json").read_text("utf-8"))["step"] == 3


@pytest.mark.parametrize("path", ROWS, ids=lambda p: p.stem)
def test_rows_of_the_paper_differ_in_what_they_compare_only(path: Path) -> None:
    model, train = load_config(path)
    assert model.name == path.stem
    reference, same = load_config(path.with_name(f"{'rate-' * train.rate}p8-two.toml"))
    assert train == replace(same, selfsup=train.selfsup)
    assert bool(train.selfsup) == path.stem.endswith("-ssl")
    cost, wanted = complexity(model), complexity(reference)
    for part in ("encoder_kmac", "decoder_kmac"):
        assert getattr(cost, part) == pytest.approx(getattr(wanted, part), rel=0.09), part
    total = cost.encoder_kmac + cost.decoder_kmac
    assert total == pytest.approx(wanted.encoder_kmac + wanted.decoder_kmac, rel=0.06)
    if not train.rate:
        assert model.latents in (32, 64, 128, 256)
