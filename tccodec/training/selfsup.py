"""Self-supervision of the encoder's tokens: iBOT (Zhou et al., ICLR 2022), beside reconstruction.

    crop --> two views --+-- cells hidden --> encoder (student) --> tokens --> head --> scores
                         +-- whole ---------> its EMA (teacher) --> tokens --> its EMA --> targets

A head scores each token against a number of learned prototypes. Where cells are hidden, the student
must predict the scores of the teacher, which sees them. For the mean of all tokens of a view, in
the place of a class token, it must predict the teacher's scores of the other view.

The teacher's scores are centred (their running mean is subtracted) and sharpened (a low
temperature). Either alone lets the networks collapse, that is, give all tokens the same scores.
`information` measures that, between tokens and prototypes: it is near one if the probabilities are
sharp and differ from token to token, and near zero if they are all alike or all flat.

Deviations from iBOT: the mean of the tokens for a class token, no local crops, all views have
hidden cells, hidden cells are of 16 pixels whatever the patches are.
"""

from __future__ import annotations

import copy
import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tccodec.config import ModelConfig
from tccodec.training.masks import CELL, block_masks, random_views
from tccodec.training.precision import mixed_precision
from tccodec.transform.encoder import Encoder

HIDDEN, NARROW = 256, 64  # widths of the head
STUDENT_TEMPERATURE = 0.1
GLOBAL_TEMPERATURE, TOKEN_TEMPERATURE = 0.04, 0.07  # the teacher's
CENTRE_DECAY = 0.9
COLLAPSED = 0.02  # information below which the networks have collapsed


def teacher_momentum(done: float, start: float) -> float:
    """The teacher's decay after the share `done` of a run: from `start` to 1 along a cosine."""
    return 1 - (1 - start) * (1 + math.cos(math.pi * done)) / 2


def information(probabilities: Tensor) -> Tensor:
    """How much probabilities `(n, prototypes)` tell about their token; a scalar, 0 to 1.

    The entropy of their mean minus the mean of their entropies, in units of the largest value
    possible.
    """

    def entropy(p: Tensor) -> Tensor:
        return -(p * p.clamp_min(1e-9).log()).sum(-1)

    gained = entropy(probabilities.mean(0)) - entropy(probabilities).mean()
    return gained.clamp_min(0) / math.log(probabilities.shape[-1])


class Head(nn.Module):
    """Tokens `(n, D)` -> cosines with the prototypes, `(n, prototypes)`."""

    def __init__(self, dim: int, prototypes: int) -> None:
        super().__init__()
        self.dim = dim
        self.fc1 = nn.Linear(dim, HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, NARROW)
        self.embed = nn.Parameter(torch.randn(prototypes, NARROW))

    def forward(self, t: Tensor) -> Tensor:
        """The tokens are normalised first: blocks leave them at any size."""
        t = self.fc2(F.gelu(self.fc1(F.layer_norm(t, (self.dim,)))))
        with torch.autocast(t.device.type, enabled=False):  # a temperature of 0.04 needs the digits
            return F.linear(F.normalize(t.float(), dim=-1), F.normalize(self.embed, dim=-1))


class HeadScores(NamedTuple):
    """A network's scores of the hidden tokens and of whole views, before any temperature."""

    tokens: Tensor  # (hidden tokens of all views, prototypes)
    views: Tensor  # (views, prototypes)


class SelfSupervision(nn.Module):
    """The teacher, both heads, and the token that stands for what is hidden."""

    def __init__(self, cfg: ModelConfig, encoder: Encoder, prototypes: int) -> None:
        super().__init__()
        self.cfg = cfg
        self.hidden_embed = nn.Parameter(0.02 * torch.randn(cfg.dim1))
        self.head = Head(cfg.dim2, prototypes)
        self.teacher = copy.deepcopy(encoder).requires_grad_(False)
        self.teacher_head = copy.deepcopy(self.head).requires_grad_(False)
        self.register_buffer("token_centre", torch.zeros(prototypes))
        self.register_buffer("view_centre", torch.zeros(prototypes))
        self.token_centre: Tensor
        self.view_centre: Tensor

    def loss(
        self, encoder: Encoder, x: Tensor, knot_weights: Tensor, *, ratio: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of two views of every second crop of `x (B, 3, H, W)`, a scalar.

        `ratio`: the share of cells that are hidden. Also returns, for the log, `selfsup`, the loss,
        and `information`. Moves the centres.
        """
        x, knot_weights = x[::2], knot_weights[::2].repeat(2, 1)
        views = torch.cat([random_views(x), random_views(x)])
        cells = block_masks(len(views), *(n // CELL for n in x.shape[2:]), ratio=ratio)
        cells = cells.to(x.device)
        with mixed_precision(x.device):
            given = {"knot_weights": knot_weights, "cells": cells}
            student = self.scores(encoder, self.head, views, **given, hide=True)
            with torch.no_grad():
                teacher = self.scores(self.teacher, self.teacher_head, views, **given, hide=False)
        return self.compare(student, teacher)

    def scores(
        self,
        encoder: Encoder,
        head: Head,
        views: Tensor,
        *,
        knot_weights: Tensor,
        cells: Tensor,
        hide: bool,
    ) -> HeadScores:
        """A network's scores of `views (B, 3, H, W)` and of their tokens in some cells.

        cells: which ones, a mask `(B, H / 16, W / 16)`. hide: whether the network is not shown
        them.
        """
        hidden = (_repeated(cells, CELL // self.cfg.patch), self.hidden_embed) if hide else None
        t = encoder.tokens(views, knot_weights, hidden=hidden)
        chosen = t[_repeated(cells, CELL // self.cfg.stage_patch)]
        return HeadScores(head(chosen), head(t.mean((1, 2))))

    def compare(self, student: HeadScores, teacher: HeadScores) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropies of the student's scores: hidden tokens, and views with the other view.

        See `loss` for what it returns.
        """
        tokens = sharpened(teacher.tokens, self.token_centre, temperature=TOKEN_TEMPERATURE)
        views = sharpened(teacher.views, self.view_centre, temperature=GLOBAL_TEMPERATURE)
        self.move_centres(teacher)
        other = views.roll(len(views) // 2, 0)
        loss = _cross_entropy(student.tokens, tokens) + _cross_entropy(student.views, other)
        return loss, {"selfsup": loss.detach(), "information": information(tokens)}

    @torch.no_grad()
    def move_centres(self, teacher: HeadScores) -> None:
        """Move the centres towards the means of the teacher's scores."""
        self.token_centre.lerp_(teacher.tokens.mean(0), 1 - CENTRE_DECAY)
        self.view_centre.lerp_(teacher.views.mean(0), 1 - CENTRE_DECAY)

    @torch.no_grad()
    def update(self, encoder: Encoder, momentum: float) -> None:
        """Move the teacher towards the student: `momentum` of it stays."""
        for mean, live in ((self.teacher, encoder), (self.teacher_head, self.head)):
            torch._foreach_lerp_([*mean.parameters()], [*live.parameters()], 1 - momentum)


def sharpened(scores: Tensor, centre: Tensor, *, temperature: float) -> Tensor:
    """The teacher's scores as probabilities: centred, at its temperature."""
    return ((scores - centre) / temperature).softmax(-1)


def _cross_entropy(student: Tensor, targets: Tensor) -> Tensor:
    return -(targets * (student / STUDENT_TEMPERATURE).log_softmax(-1)).sum(-1).mean()


def _repeated(cells: Tensor, times: int) -> Tensor:
    """A mask of cells as a mask of what each cell has `times x times` of."""
    return cells.repeat_interleave(times, 1).repeat_interleave(times, 2)
