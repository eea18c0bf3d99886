"""What smaller patches cost the codec: CPU seconds of its transforms at equal work per pixel."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch

from benchmarks.common import cpu_seconds, table_head, table_row
from tccodec.config import ModelConfig
from tccodec.model.complexity import complexity
from tccodec.training.config import find_config, load_config
from tccodec.transform.tcae import TCAE

SIDE = 512  # pixels
REPEATS = 5


def with_patches(cfg: ModelConfig, side: int) -> ModelConfig:
    """The same work per pixel with patches of `side` pixels: the smaller they are, the more tokens
    there are, and the narrower."""
    widths = {name: getattr(cfg, name) for name in ("dim1", "dim2", "bottleneck", "head_dim")}
    scaled = {name: width * side // cfg.patch for name, width in widths.items()}
    return replace(cfg, patch=side, **scaled)


@torch.inference_mode()
def times() -> str:
    """A table of the released shape and of the next one, with patches of 8 and of 4, in fp32."""
    lines = [table_head("shape", "patches", "kMAC/px, both", "encoder, s/MP", "decoder, s/MP")]
    for name in ("tcae-s", "next"):
        base, _ = load_config(find_config(name))
        x = torch.rand(1, 3, SIDE, SIDE) * 255
        knot_weights = torch.zeros(1, base.knots)
        knot_weights[0, 3] = 1
        latents = torch.zeros(1, SIDE // 32, SIDE // 32, base.latents)
        for cfg in (with_patches(base, side) for side in (8, 4)):
            cost = complexity(cfg)
            tcae = TCAE(cfg).eval()
            took = (
                cpu_seconds(REPEATS, partial(tcae.encoder, x, knot_weights)),
                cpu_seconds(REPEATS, partial(tcae.decoder, latents, x, knot_weights)),
            )
            work = f"{cost.encoder_kmac + cost.decoder_kmac:.1f}"
            seconds = [f"{s / SIDE**2 * 1e6:.2f}" for s in took]
            lines.append(table_row([name, cfg.patch, work, *seconds]))
    return "\n".join(lines)
