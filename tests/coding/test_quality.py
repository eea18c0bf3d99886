from __future__ import annotations

import pytest

from tccodec.coding.quality import from_setting, to_setting


@pytest.mark.parametrize(
    ("quality", "tenths"), [(0, 0), (25, 300), (50, 600), (75, 800), (100, 1000)]
)
def test_both_scales_meet(quality: float, tenths: int) -> None:
    assert to_setting(quality) == tenths
    assert from_setting(tenths) == quality


def test_settings_rise_and_come_back() -> None:
    named = [t / 10 for t in range(1001)]
    settings = [to_setting(q) for q in named]
    assert settings == sorted(settings)
    assert all(abs(from_setting(s) - q) < 0.11 for q, s in zip(named, settings, strict=True))
    assert [from_setting(to_setting(q)) for q in named[:501]] == named[:501]
    assert all(abs(to_setting(from_setting(t)) - t) <= 1 for t in range(1001))
