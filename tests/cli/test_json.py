"""What commands print with --json, and what they write as JSON, has the documented schemas."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from PIL import Image, ImageCms

import tccodec
from tests.support.paths import ROOT
from tests.support.pictures import picture
from tests.support.program import TINY, Run

SCHEMAS = ROOT / "docs" / "reference" / "schema"
NAMES = sorted(path.stem for path in SCHEMAS.iterdir())


def validator(name: str, kind: str = "") -> Draft202012Validator:
    """Checks one kind of object of a schema; all kinds if it is empty."""
    schema = json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))
    if kind:
        schema = {"$ref": f"#/$defs/{kind}", "$defs": schema["$defs"]}
    return Draft202012Validator(schema)


def kinds(name: str, lines: Iterable[dict[str, Any]]) -> list[str]:
    """The kind of each line, which must fit the schema, and only one kind of it."""
    schema = json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))
    found = []
    for line in lines:
        Draft202012Validator(schema).validate(line)
        [kind] = [k for k in schema["$defs"] if validator(name, k).is_valid(line)]
        found.append(kind)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures, one of them with two pages, a damaged one and a text."""
    folder = tmp_path / "folder"
    folder.mkdir()
    picture(1).save(folder / "a.png")
    pages = [picture(2).convert("L"), picture(3).convert("L")]
    pages[0].save(folder / "b.tif", save_all=True, append_images=pages[1:])
    (folder / "c.png").write_bytes((folder / "a.png").read_bytes()[:90])
    (folder / "d.txt").write_text("no picture", "utf-8")
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_schemas_are_schemas(name: str) -> None:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    page = (ROOT / "docs" / "reference" / "json.md").read_text("utf-8")
    assert f"](schema/{name}.json)" in page


def test_compress(run: Run, folder: Path) -> None:
    done = run("compress", "folder", "-r", "-o", "out", "--json", "--verify", *TINY)
    assert sorted(kinds("compress", done.json())) == ["done", "done", "failed", "skipped"]
    [like] = run("compress", folder / "a.png", "--json", "--like", "webp:50", *TINY).json()
    assert kinds("compress", [like]) == ["done"] and like["like"]["codec"] == "webp"
    dry = run("compress", "folder", "-r", "-o", "dry", "--json", "--dry-run", *TINY)
    assert set(kinds("compress", dry.json())) == {"would", "estimate", "failed", "skipped"}


def test_decompress(run: Run, packed: Path) -> None:
    packed.with_name("bad.tcz").write_bytes(packed.read_bytes()[:-1])
    done = run("decompress", packed, "bad.tcz", "missing.tcz", "--json", "-o", "back/")
    assert kinds("decompress", done.json()) == ["done", "failed", "failed"]
    again = run("decompress", packed, "--json", "--skip-existing", "-o", "back/")
    assert kinds("decompress", again.json()) == ["skipped"]
    [new] = run("decompress", packed, "--json").json()
    assert not new["unchanged"] and new["output"].endswith("photo.decoded.png")
    os.replace("photo.decoded.png", "photo.png")
    [same] = run("decompress", packed, "--json").json()
    assert same["unchanged"] and same["output"].endswith("photo.png")


def test_info_and_verify(run: Run, folder: Path, packed: Path) -> None:
    run("compress", folder / "b.tif", "-o", "grey.tcz", *TINY)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture(size=(16, 16)).convert("L").convert("RGB").save("rgb.png", icc_profile=profile)
    assert run("compress", "rgb.png", *TINY).code == 0
    assert run("info", "rgb.tcz", "--json").json()[0]["mode"] == "RGB"
    assert tccodec.decompress(Path("rgb.tcz")).mode == "RGB"
    packed.with_name("bad.tcz").write_bytes(packed.read_bytes()[:-1])
    files = (packed, "grey.tcz", "bad.tcz", ROOT / "tests" / "golden" / "text-50.tcz")
    said = run("info", *files, "--json").json()
    assert kinds("info", said) == ["file", "file", "failed", "file"]
    assert {line["mode"] for line in said if "mode" in line} == {"RGB", "L"}
    assert said[3]["apart"] and "blocks" in said[3]["sections"]
    said = run("verify", *files[:3], "--json").json()
    assert kinds("verify", said) == ["good", "good", "failed"]
    Path("some").mkdir()
    packed.rename("some/photo.tcz")
    Path("some/a.txt").write_text("no picture", "utf-8")
    for command, kind in (("info", "file"), ("verify", "good")):
        said = run(command, "some", "-r", "--json").json()
        assert kinds(command, said) == [kind, "skipped"]
        assert said[1] == {"file": "some/a.txt", "skipped": "not a .tcz file"}


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")
def test_names_that_are_not_utf8(run: Run, packed: Path, tiny_model_dir: Path) -> None:
    name = os.fsdecode(b"\xff.tcz")
    packed.rename(packed.with_name(name))
    [line] = run("info", name, "--json").json()
    assert kinds("info", [line]) == ["file"] and line["file_base64"] == "/y50Y3o="
    [line] = run("decompress", name, "--json").json()
    assert kinds("decompress", [line]) == ["done"] and line["output_base64"]
    model = shutil.copytree(tiny_model_dir, os.fsdecode(b"\xfe"))
    [line] = run("models", "show", model, "--json").json()
    assert kinds("models", [line]) == ["shown"] and line["folder_base64"] == "/g=="


def test_the_manifest_of_an_archive(run: Run, folder: Path) -> None:
    done = run("archive", "folder", "archive", "--yes", "--model", "tiny", "--json")
    found = ["archived", "done", "done", "failed", "skipped"]
    assert sorted(kinds("compress", done.json())) == found
    plan = run("archive", "folder", "archive", "--model", "tiny", "-q", "20", "--json")
    found = ["archived", "estimate", "failed", "skipped", "would", "would", "would"]
    assert sorted(kinds("compress", plan.json())) == found
    text = (folder.parent / "archive" / "manifest.jsonl").read_text("utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    assert kinds("manifest", lines) == ["head", "picture", "picture"]
    (folder.parent / "archive" / "a.png.tcz").unlink()
    check = run("archive", "--check", "archive", "--json")
    assert check.code == 1 and kinds("check", check.json()) == ["fault", "checked"]
    assert check.json()[1]["unlisted"] == 0
    back = run("archive", "--restore", "archive", "back", "--json")
    assert back.code == 1 and sorted(kinds("decompress", back.json())) == ["done", "failed"]


def test_models(run: Run) -> None:
    assert set(kinds("models", run("models", "--json").json())) == {"listed"}
    assert kinds("models", run("models", "show", "tiny", "--json").json()) == ["shown"]


def test_the_results_of_a_report(run: Run, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for i in range(3):
        picture(i, size=(64, 48)).save(photos / f"{i}.png")
    Image.new("RGB", (9, 9)).save(photos / "tiny.png")
    (photos / "bad.png").write_bytes((photos / "0.png").read_bytes()[:200])
    options = ["--codecs", "tiny,webp,jpeg,heic", "--points", "3", "--metrics", "psnr,ms-ssim"]
    done = run("report", photos, "-o", "out", *options, "--anchor", "jpeg", "--json")
    assert done.code == 1 and "bad.png" in done.err
    results = json.loads(done.out)
    validator("results").validate(results)
    assert results == json.loads((tmp_path / "out" / "results.json").read_text("utf-8"))
    assert results["summary"]["bd"]["psnr"] and results["summary"]["savings"]["psnr"]
    assert results["unreadable"]
    for change in ({"schema": "tccodec-report/1"}, {"more": 1}, {"points": {"computed": -1}}):
        assert not validator("results").is_valid(results | change)
