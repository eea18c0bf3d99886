"""The search hits its target in few encodes, on any curve that rises."""

from __future__ import annotations

import functools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tccodec.coding.search import SCALES, Target, find_bpp, find_score, find_size
from tccodec.errors import BadOption, BadTarget

find_psnr = functools.partial(find_score, scale=SCALES["psnr"])


class Curve:
    """Bytes over quality: exponential with a bend; counts how often it is looked at."""

    def __init__(self, base: float, slope: float, bend: float) -> None:
        self.base, self.slope, self.bend = base, slope, bend
        self.seen: set[int] = set()

    def __call__(self, quality: int) -> int:
        assert 0 <= quality <= 1000
        self.seen.add(quality)
        x = quality / 1000
        return int(self.base * math.exp(1000 * self.slope * (x + 0.7 * self.bend * x * (1 - x))))


curves = st.builds(Curve, st.floats(60, 50_000), st.floats(0.002, 0.008), st.floats(-1, 1))


@given(curves, st.integers(0, 1000))
def test_size_is_never_above_and_as_near_as_can_be(curve: Curve, quality: int) -> None:
    goal = Curve(curve.base, curve.slope, curve.bend)(quality) + 3
    found = find_size(curve, goal)
    looks = len(curve.seen)
    assert curve(found) <= goal
    assert curve(found) >= goal * 0.995 or found == 1000 or curve(found + 1) > goal
    assert looks <= 18  # 17 at most on 60,000 random curves


def test_few_encodes_on_an_ordinary_picture() -> None:
    looks = []
    for goal in range(2_000, 300_000, 7_000):
        curve = Curve(1500, 0.0052, -0.4)
        find_size(curve, goal)
        looks.append(len(curve.seen))
    assert sum(looks) / len(looks) < 4.5


def test_few_encodes_to_a_psnr() -> None:
    looks: list[int] = []
    goals = [30 + n / 8 for n in range(80)]
    for goal in goals:
        find_psnr(lambda q: looks.append(q) or 24 + 0.022 * q - 4e-6 * q * q, goal)
    assert len(looks) / len(goals) < 5


@given(curves, st.integers(0, 1000))
def test_bpp_is_never_above_and_within_two_percent(curve: Curve, quality: int) -> None:
    goal = Curve(curve.base, curve.slope, curve.bend)(quality) * 8 / 1_000_000
    found, remark = find_bpp(curve, goal, pixels=1_000_000)
    share = curve(found) * 8 / 1_000_000 / goal
    assert share <= 1 + 1e-9
    if share < 0.98:
        assert remark and curve.base < 2000, "only tiny files, where a byte is more than 2 %"
    else:
        assert not remark


@given(st.floats(15, 30), st.floats(0.002, 0.03), st.integers(0, 1000))
def test_psnr_is_not_below_and_within_a_tenth(base: float, slope: float, quality: int) -> None:
    def measure(q: int) -> float:
        return base + slope * q

    goal = measure(quality)
    found, remark = find_psnr(measure, goal)
    assert 0 <= measure(found) - goal <= 0.1 and not remark


@given(st.floats(0.15, 0.7), st.floats(0.002, 0.006), st.integers(0, 1000))
def test_a_score_that_falls_is_not_above_its_goal(base: float, slope: float, quality: int) -> None:
    def lpips(q: int) -> float:
        return base * math.exp(-slope * q)

    goal = lpips(quality)
    found, remark = find_score(lpips, goal, scale=SCALES["lpips"])
    assert goal * 0.97 <= lpips(found) <= goal and not remark


def test_remarks_on_scores() -> None:
    lpips = functools.partial(find_score, scale=SCALES["lpips"])
    assert lpips(lambda q: 0.5 - q / 2500, 0.05) == (
        1000,
        "LPIPS 0.05 asked, but no less than LPIPS 0.1 reached",
    )
    assert lpips(lambda q: 0.5 if q < 437 else 0.2, 0.3) == (
        437,
        "LPIPS 0.3 asked, LPIPS 0.2 reached: the next smaller file has more",
    )
    found, remark = find_score(lambda q: 1.0, 0.9, scale=SCALES["ms-ssim"])
    assert (found, remark) == (0, "MS-SSIM 0.9 asked, but even the smallest file has MS-SSIM 1")


def test_remarks_tell_near_numbers_apart() -> None:
    """Rounded alike, a remark would say that 1 was asked, but no more than 1 reached."""
    for kind, score, goal, words in (
        ("ms-ssim", 0.99998, 1, "MS-SSIM 1 asked, but no more than MS-SSIM 0.99998 reached"),
        ("psnr", 47.9996, 48, "48 dB asked, but no more than 47.9996 dB reached"),
        ("lpips", 0.10001, 0.1, "LPIPS 0.1 asked, but no less than LPIPS 0.10001 reached"),
    ):
        assert find_score(lambda q, s=score: s, goal, scale=SCALES[kind])[1] == words
    remark = find_bpp(lambda q: 45_001, 0.03, pixels=12_000_000)[1]
    assert remark == "0.03 bpp asked, but the smallest file has 0.030001 bpp"


def test_steps_and_plateaus_still_end() -> None:
    steps = lambda q: 1000 if q < 437 else 5000  # noqa: E731
    assert find_size(steps, 4999) < 437
    assert find_size(steps, 5000) >= 437
    found, remark = find_bpp(steps, 0.02, pixels=1_000_000)
    assert steps(found) == 1000 and remark.startswith("0.02 bpp asked, 0.008 bpp reached")
    found, remark = find_psnr(lambda q: 30.0 if q < 437 else 40.0, 35)
    assert found == 437 and remark.startswith("35 dB asked, 40 dB reached")


def test_a_dip_does_not_break_the_promise() -> None:
    """Real curves are not quite monotone; the size limit must hold all the same."""
    wavy = lambda q: int(1000 * math.exp(0.005 * q)) + 40 * (q % 2)  # noqa: E731
    for goal in range(1100, 100_000, 997):
        assert wavy(find_size(wavy, goal)) <= goal


def test_out_of_reach_says_what_is() -> None:
    curve = Curve(1000, 0.005, 0)
    with pytest.raises(BadTarget, match=r"at least 1000 bytes, more than the 999 asked"):
        find_size(curve, 999)
    assert find_size(curve, 10**9) == 1000
    assert find_bpp(curve, 0.001, pixels=1_000_000) == (
        0,
        "0.001 bpp asked, but the smallest file has 0.008 bpp",
    )
    assert find_bpp(curve, 2.0, pixels=1_000_000) == (
        1000,
        "2 bpp asked, but the best quality takes only 1.187 bpp",
    )
    assert find_psnr(lambda q: 21 + q / 50, 60) == (
        1000,
        "60 dB asked, but no more than 41 dB reached",
    )
    assert find_psnr(lambda q: 21 + q / 50, 20) == (
        0,
        "20 dB asked, but even the smallest file has 21 dB",
    )


def test_a_picture_that_comes_back_exactly() -> None:
    """Its PSNR is infinite: no number that a secant could use."""
    assert find_psnr(lambda q: math.inf, 40) == (
        0,
        "40 dB asked, but even the smallest file has 100 dB",
    )
    found, _ = find_psnr(lambda q: math.inf if q > 700 else 20 + q / 50, 40)
    assert found == 701


def test_target_of_nothing_is_quality_fifty() -> None:
    assert Target.of() == Target("quality", 50.0)
    assert Target.of(quality=12.34).setting == 148
    assert Target.of(size=20_000) == Target("size", 20_000.0)


@pytest.mark.parametrize(
    ("given_", "text"),
    [
        ({"quality": 101}, "quality must be from 0 to 100"),
        ({"quality": -0.1}, "quality must be"),
        ({"quality": math.nan}, "quality must be"),
        ({"bpp": 0}, "bpp must be from 0.0001"),
        ({"size": 0}, "size must be from 1 byte"),
        ({"psnr": 200}, "psnr must be"),
        ({"psnr": math.inf}, "psnr must be"),
        ({"quality": 5, "bpp": 1}, "not quality and bpp together"),
    ],
)
def test_bad_targets(given_: dict[str, float], text: str) -> None:
    with pytest.raises(BadOption, match=text):
        Target.of(**given_)
