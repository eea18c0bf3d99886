"""Targets that a picture cannot meet exactly: the nearest that is not worse, and a remark."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tccodec import Codec, Compressed, preview
from tccodec.coding.coded import CodedPicture
from tccodec.coding.refine import Refiner
from tccodec.coding.scores import picture_psnr, scorer
from tccodec.coding.search import SCALES, Target
from tccodec.container import read
from tccodec.errors import BadPicture, BadTarget
from tccodec.picture import from_image
from tests.support.pictures import picture
from tests.support.program import Run

Compress = Callable[..., Compressed]
PHOTO = picture(size=(128, 96), noise=9)


@pytest.fixture(scope="module")
def codec(tiny_model_dir: Path) -> Codec:
    return Codec.from_pretrained(tiny_model_dir, device="cpu")


@pytest.fixture(scope="module")
def compress(codec: Codec) -> Compress:
    def call(image: Image.Image, *, lossy: bool = False, **target: float) -> Compressed:
        return codec.compress_picture(from_image(image), Target.of(**target), lossy=lossy)

    return call


def sky() -> Image.Image:
    """A faint gradient: a handful of bytes at any quality."""
    y = np.linspace(150, 190, 96)[:, None, None] + np.zeros((1, 128, 3))
    return Image.fromarray(y.round().astype(np.uint8))


def decibels(codec: Codec, image: Image.Image, done: Compressed) -> float:
    return picture_psnr(from_image(image), codec.decompress_file(read(done.data)))


def test_psnr_between_two_settings_gives_the_better_one(codec: Codec, compress: Compress) -> None:
    image = sky()
    for goal in (25, 30, 35, 38.4, 40, 42):
        done = compress(image, psnr=goal, lossy=True)
        reached = decibels(codec, image, done)
        if reached < goal:
            assert "no more than" in done.remark
        elif reached > goal + 0.1:
            assert done.remark.startswith(f"{goal:g} dB asked")
            assert f"{reached:.4g} dB" in done.remark


def test_psnr_above_the_best_gives_the_best(codec: Codec, compress: Compress) -> None:
    image = PHOTO
    done = compress(image, psnr=90)
    assert done.remark == (
        f"90 dB asked, but no more than {decibels(codec, image, done):.4g} dB reached"
    )
    assert len(done.data) == len(compress(image, quality=100).data)


def test_psnr_below_the_worst_gives_the_smallest_file(compress: Compress) -> None:
    done = compress(PHOTO, psnr=2)
    assert "even the smallest file has" in done.remark
    assert done.data == compress(PHOTO, quality=0).data


@pytest.mark.parametrize(
    ("kind", "goals"), [("ssimulacra2", (-60, -20)), ("lpips", (0.9, 0.6)), ("ms-ssim", (0.3, 0.6))]
)
def test_other_scores_are_not_worse_than_asked(
    codec: Codec, kind: str, goals: tuple[float, ...]
) -> None:
    image = from_image(picture(size=(176, 168), noise=2))
    for goal in goals:
        done = codec.compress_picture(image, Target(kind, goal), lossy=True)  # type: ignore[arg-type]
        score = scorer(kind, image)(codec.decompress_file(read(done.data)))
        scale = SCALES[kind]
        gain = scale.axis(score) - scale.axis(goal)
        if gain < 0:
            assert "asked, but no" in done.remark
        else:
            assert gain <= scale.miss or done.remark, (goal, score)


def test_a_picture_too_small_for_a_score_is_refused(codec: Codec) -> None:
    with pytest.raises(BadPicture, match="MS-SSIM is not defined for a picture as small as 128 x"):
        codec.compress(PHOTO, ms_ssim=0.9)


def test_like_gives_the_score_of_the_other_codec(
    run: Run, tmp_path: Path, tiny_model_dir: Path
) -> None:
    image = picture(size=(128, 96), noise=1)
    image.save(tmp_path / "a.png")
    line = ("compress", "a.png", "--lossy", "--json", "--model", tiny_model_dir, "-f")
    result = run(*line, "--like", "JPEG:1")
    found = result.json()[0]
    assert result.code == 0 and (found["like"]["codec"], found["like"]["quality"]) == ("jpeg", 1)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=1, optimize=True, progressive=True, subsampling="4:2:0")
    assert found["like"]["bytes"] == len(out.getvalue())
    assert ", like jpeg:1 with" in result.err
    original = from_image(image)
    wanted = scorer("ssimulacra2", original)(from_image(Image.open(out)))
    run("decompress", "a.tcz", "-o", "b.png", "--model", tiny_model_dir)
    with Image.open(tmp_path / "b.png") as decoded:
        reached = scorer("ssimulacra2", original)(from_image(decoded))
    assert abs(found["like"]["ssimulacra2"] - wanted) < 0.001
    assert reached >= wanted or "asked, but no more than" in found["remark"]
    for wrong, reason in (("avf:60", "did you mean avif?"), ("avif", "a quality"), ("jpeg:x", "0")):
        result = run(*line, "--like", wrong)
        assert result.code == 2 and reason in result.err
    assert run(*line, "--like", "jpeg:5", "-q", "50").code == 2


def test_a_picture_that_comes_back_exactly_meets_any_psnr(codec: Codec, compress: Compress) -> None:
    black = Image.new("RGB", (64, 64))
    for goal in (20, 50, 100):
        done = compress(black, psnr=goal, lossy=True)
        assert decibels(codec, black, done) >= goal or "no more than" in done.remark


def test_bpp_above_the_best_gives_the_best(compress: Compress) -> None:
    done = compress(PHOTO, bpp=500)
    assert done.data == compress(PHOTO, quality=100).data
    assert done.remark == f"500 bpp asked, but the best quality takes only {done.bpp:.4g} bpp"


def test_bpp_below_the_smallest_gives_the_smallest(compress: Compress) -> None:
    done = compress(PHOTO, bpp=0.001)
    assert done.data == compress(PHOTO, quality=0).data
    assert done.remark == f"0.001 bpp asked, but the smallest file has {done.bpp:.4g} bpp"


def test_bpp_below_the_smallest_of_a_page_counts_its_lossless_file(compress: Compress) -> None:
    page = Image.new("RGB", (400, 300), "white")
    for at in range(0, 400, 16):
        page.paste((at % 256, 0, 90), (at, at % 240, at + 7, at % 240 + 40))
    done = compress(page, bpp=0.001)
    assert f"the smallest file has {done.bpp:.4g} bpp" in done.remark
    assert len(done.data) <= len(compress(page, quality=0).data)


@pytest.mark.parametrize("bpp", [0.1, 0.2, 0.5, 0.8, 2])
def test_bpp_is_never_exceeded(compress: Compress, bpp: float) -> None:
    done = compress(PHOTO, bpp=bpp)
    assert done.bpp <= bpp or "the smallest file" in done.remark
    assert done.bpp >= 0.98 * bpp or done.remark


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 2)])
def test_tiny_pictures_meet_every_target(
    codec: Codec, compress: Compress, size: tuple[int, int]
) -> None:
    image = Image.new("RGB", size, "teal")
    for bpp in (1, 900):
        done = compress(image, bpp=bpp)
        assert done.bpp <= bpp or "the smallest file has" in done.remark
        assert codec.decompress(done.data).size == size
    for goal in (30, 100):
        done = compress(image, psnr=goal)
        assert decibels(codec, image, done) >= goal or "no more than" in done.remark


def test_a_high_effort_meets_the_same_targets(codec: Codec) -> None:
    done = codec.compress_picture(from_image(PHOTO), Target.of(bpp=500), effort=3)
    assert "the best quality takes only" in done.remark


def test_a_size_that_only_a_high_effort_reaches(
    codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(self: Refiner, *_: object, **__: object) -> CodedPicture:
        return CodedPicture.blank(*PHOTO.size, self.setting)

    monkeypatch.setattr(Refiner, "run", run)
    photo, smallest = from_image(PHOTO), Target.of(quality=0)
    quick = codec.compress_picture(photo, smallest, lossy=True).data
    small = codec.compress_picture(photo, smallest, lossy=True, effort=3).data
    assert len(small) < len(quick)
    target = Target.of(size=len(small))
    assert codec.compress_picture(photo, target, lossy=True, effort=3).data == small


def test_only_a_size_can_be_impossible(compress: Compress) -> None:
    least = len(compress(PHOTO, quality=0).data)
    with pytest.raises(BadTarget, match=f"at least {least} bytes, more than the {least - 1} asked"):
        compress(PHOTO, size=least - 1)
    done = compress(PHOTO, size=10**6)
    assert done.data == compress(PHOTO, quality=100).data and not done.remark


def test_the_preview_gives_way_before_a_target_fails(codec: Codec) -> None:
    metadata = np.random.default_rng(1).bytes(13_000).hex().encode()
    photo = from_image(picture(size=(60, 40)))
    photo = replace(photo, xmp=metadata)  # which makes the file large enough for a preview
    plain = codec.compress_picture(photo, Target.of(quality=0), preview=False).data
    small = codec.compress_picture(photo, Target.of(quality=0)).data
    assert preview(small) is not None and len(small) > len(plain) + 100
    done = codec.compress_picture(photo, Target.of(size=len(plain)))
    assert done.data == plain
    done = codec.compress_picture(photo, Target.of(bpp=len(plain) * 8 / (60 * 40)))
    assert done.data == plain and not done.remark
    with pytest.raises(BadTarget, match=f"at least {len(plain)} bytes"):
        codec.compress_picture(photo, Target.of(size=len(plain) - 1))


def test_no_remark_where_the_target_is_met(compress: Compress) -> None:
    for target in ({"quality": 40}, {"bpp": 0.6}, {"psnr": 18.5}, {"size": 900}):
        assert compress(PHOTO, lossy=True, **target).remark == ""


def test_the_command_line_says_what_was_reached_and_succeeds(
    run: Run,
    tmp_path: Path,
    tiny_model_dir: Path,
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    sky().save(folder / "sky.png")
    PHOTO.save(folder / "photo.png")
    options = ("--model", tiny_model_dir, "--device", "cpu")
    done = run("compress", "in", "-r", "-o", "out", "--bpp", "500", "--lossy", "--json", *options)
    assert done.code == 0 and done.err.count("500 bpp asked, but the best quality takes") == 2
    assert all("500 bpp asked" in line["remark"] for line in done.json())
    quiet = run("compress", "in/photo.png", "-o", "x.tcz", "--psnr", "90", "-Q", *options)
    assert quiet.code == 0 and quiet.err == ""
