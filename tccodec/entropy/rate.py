"""Bits of symbols under logistic distributions, and the symbols that an encoder chooses by them.

A symbol is a whole number of steps from the mean, and is reconstructed there. In a model with
centroids it is reconstructed at a learned point of its bin, `s + sign(s) * centroid`, which depends
on the magnitude (1, 2, 3 or more) and on the table.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tccodec.entropy.layers import on_grid
from tccodec.entropy.limits import CENTROID_LIMIT, CENTROIDS
from tccodec.entropy.tables import FIRST_CODED, SCALE_LOG_RATIO, SCALE_MIN, SCALES

MAX_BITS = 17.0  # of a symbol in training; real tables have escapes
# The terms of `logistic_bits` that depend on the table alone.
LogisticTerms = tuple[Tensor, Tensor, Tensor]


def logistic_terms(index: Tensor) -> LogisticTerms:
    """1 / scale, and two terms of `logistic_bits`, for tables `index`."""
    inverse = torch.exp(-(index * SCALE_LOG_RATIO + math.log(SCALE_MIN)))
    half = 0.5 * inverse
    e = torch.exp(-half)
    return inverse, 1 / e + e, -half - torch.log1p(-e.square())


def logistic_bits(residual: Tensor, terms: LogisticTerms) -> Tensor:
    """Bits of `residual` in a unit bin of a zero-mean logistic distribution, at most 17.

    The bin's probability is sigmoid((1/2 - |r|) / scale) - sigmoid((-1/2 - |r|) / scale). With
    x = |r| / scale, a = 1 / (2 scale) and u = exp(-x) this is
    (exp(a) - exp(-a)) u / (1 + u (u + exp(a) + exp(-a))): nothing cancels, and only u and the
    logarithm depend on the residual.
    """
    inverse, total, constant = terms
    x = residual.abs() * inverse
    u = torch.exp(-x)
    bits: Tensor = (x + torch.log1p(u * (u + total)) + constant) / math.log(2)
    return bits.clamp_max(MAX_BITS)


def quantised_centroids(centroids: Tensor) -> Tensor:
    """Learned centroids in steps -> on their grid of sixteenths, with straight-through gradient."""
    c = centroids.clamp(-CENTROID_LIMIT / 16, CENTROID_LIMIT / 16)
    return on_grid(c)


def centroid(magnitude: Tensor, index: Tensor, *, centroids: Tensor) -> Tensor:
    """The centroids of whole magnitudes `>= 0` under tables `index`; 0 for magnitude 0.

    `centroids (3, 64)`, by magnitude and table.
    """
    row = magnitude.clamp(1, CENTROIDS).long() - 1
    c = centroids.flatten()[row * SCALES + index.long()]
    return torch.where(magnitude > 0, c, torch.zeros_like(c))


def reconstructed(s: Tensor, index: Tensor, *, centroids: Tensor) -> Tensor:
    """The points at which whole symbols are reconstructed, in steps from their mean."""
    return s + s.sign() * centroid(s.abs(), index, centroids=centroids)


def reconstructed_relaxed(s: Tensor, index: Tensor, *, centroids: Tensor) -> Tensor:
    """`reconstructed` for symbols between two integers: linear between the points of both."""
    low = torch.floor(s.detach())
    below, above = (reconstructed(n, index, centroids=centroids) for n in (low, low + 1))
    between: Tensor = torch.lerp(below, above, s - low)
    return between


@torch.no_grad()
def nearest(r: Tensor, index: Tensor) -> Tensor:
    """Residuals in steps -> the nearest integers; zero under tables that are not coded."""
    return torch.where(index < FIRST_CODED, torch.zeros_like(r), torch.round(r))


@torch.no_grad()
def rdo_quantised(
    r: Tensor,
    index: Tensor,
    *,
    weight: Tensor,
    terms: LogisticTerms,
    centroids: Tensor | None = None,
) -> Tensor:
    """Residuals in steps -> symbols as the encoder chooses them (`IntegerEntropy.quantise`).

    That is the nearest integer or the next one towards zero, whichever has the lower
    `bits + weight * error**2`. `index`: integer table indices; `terms`: `logistic_terms(index)`.
    """
    s = nearest(r, index)
    high, x = s.abs(), r.abs()
    low = (high - 1).clamp_min(0)
    saved = logistic_bits(high, terms) - logistic_bits(low, terms)
    low_point, high_point = low, high
    if centroids is not None:
        low_point, high_point = (n + centroid(n, index, centroids=centroids) for n in (low, high))
    gain = weight * ((x - low_point).square() - (x - high_point).square())
    return torch.where(saved > gain, low.copysign(s), s)
