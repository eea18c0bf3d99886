"""Scores of a decoded picture, as targets of the encoder."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import numpy as np

from tccodec.coding.block_coder import squared_error
from tccodec.errors import BadOption, BadPicture, NotAvailable
from tccodec.metrics import Metric, describe, make_metric
from tccodec.picture import Picture, to_image
from tccodec.picture.hidden import with_hidden_of


def scorer(kind: str, original: Picture) -> Callable[[Picture], float]:
    """Function: a decoded picture -> its score of a kind in `search.SCALES`.

    `BadOption` if a library is missing, `BadPicture` if the picture is too small for the score.
    """
    if kind == "psnr":
        return functools.partial(picture_psnr, original)
    metric = load_metric(kind)
    prepared = metric.prepare(original.rgb)

    def score(decoded: Picture) -> float:
        value = metric.score(original.rgb, with_hidden_of(original, decoded.rgb), prepared)
        if value is None:
            size = f"{original.width} x {original.height}"
            label = describe(kind).label
            raise BadPicture(f"{label} is not defined for a picture as small as {size} pixels")
        return value

    return score


@functools.cache
def load_metric(kind: str) -> Metric:
    """The metric of that name; `BadOption` if a library is missing."""
    try:
        return cast(Metric, make_metric(kind))
    except NotAvailable as e:
        raise BadOption(str(e)) from None


def picture_psnr(original: Picture, decoded: Picture) -> float:
    """PSNR in dB between two pictures of one size; of the one channel if the original is grey.

    It has the mean squared error over all samples and the peak 255, as is usual for codecs; fully
    transparent pixels have no error. Equal pictures have an infinite PSNR.
    """
    a, b = original.rgb, with_hidden_of(original, decoded.rgb)
    if original.grey:
        a = np.asarray(to_image(replace(original, alpha=None)))
        b = np.asarray(to_image(replace(decoded, rgb=b, grey=True, alpha=None)))
    total = squared_error(a, b)
    return math.inf if total == 0 else 10 * math.log10(255**2 * a.size / total)
