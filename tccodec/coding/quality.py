"""The two scales: the quality that people give, 0 to 100, and the setting in a file, 0 to 1000.

Equal steps of the setting are equal steps of the logarithm of lambda. People expect quality 50 to
look acceptable and 75 to look good, as with other codecs. Two straight lines that meet at quality
50 achieve that: on Kodak's mean, 50 has an SSIMULACRA2 score of 65, and 70 one of 80
(docs/guide/quality.md). Each scale is a type of its own, so that mypy tells them apart.
"""

from __future__ import annotations

from typing import NewType

from tccodec.container import MAX_SETTING, Setting

Quality = NewType("Quality", float)

MIDDLE_QUALITY, MIDDLE_SETTING = 50.0, 600  # where the two lines meet
MAX_QUALITY = 100.0


def to_setting(quality: Quality) -> Setting:
    """Quality 0 .. 100 -> the setting that a file stores, 0 .. 1000."""
    if quality <= MIDDLE_QUALITY:
        return Setting(round(quality * MIDDLE_SETTING / MIDDLE_QUALITY))
    slope = (MAX_SETTING - MIDDLE_SETTING) / (MAX_QUALITY - MIDDLE_QUALITY)
    return Setting(round(MIDDLE_SETTING + (quality - MIDDLE_QUALITY) * slope))


def from_setting(setting: Setting) -> Quality:
    """Inverse of `to_setting`, to one decimal."""
    if setting <= MIDDLE_SETTING:
        return Quality(round(setting * MIDDLE_QUALITY / MIDDLE_SETTING, 1))
    slope = (MAX_QUALITY - MIDDLE_QUALITY) / (MAX_SETTING - MIDDLE_SETTING)
    return Quality(round(MIDDLE_QUALITY + (setting - MIDDLE_SETTING) * slope, 1))
