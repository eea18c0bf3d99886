"""The latents that a part of the picture depends on: the exact reach of the synthesis."""

from __future__ import annotations

import math

from tccodec.config import ModelConfig
from tccodec.transform.reference import CELL

Span = tuple[int, int]  # from, to (exclusive)


def _widened(span: Span, size: int, *, shift: int = 0) -> Span:
    """The span, widened to the grid `shift`, `shift + size`, ..."""
    low, high = span[0] - shift, span[1] - shift
    return low // size * size + shift, -(-high // size) * size + shift


def _coarser(span: Span, factor: int) -> Span:
    return span[0] // factor, -(-span[1] // factor)


def _inputs_of_blocks(span: Span, count: int, cfg: ModelConfig) -> Span:
    """The input tokens from which `count` blocks compute the tokens of `span`."""
    reach = cfg.dw_kernel // 2
    attending = cfg.attending(count, cfg.dec_attention)
    for i in reversed(range(count)):
        if i in attending:
            shift = cfg.window // 2 if i in attending[1::2] else 0
            span = _widened(span, cfg.window, shift=shift)
        span = span[0] - reach, span[1] + reach
    return span


def window_period(cfg: ModelConfig) -> int:
    """The distance in latents at which the windows of all stages repeat.

    A latent and a window of every stage begin at the same pixel every so many latents.
    """
    return math.lcm(32, cfg.window * cfg.stage_patch) // 32 if cfg.dec_attention else 1


def latents_for(span: Span, size: int, cfg: ModelConfig) -> Span:
    """The latents, in one direction, from which the pixels of `span` are computed.

    `size`: of the whole picture, in pixels. The latents begin at a border of the windows of both
    stages, so their synthesis has the same windows as that of the whole picture.
    """
    # The last stage: cells of the renderer, or tokens of the patch's size.
    side = CELL if cfg.renderer else cfg.patch
    reach = cfg.dw_kernel // 2 if cfg.renderer else cfg.blend // 2
    low, high = _coarser(span, side)
    cells = _inputs_of_blocks((low - reach, high + reach), cfg.dec_blocks1, cfg)
    # The embedded linear reconstruction; its filter mixes 8 pixels on both sides of a border.
    low, high = _coarser((cells[0] * side - 8, cells[1] * side + 8), 32)
    tokens = _coarser(cells, cfg.stage_patch // side)
    tokens = _inputs_of_blocks(tokens, cfg.dec_blocks2, cfg)
    wide = _coarser(tokens, 32 // cfg.stage_patch)
    unit = window_period(cfg)
    first = min(low, wide[0]) // unit * unit
    return max(0, first), min(-(-size // 32), max(high, wide[1]))
