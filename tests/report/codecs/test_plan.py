"""Plans: which codecs, by which names, at which qualities."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tccodec.errors import BadOption, NotAvailable, UnknownCodec
from tccodec.report import plan
from tccodec.report.codecs.catalogue import find_peer
from tccodec.report.plan import ReportPlan, make_plan


def planned(codecs: list[str], qualities: str | None = None) -> ReportPlan:
    return make_plan(
        codecs=codecs,
        externals=(),
        points=2,
        qualities=qualities,
        metrics=["psnr"],
        anchor="jpeg",
        backbones=None,
    )


def test_qualities_name_codecs_as_codecs_does(tiny_model_dir: Path) -> None:
    model = str(tiny_model_dir)
    found = planned(["JPEG", "WebP", model], f"JPEG=10;webp=20,30;{model}=40").qualities
    assert list(found.values()) == [[10], [20, 30], [40]]
    name = find_peer(model).name
    assert planned([model], f"{name}=40").qualities[name] == [40]
    with pytest.raises(UnknownCodec, match="not among the codecs"):
        planned(["webp"], "avif=20")


def test_qualities_of_a_codec_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_jxl(name: str, externals: Any) -> Any:
        if name == "jxl":
            raise NotAvailable(name, "the plugin is missing", "pip install it")
        return find_peer(name, externals)

    monkeypatch.setattr(plan, "find_peer", without_jxl)
    found = planned(["jxl", "webp"], "jxl=20;webp=30")
    assert found.qualities["webp"] == [30]
    assert [entry["what"] for entry in found.skipped] == ["jxl"]


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
