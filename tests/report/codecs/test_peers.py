"""Codecs: names, settings, real files, external commands."""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tccodec.errors import BadExternal, NotAvailable, PeerFailed, UnknownCodec
from tccodec.report.codecs import pillow
from tccodec.report.codecs.base import even_steps
from tccodec.report.codecs.catalogue import default_codecs, external_names, find_peer
from tccodec.report.codecs.external import ExternalPeer, parse
from tccodec.report.codecs.learned import default_models
from tccodec.report.codecs.pillow import CLASSICAL
from tests.support.pictures import picture
from tests.support.report import SlowCodec

BUILT_IN = ("jpeg", "webp", "avif", "jp2")


def psnr(a: Image.Image, b: Image.Image) -> float:
    difference = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    return float(10 * np.log10(255**2 / (difference**2).mean()))


def available(name: str) -> Any:
    try:
        return find_peer(name)
    except NotAvailable as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", [*CLASSICAL, "avif-half", "jpeg-half"])
def test_round_trip_of_whole_files(name: str) -> None:
    peer = available(name)
    image = picture(1, size=(75, 52))  # odd sides on purpose
    low, high = (peer.ladder(5)[i] for i in (1, 3))
    small, large = peer.encode(image, low), peer.encode(image, high)
    assert len(small) < len(large)
    decoded = peer.decode(large, image.size)
    assert decoded.size == image.size
    assert decoded.mode == "RGB"
    assert psnr(image, decoded) > 22
    if not name.endswith("-half"):
        # the bytes are a file that anyone can open
        assert Image.open(io.BytesIO(large)).size == image.size


@pytest.mark.parametrize("name", BUILT_IN)
def test_same_bytes_every_time(name: str) -> None:
    peer, image = available(name), picture(2, size=(96, 80))
    assert peer.encode(image, peer.ladder(3)[1]) == peer.encode(image, peer.ladder(3)[1])


def test_settings_are_the_anchors() -> None:
    """What docs/reference/report.md and the anchors of Kodak promise: all figures depend on it."""
    jpeg, webp = find_peer("jpeg"), find_peer("webp")
    assert jpeg.commands(50)[0] == (
        "image.save(file, format='JPEG', quality=50, optimize=True, progressive=True, "
        "subsampling='4:2:0')"
    )
    assert webp.commands(40)[0] == "image.save(file, format='WEBP', quality=40, method=6)"
    avif = available("avif")
    assert "speed=4, subsampling='4:2:0', max_threads=2" in avif.commands(50)[0]
    assert "subsampling='4:4:4'" in available("avif-444").commands(50)[0]
    jp2 = available("jp2")
    assert "quality_layers=[34], quality_mode='dB', irreversible=True, mct=1" in jp2.commands(34)[0]


def test_ladders_rise_and_count() -> None:
    for name in BUILT_IN:
        for points in (1, 2, 5, 8, 12):
            ladder = available(name).ladder(points)
            assert len(ladder) == points
            assert ladder == sorted(set(ladder))
    assert even_steps((10, 90), 5) == [10, 30, 50, 70, 90]


def test_unknown_codec_gets_a_hint() -> None:
    with pytest.raises(UnknownCodec, match="did you mean webp"):
        find_peer("wepb")
    with pytest.raises(UnknownCodec, match=r"known are jpeg, webp.*-half"):
        find_peer("zzz")
    with pytest.raises(UnknownCodec):
        find_peer("-half")


def test_missing_plugin_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(pillow.importlib, "import_module", missing)
    with pytest.raises(NotAvailable, match=r"pip install pillow-jxl-plugin \(GPL"):
        find_peer("jxl")
    with pytest.raises(NotAvailable, match="pip install pillow-heif"):
        find_peer("heic-half")


def test_default_codecs_are_what_people_use() -> None:
    assert {"jpeg", "webp", "avif"} <= set(default_codecs())


def test_external_round_trip(slow_codec: SlowCodec) -> None:
    peer = ExternalPeer(slow_codec.line)
    image = picture(3, size=(96, 80))
    data = peer.encode(image, 80)
    assert Image.open(io.BytesIO(data)).format == "JPEG"
    assert psnr(image, peer.decode(data, image.size)) > 28
    assert slow_codec.calls() == ["96x80 80"]
    # the version follows the program's content
    before = peer.version
    slow_codec.script.write_text(slow_codec.script.read_text() + "\n# changed\n")
    assert ExternalPeer(slow_codec.line).version != before


def test_external_suffixes(tmp_path: Path) -> None:
    script = tmp_path / "copy.py"
    script.write_text(
        "import sys, shutil\n"
        "assert sys.argv[1].endswith(sys.argv[3]), sys.argv\n"
        "assert sys.argv[2].endswith(sys.argv[4]), sys.argv\n"
        "shutil.copy(sys.argv[1], sys.argv[2])\n"
    )
    import sys

    call = f"'{sys.executable}' '{script}'"
    line = (
        f"copy={call} {{in}}.ppm {{out}}.xyz .ppm .xyz {{q}};"
        f" {call} {{in}}.xyz {{out}}.ppm .xyz .ppm"
    )
    peer = ExternalPeer(line)
    image = picture(4, size=(20, 10))
    data = peer.encode(image, 1)
    assert data.startswith(b"P6")
    assert np.array_equal(np.asarray(peer.decode(data, image.size)), np.asarray(image))


def test_external_failures_are_sentences(tmp_path: Path) -> None:
    import sys

    script = tmp_path / "fail.py"
    script.write_text("import sys; print('no such quality', file=sys.stderr); sys.exit(3)\n")
    call = f"'{sys.executable}' '{script}'"
    peer = ExternalPeer(f"bad={call} {{q}} {{in}} {{out}} ; {call} {{in}} {{out}}")
    with pytest.raises(PeerFailed, match="ended with code 3: no such quality"):
        peer.encode(picture(0, size=(8, 8)), 5)
    script.write_text("")
    with pytest.raises(PeerFailed, match="wrote no file"):
        peer.encode(picture(0, size=(8, 8)), 5)
    script.write_text("import sys; open(sys.argv[2], 'w').write('x')")
    with pytest.raises(PeerFailed, match="no picture that can be read"):
        peer.decode(b"data", (8, 8))
    with pytest.raises(NotAvailable, match="program nowhere-to-be-found was not found"):
        ExternalPeer("x=nowhere-to-be-found {q} {in} {out} ; cat {in} {out}")


def test_external_files_are_found_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    script = tmp_path / "copy.py"
    script.write_text(
        f"#!{sys.executable}\nimport sys, shutil\nassert sys.argv[1].endswith(sys.argv[3])\n"
        "shutil.copy(sys.argv[1], sys.argv[2])\n"
    )
    script.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    image = picture(4, size=(20, 10))
    calls = [f"'{sys.executable}' copy.py", *(["./copy.py"] if os.name == "posix" else [])]
    for call in calls:
        # the decoder alone says which suffix it needs
        peer = ExternalPeer(f"x={call} {{in}} {{out}} .png {{q}} ; {call} {{in}}.xyz {{out}} .xyz")
        data = peer.encode(image, 1)
        assert np.array_equal(np.asarray(peer.decode(data, image.size)), np.asarray(image))
        assert "/" not in "".join(peer.commands(1))


@pytest.mark.skipif(os.name == "nt", reason="there a suffix says what a program is")
def test_external_failures_publish_no_folders(tmp_path: Path) -> None:
    program = tmp_path / "enc"
    program.write_text("no program")
    program.chmod(0o755)
    peer = ExternalPeer(f"x='{program}' {{q}} {{in}} {{out}} ; '{program}' {{in}} {{out}}")
    with pytest.raises(PeerFailed, match=r"^x: enc could not be started"):
        peer.encode(picture(0, size=(8, 8)), 5)
    program.unlink()
    with pytest.raises(NotAvailable, match="the program enc was not found"):
        ExternalPeer(peer.line)


def test_pillow_refuses_no_picture_that_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    image = picture(0, size=(80, 64))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1024)  # refuses above twice as many
    copy = '__import__("shutil").copy(*__import__("sys").argv[1:3])'
    call = f"'{sys.executable}' -c '{copy}'"
    for peer in (
        find_peer("jpeg"),
        ExternalPeer(f"x={call} {{in}} {{out}} {{q}} ; {call} {{in}} {{out}}"),
    ):
        assert peer.decode(peer.encode(image, 50), image.size).size == image.size


def test_damaged_models_publish_no_folders(tmp_path: Path, tiny_model_dir: Path) -> None:
    shutil.copytree(tiny_model_dir, tmp_path / "mine")
    os.truncate(tmp_path / "mine" / "model.safetensors", 1000)
    with pytest.raises(PeerFailed, match=r"^mine.model\.safetensors: "):
        find_peer(str(tmp_path / "mine")).encode(picture(0, size=(32, 32)), 50)


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".gif", ".y4m", ".pdf"])
def test_external_encoders_get_the_picture_itself(suffix: str) -> None:
    with pytest.raises(BadExternal, match=re.escape(f"{{in}}{suffix} cannot hold a picture")):
        ExternalPeer(f"x=cat {{q}} {{in}}{suffix} {{out}} ; cat {{in}} {{out}}")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("enc {q} {in} {out} ; dec {in} {out}", "no name"),
        ("a=enc {q} {in} {out}", "has 1 command"),
        ("a=enc {q} {in} {out} ; dec {in} {out} ; more", "has 3 command"),
        ("a=enc {in} {out} ; dec {in} {out}", "encode command of a lacks {q}"),
        ("a=enc {q} {in} {out} ; dec {in}", "decode command of a lacks {out}"),
        ("a=enc '{q} {in} {out} ; dec {in} {out}", "No closing quotation"),
        ("a/b=enc {q} {in} {out} ; dec {in} {out}", "no name"),
    ],
)
def test_bad_external_lines(line: str, problem: str) -> None:
    with pytest.raises(BadExternal, match=re.escape(problem)):
        parse(line)


def test_external_names_do_not_hide_codecs() -> None:
    line = "{}=enc {{q}} {{in}} {{out}} ; dec {{in}} {{out}}"
    with pytest.raises(BadExternal, match="has such a codec"):
        external_names([line.format("jpeg")])
    for model in default_models():
        with pytest.raises(BadExternal, match="has such a codec"):
            external_names([line.format(model)])
    with pytest.raises(BadExternal, match="two"):
        external_names([line.format("a"), line.format("a")])
    assert external_names([line.format("a"), line.format("b")]) == ["a", "b"]


def test_tccodec_model_codes_real_files(tiny_model_dir: Path) -> None:
    peer = find_peer(str(tiny_model_dir))
    image = picture(5, size=(70, 45))
    data = peer.encode(image, 40)
    assert data == peer.encode(image, 40)
    decoded = peer.decode(data, image.size)
    assert decoded.size == image.size
    assert "model" in peer.version
    assert str(tiny_model_dir) not in str(peer.settings) + peer.version + peer.name
    half = find_peer(f"{tiny_model_dir}-half")
    assert half.decode(half.encode(image, 40), image.size).size == image.size


def test_both_looks_of_a_model_are_codecs(
    tiny_model_dir: Path, model_without_realism: Path
) -> None:
    plain, real = find_peer(str(tiny_model_dir)), find_peer(f"{tiny_model_dir}-realism")
    assert (plain.name, real.name) == ("tiny", "tiny-realism")
    image = picture(5, size=(70, 45))
    data = real.encode(image, 40)
    assert data == plain.encode(image, 40)
    assert real.decode(data, image.size).tobytes() != plain.decode(data, image.size).tobytes()
    assert real.version != plain.version and "--realism 1" in real.commands(40)[1]
    with pytest.raises(NotAvailable, match="no decoder for realism"):
        find_peer(f"{model_without_realism}-realism")
