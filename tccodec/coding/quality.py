"""The quality that people give, 0 to 100, and the setting of a model and a file, 0 to 1000.

Settings are even in the logarithm of lambda. People expect 50 to look acceptable and 75 good, as
with other codecs. Two straight lines that meet at quality 50 do that: on Kodak's mean, 50 has an
SSIMULACRA2 score of 65 and 70 one of 80 (docs/guide/quality.md).
"""

from __future__ import annotations

from tccodec.container import MAX_SETTING, Setting

MIDDLE = 50.0  # where the two lines meet, as people give it ...
MIDDLE_SETTING = 600  # ... and as a file stores it
TOP = 100.0


def to_setting(quality: float) -> Setting:
    """Quality 0 .. 100 -> the setting that a file stores, 0 .. 1000."""
    if quality <= MIDDLE:
        return Setting(round(quality * MIDDLE_SETTING / MIDDLE))
    slope = (MAX_SETTING - MIDDLE_SETTING) / (TOP - MIDDLE)
    return Setting(round(MIDDLE_SETTING + (quality - MIDDLE) * slope))


def from_setting(setting: Setting) -> float:
    """Inverse of `to_setting`, to one decimal."""
    if setting <= MIDDLE_SETTING:
        return round(setting * MIDDLE / MIDDLE_SETTING, 1)
    slope = (TOP - MIDDLE) / (MAX_SETTING - MIDDLE_SETTING)
    return round(MIDDLE + (setting - MIDDLE_SETTING) * slope, 1)
