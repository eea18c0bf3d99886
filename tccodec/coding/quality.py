"""The quality that people name, 0 to 100, and the setting of models and files, 0 to 1000.

The setting is even in the logarithm of lambda. People expect 50 to look acceptable and 75
good, as with other codecs: on Kodak's mean, 50 stands for an SSIMULACRA2 score of about 50
("medium"), 75 for more than 70 ("high"). Two straight pieces do that; see docs/guide/quality.md.
"""

from __future__ import annotations

from tccodec.container import MAX_SETTING, Setting

MIDDLE = 50.0  # where the two pieces meet, as people name it ...
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
