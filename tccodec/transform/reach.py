"""Which latents a part of the picture depends on: the synthesis' receptive field, exactly."""

from __future__ import annotations

from tccodec.transform.config import ModelConfig

Span = tuple[int, int]  # from, to (exclusive)


def _out(span: Span, size: int, *, shift: int = 0) -> Span:
    """The span widened to the grid lines `shift`, `shift + size`, ..."""
    low, high = span[0] - shift, span[1] - shift
    return low // size * size + shift, -(-high // size) * size + shift


def _coarser(span: Span, factor: int) -> Span:
    return span[0] // factor, -(-span[1] // factor)


def _before_blocks(span: Span, count: int, cfg: ModelConfig) -> Span:
    """Tokens that `count` blocks need to compute those of `span`."""
    reach = cfg.dw_kernel // 2
    for i in reversed(range(count)):
        low, high = _out(span, cfg.window, shift=cfg.window // 2 if i % 2 else 0)
        span = low - reach, high + reach
    return span


def latents_for(span: Span, size: int, cfg: ModelConfig) -> Span:
    """Latents, in one direction, that the pixels `span` of a picture of `size` need.

    They begin at a border of the windows of both stages: a synthesis of these latents alone has
    its windows where that of the whole picture has them.
    """
    low, high = _coarser(span, cfg.patch)
    tokens = low - cfg.blend // 2, high + cfg.blend // 2
    tokens = _before_blocks(tokens, cfg.dec_blocks1, cfg)
    # The embedded linear reconstruction; its filter mixes 8 pixels on both sides of a border.
    low, high = _coarser((tokens[0] * cfg.patch - 8, tokens[1] * cfg.patch + 8), 32)
    if cfg.staged:
        tokens = _coarser(tokens, 2)
    tokens = _before_blocks(tokens, cfg.dec_blocks2, cfg)
    wide = _coarser(tokens, 32 // cfg.stage_patch)
    unit = max(1, cfg.window * cfg.stage_patch // 32)
    first = min(low, wide[0]) // unit * unit
    return max(0, first), min(-(-size // 32), max(high, wide[1]))
