"""The quality that people name, 0 to 100, and the one that a model and a file know, 0 to 1000.

A model's scale is even in the logarithm of lambda. People expect 50 to look acceptable and 75
good, as with other codecs: on Kodak's mean, 50 stands for an SSIMULACRA2 score of about 50
("medium"), 75 for more than 70 ("high"). Two straight pieces do that; see docs/quality.md.
"""

from __future__ import annotations

MIDDLE = 50.0  # where the two pieces meet, as people name it ...
MIDDLE_SETTING = 600  # ... and as a file stores it
TOP, TOP_SETTING = 100.0, 1000


def to_setting(quality: float) -> int:
    """Quality 0 .. 100 -> the setting that a file stores, 0 .. 1000."""
    if quality <= MIDDLE:
        return round(quality * MIDDLE_SETTING / MIDDLE)
    slope = (TOP_SETTING - MIDDLE_SETTING) / (TOP - MIDDLE)
    return round(MIDDLE_SETTING + (quality - MIDDLE) * slope)


def from_setting(setting: int) -> float:
    """Inverse of `to_setting`, to one decimal."""
    if setting <= MIDDLE_SETTING:
        return round(setting * MIDDLE / MIDDLE_SETTING, 1)
    slope = (TOP - MIDDLE) / (TOP_SETTING - MIDDLE_SETTING)
    return round(MIDDLE + (setting - MIDDLE_SETTING) * slope, 1)
