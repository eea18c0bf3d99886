"""Drawn pictures: of every kind, repeatable, and where training wants them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tccodec.training import drawn as module
from tccodec.training.data import Crops
from tccodec.training.drawn import drawn
from tccodec.training.loop import Trainer
from tests.support.models import tiny_config
from tests.support.training import CFG, pictures


def test_drawn_pictures_repeat_and_differ() -> None:
    a, b = (drawn(np.random.default_rng(3), 160) for _ in range(2))
    assert a.shape == (160, 160, 3) and a.dtype == np.uint8 and np.array_equal(a, b)
    many = [drawn(np.random.default_rng(i), 96) for i in range(60)]
    assert len({m.tobytes() for m in many}) == 60
    # A screen has few colours, a ramp has many, and nearly each has an edge somewhere.
    colours = [len(np.unique(m.reshape(-1, 3), axis=0)) for m in many]
    edges = [np.abs(np.diff(m.astype(int), axis=1)).max() for m in many]
    assert min(colours) < 8 and max(colours) > 200
    assert np.quantile(edges, 0.05) > 50 and np.median(edges) > 150


def test_a_photograph_shows_in_a_quarter_of_drawn_pictures() -> None:
    """Two photographs: where the pictures differ, nearly all pixels are those of the photograph."""
    exact = []
    for i in range(100):
        first, second = (
            drawn(np.random.default_rng(i), 160, np.full((160, 160, 3), level, np.uint8))
            for level in (77, 200)
        )
        differ = first != second
        if differ.any():
            exact.append(float(((first == 77) & (second == 200))[differ].mean()))
    assert 15 < len(exact) < 35
    assert np.median(exact) > 0.85


def test_a_damaged_font_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    monkeypatch.setattr(module, "_font_files", lambda: [str(tmp_path / "broken.ttf")])
    expected = [drawn(np.random.default_rng(i), 96) for i in range(20)]
    monkeypatch.setattr(module, "_font_files", lambda: [""])  # Pillow's own
    found = [drawn(np.random.default_rng(i), 96) for i in range(20)]
    assert all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True))


def test_training_takes_its_share_of_drawn_pictures(tmp_path: Path) -> None:
    t = Trainer(tiny_config(), replace(CFG, batch=16, drawn=0.25), tmp_path)
    t.data = Crops(pictures(), crop=128, device=torch.device("cpu"), seed=1)
    seen = []
    for step in range(20):
        _, x, weights = t.batch(step)
        plain = t.data.batch(step, 16, rescale=t.cfg.rescale)
        other = torch.tensor([not torch.equal(a, b) for a, b in zip(x, plain, strict=True)])
        assert torch.equal(other, weights < 1)
        seen.append(float(other.float().mean()))
    # 320 draws at 1/4: three standard deviations are 0.073.
    assert np.mean(seen) == pytest.approx(0.25, abs=0.073)
