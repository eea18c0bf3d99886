"""Photographs drawn by weights from a file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tccodec.errors import BadData
from tccodec.training.data import load_named, load_weights
from tccodec.training.loop import Trainer
from tests.support.models import tiny_config
from tests.support.training import CFG


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Ten flat pictures of the greys 0 to 90, the second half in a folder of its own."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for i in range(10):
        name = f"{i}.png" if i < 5 else f"more/{i}.png"
        Image.new("L", (140, 130), 10 * i).save(folder / name)
    return folder


def weights_file(folder: Path, text: str) -> Path:
    path = folder / "weights.json"
    path.write_text(text, "utf-8")
    return path


def test_weights_say_how_often_a_picture_is_drawn(photos: Path, tmp_path: Path) -> None:
    weights = dict.fromkeys((name for name, _ in load_named([photos], 128)), 1.0)
    assert len(weights) == 10
    weights |= {"0.png": 0, "4.png": 0.5, "more/5.png": 4}
    path = weights_file(tmp_path, json.dumps(weights))
    run = Trainer(tiny_config(), replace(CFG, batch=64, difficulty=str(path)), tmp_path)
    run.load_data([photos])
    crops = torch.cat([run.batch(step)[1] for step in range(20)])
    greys = (crops[:, 0, 0, 0] + 128).int()
    assert (crops == crops[:, :1, :1, :1]).all()
    shares = torch.bincount(greys // 10, minlength=10) / len(greys)
    # Two of ten are held out. 1280 draws: three standard deviations are 0.042 at most.
    total = 0.5 + 4 + 5
    expected = np.array([0, 1, 1, 1, 0.5, 4, 1, 1, 0, 0]) / total
    assert shares[0] == shares[8] == shares[9] == 0
    assert np.abs(shares.numpy() - expected).max() < 0.042


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ("[1, 2]", "is not a JSON object of weights by picture name"),
        ('{"a.png": 1}', "has no weight from 0 to 1000 for the picture b.png"),
        ('{"a.png": 1, "b.png": -1}', "has no weight from 0 to 1000 for the picture b.png"),
        ('{"a.png": 1, "b.png": NaN}', "has no weight from 0 to 1000 for the picture b.png"),
        ('{"a.png": 1, "b.png": "2"}', "has no weight from 0 to 1000 for the picture b.png"),
        ('{"a.png": 0, "b.png": 0}', "gives all pictures the weight 0"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    path = weights_file(tmp_path, text)
    with pytest.raises(BadData) as refused:
        load_weights(path, ["a.png", "b.png"])
    assert str(refused.value) == f"{path} {words}"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"cannot read .*none\.json"):
        load_weights(tmp_path / "none.json", [])
