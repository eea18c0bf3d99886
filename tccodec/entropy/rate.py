"""Bits of symbols under logistic distributions, and the symbols that an encoder chooses by them.

A symbol is a whole number of steps from the mean. It stands for that point, or with centroids for
a learned one of its bin: `s + sign(s) * centroid`, by magnitude (1, 2, 3 or more) and table.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tccodec.entropy.layers import on_grid
from tccodec.entropy.tables import FIRST_CODED, SCALE_LOG_RATIO, SCALE_MIN, SCALES

CENTROIDS = 3  # magnitudes with a centroid of their own; the last one's is that of all above
CENTROID_LIMIT = 8  # sixteenths of a step: half a step
MOST_BITS = 17.0  # of a symbol in training; real tables have escapes
# What the bits of all symbols of a table share: see `logistic_terms`.
Terms = tuple[Tensor, Tensor, Tensor]


def table_scale(index: Tensor) -> Tensor:
    """Scale of the logistic distribution of table `index`."""
    return torch.exp(index * SCALE_LOG_RATIO + math.log(SCALE_MIN))


def logistic_terms(index: Tensor) -> Terms:
    """1 / scale, and two terms of `logistic_bits`, for tables `index`."""
    inverse = torch.exp(-(index * SCALE_LOG_RATIO + math.log(SCALE_MIN)))
    half = 0.5 * inverse
    e = torch.exp(-half)
    return inverse, 1 / e + e, -half - torch.log1p(-e.square())


def logistic_bits(residual: Tensor, terms: Terms) -> Tensor:
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
    return bits.clamp_max(MOST_BITS)


def whole(centroids: Tensor) -> Tensor:
    """Learned centroids in steps -> on their grid of sixteenths, with straight-through gradient."""
    c = centroids.clamp(-CENTROID_LIMIT / 16, CENTROID_LIMIT / 16)
    return on_grid(c)


def centroid(magnitude: Tensor, index: Tensor, centroids: Tensor) -> Tensor:
    """Of whole magnitudes `>= 0` under tables `index`, from `centroids (3, 64)`; 0 for 0."""
    row = magnitude.clamp(1, CENTROIDS).long() - 1
    c = centroids.flatten()[row * SCALES + index.long()]
    return torch.where(magnitude > 0, c, torch.zeros_like(c))


def points(s: Tensor, index: Tensor, centroids: Tensor) -> Tensor:
    """What whole symbols stand for, in steps from their mean."""
    return s + s.sign() * centroid(s.abs(), index, centroids)


def points_between(s: Tensor, index: Tensor, centroids: Tensor) -> Tensor:
    """The same of relaxed symbols: those between two integers stand for what lies between the
    points of both."""
    low = torch.floor(s.detach())
    below, above = (points(n, index, centroids) for n in (low, low + 1))
    between: Tensor = torch.lerp(below, above, s - low)
    return between


@torch.no_grad()
def nearest(r: Tensor, index: Tensor) -> Tensor:
    """Residuals in steps -> the nearest integers; zero under tables that are not coded."""
    return torch.where(index < FIRST_CODED, torch.zeros_like(r), torch.round(r))


@torch.no_grad()
def optimised(
    r: Tensor, index: Tensor, weight: Tensor, terms: Terms, centroids: Tensor | None = None
) -> Tensor:
    """Residuals in steps -> symbols as an encoder chooses them (`IntegerEntropy.quantise`):
    the nearest integer or the next one towards zero, whichever costs less in
    `bits + weight * error**2`. `index`: whole table indices, with their `terms`.
    """
    s = nearest(r, index)
    high, x = s.abs(), r.abs()
    low = (high - 1).clamp_min(0)
    saved = logistic_bits(high, terms) - logistic_bits(low, terms)
    one, other = low, high
    if centroids is not None:
        one, other = (n + centroid(n, index, centroids) for n in (low, high))
    gain = weight * ((x - one).square() - (x - other).square())
    return torch.where(saved > gain, low.copysign(s), s)
