"""Plans: which codecs, by which names."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tccodec.errors import BadOption
from tccodec.report.codecs.catalogue import find_peer
from tccodec.report.plan import ReportPlan, make_plan


def planned(codecs: list[str]) -> ReportPlan:
    return make_plan(
        codecs=codecs,
        externals=(),
        points=2,
        qualities=None,
        metrics=["psnr"],
        anchor="jpeg",
        backbones=None,
    )


def test_two_models_of_one_name(tiny_model_dir: Path, tmp_path: Path) -> None:
    other = shutil.copytree(tiny_model_dir, tmp_path / "other")
    both = [str(tiny_model_dir), str(other)]
    assert len(planned(both).peers) == 2, "a copy is the same codec, beside the anchor"
    config = json.loads((other / "config.json").read_text("utf-8"))
    config["model_id"] = "0123456789abcdef"
    (other / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(BadOption, match="two models are called"):
        planned(both)
    config["name"] = "mine"
    (other / "config.json").write_text(json.dumps(config), "utf-8")
    assert {"mine", find_peer(both[0]).name} <= set(planned(both).qualities)
